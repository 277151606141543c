// A consumer's membership of its group, by the classic protocol.
//
//   out ── JoinGroup, SyncGroup ──→ joined ── heartbeats ──→ (asked to) join again
//
// A rebalance starts and ends in the application's polls: `needsJoin` asks for
// `join`, whose outcome waits in `outcome` until it is taken. In between the
// requests go on in the background, and so do heartbeats.
//
// Source: Kafka protocol guide, "Group Membership API"; KIP-62 (heartbeats), KIP-345
// (fixed names), KIP-394 (member ids first).

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  heartbeatRequest,
  heartbeatResponse,
} from "../wire/kafka/messages/heartbeat.ts";
import {
  leaveGroupRequest,
  leaveGroupResponse,
} from "../wire/kafka/messages/leave_group.ts";
import { asError, errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import type { GroupSettings } from "./consumer_settings.ts";
import { isCoordinatorFailure } from "./coordinator_calls.ts";
import { CoordinatorNode } from "./coordinator_node.ts";
import type { Committer } from "./group_offsets.ts";
import {
  type JoinOutcome,
  type JoinPlan,
  MemberIdRequired,
  sendJoin,
} from "./group_join.ts";
import { isExpulsion, type Membership } from "./membership.ts";

const HEARTBEAT = exchange(heartbeatRequest, heartbeatResponse);
const LEAVE_GROUP = exchange(leaveGroupRequest, leaveGroupResponse);
/** The first version that names members in a list. */
const LEAVE_LIST_VERSION_MIN = 3;

export interface GroupMemberParts {
  readonly cluster: Cluster;
  readonly settings: GroupSettings;
  /** What to join with, as of now. */
  readonly plan: () => JoinPlan;
  /** Told when `needsJoin`, `outcome`, `isLost` or `takeFailure` has changed. */
  readonly onChange: () => void;
}

const OUT = { memberId: "", generationId: -1 };

export class GroupMember implements Membership {
  readonly keepsPartitions = false;
  readonly #parts: GroupMemberParts;
  readonly #coordinator: CoordinatorNode;
  #identity: { readonly memberId: string; readonly generationId: number } = OUT;
  #isWanted = false;
  #isLost = false;
  #outcome: JoinOutcome | null = null;
  #failure: Error | null = null;
  #joining: Promise<void> | null = null;
  #lastPollMs = 0;
  #lastHeartbeatMs = 0;
  #isBeating = false;
  #cancelTimer: (() => void) | null = null;
  #isClosed = false;

  constructor(parts: GroupMemberParts) {
    this.#parts = parts;
    this.#coordinator = new CoordinatorNode(
      parts.cluster,
      parts.settings.groupId,
    );
  }

  /** Whose commits these are. */
  get committer(): Committer {
    const { groupId, instanceId } = this.#parts.settings;
    return { group: groupId, instanceId, ...this.#identity };
  }

  get generationId(): number {
    return this.#identity.generationId;
  }

  /** True where `join` has to be called. */
  get needsJoin(): boolean {
    return this.#isWanted && this.#joining === null && this.#outcome === null;
  }

  get isJoining(): boolean {
    return this.#joining !== null;
  }

  /** True where others may have what this member owned. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Asks for a join with the next poll. */
  requestJoin(): void {
    this.#isWanted = true;
    this.#parts.onChange();
  }

  /** Notes that the application is alive. */
  notePoll(): void {
    this.#lastPollMs = this.#nowMs();
  }

  /** Why this is no member, told once. */
  takeFailure(): Error | null {
    const failure = this.#failure;
    // Who was fenced stays out: there is another member of the same name.
    const isFenced = failure instanceof KafkaError &&
      failure.errorName === "FENCED_INSTANCE_ID";
    if (!isFenced) this.#failure = null;
    return failure;
  }

  /** How the last join ended, once. */
  takeOutcome(): JoinOutcome | null {
    const outcome = this.#outcome;
    this.#outcome = null;
    return outcome;
  }

  /** What was given up is for others, who get it in another round. */
  noteAssigned({ hasRevoked }: { readonly hasRevoked: boolean }): void {
    if (hasRevoked) this.requestJoin();
  }

  /** Starts to join; what was owned has been given up as far as it has to be. */
  join(): void {
    this.#isWanted = false;
    this.#isLost = false;
    this.#joining = this.#joinUntilDone().finally(() => {
      this.#joining = null;
      this.#parts.onChange();
    });
  }

  /**
   * The broker that coordinates the group.
   *
   * @throws {KafkaError} Where there is none for now.
   * @throws {ClusterUnreachableError} Where no broker answers.
   */
  coordinator(deadlineMs: number): Promise<number> {
    return this.#coordinator.find(deadlineMs);
  }

  /** Has the coordinator looked for again where an error says so. */
  noteFailure(error: unknown): void {
    this.#coordinator.noteFailure(error);
  }

  /** Notes that the coordinator does not know this member, or this generation, any more. */
  noteExpulsion(error: KafkaError, as: Committer): void {
    const { memberId, generationId } = this.#identity;
    if (as.memberId !== memberId || as.generationId !== generationId) return;
    // The generation may have begun that the answer to come tells of.
    if (this.#joining !== null) return;
    this.#expelled(error);
  }

  /** Leaves; a member with a fixed name stays, until its session ends. */
  async leave(reason: string, deadlineMs: number): Promise<void> {
    const { cluster, settings } = this.#parts;
    const { memberId } = this.#identity;
    this.#stopBeating();
    this.#identity = OUT;
    if (memberId === "" || settings.instanceId !== null) return;
    try {
      const nodeId = await this.coordinator(deadlineMs);
      await cluster.callNode(nodeId, LEAVE_GROUP, (version) => ({
        groupId: settings.groupId,
        memberId: version < LEAVE_LIST_VERSION_MIN ? memberId : "",
        members: version < LEAVE_LIST_VERSION_MIN
          ? []
          : [{ memberId, groupInstanceId: null, reason }],
      }), { deadlineMs });
    } catch {
      // The session ends by itself where the word did not arrive.
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#stopBeating();
  }

  async #joinUntilDone(): Promise<void> {
    const { cluster, settings } = this.#parts;
    const giveUpMs = cluster.deadline();
    for (let attempt = 1; !this.#isClosed; attempt++) {
      const deadlineMs = cluster.deadline();
      try {
        const nodeId = await this.coordinator(deadlineMs);
        this.#stopBeating();
        const outcome = await sendJoin(cluster, {
          nodeId,
          settings,
          memberId: this.#identity.memberId,
          plan: this.#parts.plan(),
          onJoined: (identity) => this.#identity = identity,
        });
        if (this.#isClosed) return;
        this.#outcome = outcome;
        this.#lastHeartbeatMs = this.#nowMs();
        this.#beatLater();
        return;
      } catch (error) {
        if (error instanceof MemberIdRequired) {
          this.#identity = { memberId: error.memberId, generationId: -1 };
          continue;
        }
        if (!this.#mayJoinAgain(error)) return;
        if (isCoordinatorFailure(error) && this.#nowMs() < giveUpMs) {
          await cluster.pause(attempt, Infinity);
        } else {
          // The application hears of it, and may poll on.
          if (isCoordinatorFailure(error)) this.#failure = asError(error);
          // Through a poll, as what was owned may be lost.
          this.#isWanted = true;
          if (this.#identity.generationId >= 0) this.#beatLater();
          return;
        }
      }
    }
  }

  /** Takes in why a join failed; @returns false where it is no use to go on. */
  #mayJoinAgain(error: unknown): boolean {
    this.noteFailure(error);
    if (isCoordinatorFailure(error)) return !this.#isClosed;
    if (error instanceof KafkaError) {
      if (error.errorName === "REBALANCE_IN_PROGRESS") return true;
      if (isExpulsion(error)) {
        this.#expelled(error);
        return true;
      }
    }
    this.#fail(error);
    return false;
  }

  #expelled(error: KafkaError): void {
    const { memberId } = this.#identity;
    if (error.errorName === "FENCED_INSTANCE_ID") return this.#fail(error);
    this.#identity = error.errorName === "UNKNOWN_MEMBER_ID"
      ? OUT
      : { memberId, generationId: -1 };
    this.#isLost = true;
    this.#stopBeating();
    this.requestJoin();
  }

  #fail(error: unknown): void {
    const failure = asError(error);
    this.#failure = failure instanceof KafkaError
      ? new KafkaError(
        failure.errorName,
        `Group ${this.#parts.settings.groupId}: ${failure.message}`,
        { cause: failure },
      )
      : new KafkaError("UNKNOWN_SERVER_ERROR", failure.message, {
        cause: failure,
      });
    this.#isLost = true;
    this.#isWanted = true;
    this.#identity = OUT;
    this.#stopBeating();
    this.#parts.onChange();
  }

  #beatLater(): void {
    const { cluster, settings } = this.#parts;
    this.#isBeating = true;
    this.#cancelTimer?.();
    this.#cancelTimer = cluster.host.clock.after(
      settings.heartbeatIntervalMs,
      () => void this.#beat(),
    );
  }

  #stopBeating(): void {
    this.#isBeating = false;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  async #beat(): Promise<void> {
    const { cluster, settings } = this.#parts;
    const as = this.committer;
    const nowMs = this.#nowMs();
    if (nowMs - this.#lastPollMs > settings.pollIntervalMaxMs) {
      return await this.#leaveStuck();
    }
    if (nowMs - this.#lastHeartbeatMs > settings.sessionTimeoutMs) {
      this.#coordinator.forget();
      this.#lastHeartbeatMs = nowMs;
    }
    const deadlineMs = cluster.deadline(settings.sessionTimeoutMs);
    try {
      const nodeId = await this.coordinator(deadlineMs);
      if (!this.#isSame(as)) return;
      const answer = await cluster.callNode(nodeId, HEARTBEAT, {
        groupId: as.group,
        generationId: as.generationId,
        memberId: as.memberId,
        groupInstanceId: as.instanceId,
      }, { deadlineMs, lane: "group" });
      if (!this.#isSame(as)) return;
      this.#takeHeartbeat(errorOfCode(answer.errorCode));
    } catch (error) {
      if (!this.#isSame(as)) return;
      this.noteFailure(error);
    }
    if (this.#isSame(as)) this.#beatLater();
  }

  #takeHeartbeat(error: KafkaError | null): void {
    if (error === null || error.errorName === "REBALANCE_IN_PROGRESS") {
      this.#lastHeartbeatMs = this.#nowMs();
      if (error !== null && !this.#isWanted) this.requestJoin();
    } else if (isExpulsion(error)) {
      this.#expelled(error);
    } else if (isCoordinatorFailure(error)) {
      this.noteFailure(error);
    } else {
      this.#fail(error);
    }
  }

  /** The application has not polled for too long: others go on with its partitions. */
  async #leaveStuck(): Promise<void> {
    const { cluster } = this.#parts;
    await this.leave(
      "consumer poll timeout has expired.",
      cluster.deadline(cluster.settings.requestTimeoutMs),
    );
    this.#isLost = true;
    this.requestJoin();
  }

  /** True while the membership is the one that a request was sent under. */
  #isSame(as: Committer): boolean {
    const { memberId, generationId } = this.#identity;
    return this.#isBeating && !this.#isClosed && memberId === as.memberId &&
      generationId === as.generationId;
  }

  #nowMs(): number {
    return this.#parts.cluster.host.clock.monotonicMs();
  }
}
