// What three ZooKeeper servers said to each other, byte for byte: election, first
// epoch, DIFF, SNAP, proposals, sessions. All of it is read, and gives the same
// bytes when it is written again.

import { deepEqual, equal, ok } from "node:assert/strict";
import { bytesEqual, concatBytes } from "../../base/bytes.ts";
import { type Connection, HostError } from "../../host/host.ts";
import { Reader } from "../../wire/reader.ts";
import { decodeProposal, proposalOf } from "../proposal.ts";
import { encodeState } from "../snapshot.ts";
import { decodeTxn } from "../txn.ts";
import { encodePayload } from "../txn_log.ts";
import {
  decodeInt,
  decodeLearnerInfo,
  decodeRequest,
  decodeRevalidated,
  decodeSessions,
  encodeInt,
  encodeLearnerInfo,
  encodeRequest,
  encodeRevalidated,
  encodeSessions,
} from "./packet_data.ts";
import {
  PacketStream,
  PacketType,
  type QuorumPacket,
} from "./packet_stream.ts";
import { QuorumConfig } from "./quorum_config.ts";
import { receiveSnapshot } from "./snapshot_transfer.ts";
import { decodeNotification, encodeNotification } from "./vote.ts";

/** All that went one way over one connection. */
interface Flow {
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

const QUORUM_PORT = 24280;
const ELECTION_PORT = 24380;

async function readCapture(): Promise<Flow[]> {
  const url = new URL(
    "../../../testdata/quorum/capture.jsonl.gz",
    import.meta.url,
  );
  const packed = (await Deno.open(url)).readable;
  const text = await new Response(
    packed.pipeThrough(new DecompressionStream("gzip")),
  ).text();
  const flows = new Map<
    string,
    { from: number; to: number; parts: Uint8Array[] }
  >();
  for (const line of text.trim().split("\n")) {
    const { stream, from, to, hex } = JSON.parse(line);
    const key = `${stream} ${from}`;
    let flow = flows.get(key);
    if (flow === undefined) flows.set(key, flow = { from, to, parts: [] });
    flow.parts.push(Uint8Array.fromHex(hex));
  }
  return [...flows.values()].map(({ from, to, parts }) => ({
    from,
    to,
    bytes: concatBytes(parts),
  }));
}

function isPort(port: number, of: number): boolean {
  return port > of && port <= of + 3;
}

/** A connection that gives what was captured, and keeps what is written to it. */
class Replay implements Connection {
  readonly peer = "capture";
  readonly local = "test";
  readonly #parts: Uint8Array[] = [];
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get written(): Uint8Array {
    return concatBytes(this.#parts);
  }

  read(target: Uint8Array): Promise<number | null> {
    const part = this.#bytes.subarray(
      this.#position,
      this.#position + Math.min(target.length, 777),
    );
    target.set(part);
    this.#position += part.length;
    return Promise.resolve(part.length === 0 ? null : part.length);
  }

  write(source: Uint8Array): Promise<void> {
    this.#parts.push(source.slice());
    return Promise.resolve();
  }

