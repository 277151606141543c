// Members of groups that read nothing: they join, share a topic's partitions,
// and say that they live. One process holds many, over kq's own connections, the
// same for any broker, so that what is measured is how soon the coordinator
// brings a group together.
//
// A member's connection may be cut without a word, as when its machine is gone.

import {
  CONSUMER_PROTOCOL_TYPE,
  decodeAssignment,
  encodeAssignment,
  encodeSubscription,
} from "../core/client/consumer_protocol.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { KafkaConnection } from "../core/rpc/client.ts";
import { exchange } from "../core/rpc/exchange.ts";
import { errorByCode, ErrorCode } from "../core/wire/kafka/errors.ts";
import {
  heartbeatRequest,
  heartbeatResponse,
} from "../core/wire/kafka/messages/heartbeat.ts";
import {
  joinGroupRequest,
  type JoinGroupResponse,
  joinGroupResponse,
} from "../core/wire/kafka/messages/join_group.ts";
import {
  syncGroupRequest,
  syncGroupResponse,
} from "../core/wire/kafka/messages/sync_group.ts";

const JOIN_GROUP = exchange(joinGroupRequest, joinGroupResponse);
const SYNC_GROUP = exchange(syncGroupRequest, syncGroupResponse);
const HEARTBEAT = exchange(heartbeatRequest, heartbeatResponse);
/** What the leader does here is simpler: one partition in turn. */
const ASSIGNOR = "range";
const REBALANCE_TIMEOUT_MS = 60_000;
/** What tells a member to join again, as it is or as a new one. */
const REJOIN: ReadonlySet<number> = new Set([
  // A partition of the broker's own topic that it has just made.
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
]);

export interface GroupPlan {
  readonly port: number;
  readonly groupId: string;
  readonly topic: string;
  readonly partitionCount: number;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
}

/** One member: where it is, as far as it has been told. */
class Member {
  memberId = "";
  generation = -1;
  partitionCount = 0;
  isStable = false;
  isCut = false;
  readonly #plan: GroupPlan;
  readonly #connection: KafkaConnection;
  readonly #onChange: () => void;

  constructor(
    plan: GroupPlan,
    connection: KafkaConnection,
    onChange: () => void,
  ) {
    this.#plan = plan;
    this.#connection = connection;
    this.#onChange = onChange;
  }

  cut(): void {
    this.isCut = true;
    this.isStable = false;
    this.#connection.close();
  }

  async live(): Promise<void> {
    while (!this.isCut) {
      try {
        if (!await this.#join()) continue;
        this.isStable = true;
        this.#onChange();
        await this.#beat();
        this.isStable = false;
      } catch (error) {
        if (!this.isCut) throw error;
      }
    }
  }

  /** Joins once; says whether that went through. */
  async #join(): Promise<boolean> {
    const { groupId, topic, sessionTimeoutMs } = this.#plan;
    const joined = await this.#connection.send(JOIN_GROUP, {
      groupId,
      sessionTimeoutMs,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      memberId: this.memberId,
      protocolType: CONSUMER_PROTOCOL_TYPE,
      protocols: [{
        name: ASSIGNOR,
        metadata: encodeSubscription({
          topics: [topic],
          userData: null,
          ownedPartitions: [],
          generationId: -1,
          rackId: null,
        }),
      }],
    }, { timeoutMs: 2 * REBALANCE_TIMEOUT_MS });
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.memberId = joined.memberId;
      return false;
    }
    if (!this.#goesOn(joined.errorCode)) return false;
    this.memberId = joined.memberId;
    const synced = await this.#connection.send(SYNC_GROUP, {
      groupId,
      generationId: joined.generationId,
      memberId: this.memberId,
      protocolType: CONSUMER_PROTOCOL_TYPE,
      protocolName: joined.protocolName,
      assignments: joined.leader === this.memberId ? this.#assign(joined) : [],
    });
    if (!this.#goesOn(synced.errorCode)) return false;
    this.generation = joined.generationId;
    this.partitionCount = decodeAssignment(synced.assignment).length;
    return true;
  }

  #assign({ members }: JoinGroupResponse) {
    const { topic, partitionCount } = this.#plan;
    return members.map(({ memberId }, index) => {
      const partitions = [];
      for (let i = index; i < partitionCount; i += members.length) {
        partitions.push({ topic, partition: i });
      }
      return { memberId, assignment: encodeAssignment(partitions) };
    });
  }

  /** Says that it lives until it has to join again. */
  async #beat(): Promise<void> {
    const { groupId, heartbeatMs } = this.#plan;
    for (;;) {
      await new Promise((done) => setTimeout(done, heartbeatMs));
      const { errorCode } = await this.#connection.send(HEARTBEAT, {
        groupId,
        generationId: this.generation,
        memberId: this.memberId,
      });
      if (!this.#goesOn(errorCode)) return;
    }
  }

  #goesOn(errorCode: number): boolean {
    if (errorCode === ErrorCode.NONE) return true;
    if (!REJOIN.has(errorCode)) {
      throw new Error(`A member got ${errorByCode(errorCode).name}`);
    }
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.memberId = "";
    return false;
  }
}

/** A group whose members all live here. */
export class MemberPool {
  readonly #plan: GroupPlan;
  readonly #members: Member[] = [];
  #failure: Error | null = null;
  #waiting: (() => void) | null = null;

  constructor(plan: GroupPlan) {
    this.#plan = plan;
  }

  async add(): Promise<void> {
    const connection = await KafkaConnection.open(
      denoHost(),
      { host: "127.0.0.1", port: this.#plan.port },
      { clientId: "bench" },
    );
    const changed = () => this.#waiting?.();
    const member = new Member(this.#plan, connection, changed);
    this.#members.push(member);
    member.live().catch((error) => {
      this.#failure = error;
      changed();
    });
  }

  /** Cuts the first members' connections, the leader's among them. */
  cut(count: number): void {
    for (const member of this.#members.splice(0, count)) member.cut();
  }

  /** Waits until all are of one generation and hold all partitions together. */
  async settled(): Promise<void> {
    while (!this.#isSettled()) {
      await new Promise<void>((done) => this.#waiting = done);
      if (this.#failure !== null) throw this.#failure;
    }
  }

  close(): void {
    this.cut(this.#members.length);
  }

  #isSettled(): boolean {
    const generation = this.#members[0].generation;
    let held = 0;
    for (const member of this.#members) {
      if (!member.isStable || member.generation !== generation) return false;
      held += member.partitionCount;
    }
    return held === this.#plan.partitionCount;
  }
}
