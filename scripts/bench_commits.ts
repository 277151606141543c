// Ten thousand groups that commit all the time, each by a member of its own on
// a connection of its own. Requests are encoded once, and answers are looked at
// for their error only, so that the load leaves the broker the machine.

import {
  CONSUMER_PROTOCOL_TYPE,
  encodeSubscription,
} from "../core/client/consumer_protocol.ts";
import { codecFor } from "../core/wire/kafka/codec.ts";
import { errorByCode } from "../core/wire/kafka/errors.ts";
import {
  decodeResponseHeader,
  encodeRequestHeader,
} from "../core/wire/kafka/headers.ts";
import {
  joinGroupRequest,
  joinGroupResponse,
} from "../core/wire/kafka/messages/join_group.ts";
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from "../core/wire/kafka/messages/offset_commit.ts";
import {
  syncGroupRequest,
  syncGroupResponse,
} from "../core/wire/kafka/messages/sync_group.ts";
import type {
  Infer,
  InferInput,
  MessageSchema,
} from "../core/wire/kafka/schema.ts";
import { Reader } from "../core/wire/reader.ts";
import { Writer } from "../core/wire/writer.ts";

const PREFIX_BYTES = 4;
/** The last version that takes a member in at once, without an id first. */
const JOIN_VERSION = 3;
const SYNC_VERSION = 2;
const COMMIT_VERSION = 8;
const SESSION_TIMEOUT_MS = 60_000;
const TICK_MS = 10;

function encode<S extends MessageSchema>(
  schema: S,
  version: number,
  request: InferInput<S>,
): Uint8Array<ArrayBuffer> {
  const writer = new Writer(new Uint8Array(1024));
  writer.int32(0);
  encodeRequestHeader(writer, {
    apiKey: schema.key!,
    apiVersion: version,
    correlationId: 1,
    clientId: "bench",
  });
  codecFor(schema, version).encode(writer, request);
  writer.patchInt32(0, writer.position - PREFIX_BYTES);
  return writer.written().slice();
}

function decode<S extends MessageSchema>(
  schema: S,
  version: number,
  answer: Uint8Array,
): Infer<S> {
  const reader = new Reader(answer);
  decodeResponseHeader(reader, { apiKey: schema.key!, apiVersion: version });
  return codecFor(schema, version).decode(reader);
}

function check(errorCode: number): void {
  if (errorCode !== 0) throw new Error(`Got ${errorByCode(errorCode).name}`);
}

/** The only member of a group. */
class Committer {
  /** Answers so far. */
  answeredCount = 0;
  isWaiting = false;
  readonly #connection: Deno.TcpConn;
  readonly #buffer = new Uint8Array(1024);
  #commit = new Uint8Array(0);

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async open(
    port: number,
    groupId: string,
    topic: string,
    partitionCount: number,
  ): Promise<Committer> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    const member = new Committer(connection);
    await member.#join(groupId, topic, partitionCount);
    return member;
  }

  close(): void {
    this.#connection.close();
  }

  /** Commits once; the answer is waited for, not its time. */
  async commit(): Promise<void> {
    this.isWaiting = true;
    const answer = await this.#ask(this.#commit);
    this.isWaiting = false;
    if (this.answeredCount++ > 0) return;
    const decoded = decode(offsetCommitResponse, COMMIT_VERSION, answer);
    for (const { partitions } of decoded.topics) {
      for (const { errorCode } of partitions) check(errorCode);
    }
  }

  async #join(groupId: string, topic: string, partitionCount: number) {
    const joined = decode(
      joinGroupResponse,
      JOIN_VERSION,
      await this.#ask(encode(joinGroupRequest, JOIN_VERSION, {
        groupId,
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
        rebalanceTimeoutMs: SESSION_TIMEOUT_MS,
        memberId: "",
        protocolType: CONSUMER_PROTOCOL_TYPE,
        protocols: [{
          name: "range",
          metadata: encodeSubscription({
            topics: [topic],
            userData: null,
            ownedPartitions: [],
            generationId: -1,
            rackId: null,
          }),
        }],
      })),
    );
    check(joined.errorCode);
    const { memberId, generationId } = joined;
    const assignment = new Uint8Array(100);
    const synced = await this.#ask(encode(syncGroupRequest, SYNC_VERSION, {
      groupId,
      generationId,
      memberId,
      assignments: [{ memberId, assignment }],
    }));
    check(decode(syncGroupResponse, SYNC_VERSION, synced).errorCode);
    this.#commit = encode(offsetCommitRequest, COMMIT_VERSION, {
      groupId,
      memberId,
      generationIdOrMemberEpoch: generationId,
      topics: [{
        name: topic,
        partitions: Array.from({ length: partitionCount }, (_, index) => ({
          partitionIndex: index,
          committedOffset: 1_000_000 + index,
          committedMetadata: "",
        })),
      }],
    });
  }

  /** Sends a frame; gives the answer without its size. */
  async #ask(frame: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    await this.#connection.write(frame);
    const buffer = this.#buffer;
    let filled = 0;
    let wantedBytes = PREFIX_BYTES;
    while (filled < wantedBytes) {
      const count = await this.#connection.read(buffer.subarray(filled));
      if (count === null) throw new Error("The broker closed a connection");
      filled += count;
      if (filled >= PREFIX_BYTES) {
        wantedBytes = PREFIX_BYTES + new DataView(buffer.buffer).getInt32(0);
      }
    }
    return buffer.subarray(PREFIX_BYTES, filled);
  }
}

export interface CommitLoad {
  readonly port: number;
  readonly topic: string;
  readonly groupCount: number;
  readonly partitionCount: number;
}

/** All the groups, joined. */
export class CommitterPool {
  #members: Committer[] = [];
  #failure: unknown = null;

  /** Connects and joins them, some at a time. */
  async open(load: CommitLoad): Promise<void> {
    const { port, topic, groupCount, partitionCount } = load;
    let next = 0;
    const open = async () => {
      while (next < groupCount) {
        const groupId = `committing-${next++}`;
        this.#members.push(
          await Committer.open(port, groupId, topic, partitionCount),
        );
      }
    };
    await Promise.all(Array.from({ length: 64 }, open));
  }

  /**
   * Lets the groups commit in turn, evenly spread over the time; one whose answer
   * is still out is passed over.
   *
   * @param count Answers after which it ends.
   * @param perSecond Commits of all groups together, at most.
   * @returns The seconds that it took.
   */
  async run(count: number, perSecond: number): Promise<number> {
    const members = this.#members;
    const end = this.#answeredCount() + count;
    const startMs = performance.now();
    let turn = 0;
    while (this.#answeredCount() < end) {
      if (this.#failure !== null) throw this.#failure;
      const elapsedMs = performance.now() - startMs;
      // Turns that came and went while the machine was busy are not made up for.
      const due = Math.floor(elapsedMs / 1000 * perSecond);
      turn = Math.max(turn, due - members.length);
      for (; turn < due; turn++) {
        const member = members[turn % members.length];
        if (member.isWaiting) continue;
        member.commit().catch((error) => this.#failure ??= error);
      }
      await new Promise((done) => setTimeout(done, TICK_MS));
    }
    return (performance.now() - startMs) / 1000;
  }

  close(): void {
    for (const member of this.#members.splice(0)) member.close();
  }

  #answeredCount(): number {
    return this.#members.reduce((sum, each) => sum + each.answeredCount, 0);
  }
}