  close(): void {}
}

/** What a packet carries, read and written anew. */
function again(
  { type, zxid, data, authinfo }: QuorumPacket,
): Uint8Array | null {
  switch (type) {
    case PacketType.followerInfo:
    case PacketType.observerInfo:
      return encodeLearnerInfo(decodeLearnerInfo(data));
    case PacketType.leaderInfo:
    case PacketType.ackEpoch:
      return encodeInt(decodeInt(data));
    case PacketType.newLeader: {
      const text = new TextDecoder().decode(data!);
      return new TextEncoder().encode(QuorumConfig.parse(text).toText());
    }
    case PacketType.proposal: {
      const { context, txn, bytes } = decodeProposal(data!);
      equal(context.zxid, zxid);
      ok(bytesEqual(bytes, data!));
      const logged = decodeTxn(data!);
      // The same but for the digest, which who decides may leave out.
      const plain = proposalOf(context, txn).bytes;
      ok(bytesEqual(plain, data!.subarray(0, plain.length)));
      return encodePayload(logged);
    }
    case PacketType.request:
      return encodeRequest(decodeRequest({ type, zxid, data, authinfo }));
    case PacketType.ping:
      return data === null ? null : encodeSessions(decodeSessions(data));
    case PacketType.revalidate: {
      if (data!.length === 12) return encodeSessions(decodeSessions(data));
      const { sessionId, isAlive } = decodeRevalidated(data);
      return encodeRevalidated(sessionId, isAlive);
    }
    default:
      return data;
  }
}

/** @returns How many packets of each type there were. */
async function replayQuorum(flow: Flow): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  const source = new PacketStream(new Replay(flow.bytes));
  const sink = new Replay(new Uint8Array(0));
  const target = new PacketStream(sink);
  for (;;) {
    let packet: QuorumPacket;
    try {
      packet = await source.receive();
    } catch (error) {
      ok(error instanceof HostError && error.kind === "closed");
      break;
    }
    const { type, zxid, authinfo } = packet;
    counts.set(type, (counts.get(type) ?? 0) + 1);
    target.send(type, zxid, again(packet), authinfo);
    if (type !== PacketType.snap) continue;
    await target.drained();
    const tree = await receiveSnapshot(source, zxid);
    equal(tree.lastZxid, zxid);
    const position = sink.written.length;
    const bytes = concatBytes([...encodeState(tree)]);
    const captured = flow.bytes.subarray(position);
    // Znodes go in another order; nothing else differs.
    deepEqual(
      (await receiveSnapshot(
        new PacketStream(
          new Replay(
            concatBytes([bytes, captured.subarray(bytes.length)]),
          ),
        ),
        zxid,
      )).digest,
      tree.digest,
    );
    await target.sendBytes(captured.slice(0, bytes.length + 14));
  }
  await target.drained();
  deepEqual(sink.written, flow.bytes);
  return counts;
}

function replayElection({ from, bytes }: Flow): number {
  const reader = new Reader(bytes);
  // Who opened the connection says first who it is.
  if (!isPort(from, ELECTION_PORT)) {
    equal(reader.bigInt64(), -65536n);
    reader.bigInt64();
    reader.utf8(reader.int32());
  }
  let count = 0;
  while (reader.remaining > 0) {
    const start = reader.position;
    const notification = decodeNotification(reader.view(reader.int32()));
    deepEqual(
      encodeNotification(notification),
      bytes.subarray(start, reader.position),
    );
    const { config } = notification;
    equal(QuorumConfig.parse(config).toText(), config);
    count++;
  }
  return count;
}

Deno.test("every packet that ZooKeeper servers sent each other is read, and written as it was", async () => {
  const flows = await readCapture();
  const counts = new Map<number, number>();
  let flowCount = 0;
  for (const flow of flows) {
    if (!isPort(flow.from, QUORUM_PORT) && !isPort(flow.to, QUORUM_PORT)) {
      continue;
    }
    flowCount++;
    for (const [type, count] of await replayQuorum(flow)) {
      counts.set(type, (counts.get(type) ?? 0) + count);
    }
  }
  equal(flowCount, 8);
  const seen = (type: number) => counts.get(type) ?? 0;
  equal(seen(PacketType.snap), 1);
  ok(seen(PacketType.diff) >= 2);
  ok(seen(PacketType.proposal) > 200);
  ok(seen(PacketType.ack) > 100);
  ok(seen(PacketType.request) > 0);
  equal(seen(PacketType.followerInfo), seen(PacketType.leaderInfo));
});

Deno.test("every vote that ZooKeeper servers sent each other is read, and written as it was", async () => {
  let count = 0;
  for (const flow of await readCapture()) {
    const isElection = isPort(flow.from, ELECTION_PORT) ||
      isPort(flow.to, ELECTION_PORT);
    if (isElection) count += replayElection(flow);
  }
  ok(count > 20, `${count} votes`);
});
