// A classic group: its members, its generation, where it is between two of them.
//
//   Empty ─► PreparingRebalance ─► CompletingRebalance ─► Stable
//              members join again    the leader assigns    │
//                  ▲────────────────────────┴──────────────┘ one comes or goes
//
// What a record says (`restore`) is what survives: generation, members and their
// assignments as of the last time that the group was stable or empty. The rest is
// the way from one such point to the next, and lives in memory alone.
//
// Source: Kafka protocol guide; KIP-134 (initial delay), KIP-345 (static
// members), KIP-394 (member ids); observed on Kafka 3.9.

import { ErrorCode } from "../../wire/kafka/errors.ts";
import type { Infer } from "../../wire/kafka/schema.ts";
import type { groupMetadataValue } from "../../wire/kafka/messages/group_records.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import type { Now } from "../../shards/shard_content.ts";
import type { Committer, Group, OffsetExpiry, OffsetReader } from "../group.ts";
import {
  ClassicMember,
  type JoinReply,
  type MemberProtocol,
} from "./classic_member.ts";
import { subscribedTopics } from "./subscription.ts";

export type ClassicState =
  | "Empty"
  | "PreparingRebalance"
  | "CompletingRebalance"
  | "Stable"
  | "Dead";

/** Protocol type of groups whose members read topics. */
export const CONSUMER_PROTOCOL_TYPE = "consumer";

type StoredGroup = Infer<typeof groupMetadataValue>;

/** What the first rebalance of a group still waits for. */
export interface InitialDelay {
  readonly remainingMs: number;
}

export class ClassicGroup implements Group {
  readonly type = "classic";
  readonly groupId: string;
  state: ClassicState = "Empty";
  protocolType = "";
  generation = 0;
  protocolName: string | null = null;
  leaderId: string | null = null;
  /** Wall clock; -1 where a record of old did not say. */
  stateTimestampMs = -1;
  /** By member id, in the order in which they came. */
  readonly members = new Map<string, ClassicMember>();
  /** Member id by instance id. */
  readonly staticMembers = new Map<string, string>();
  /** Ids that were handed out and have not joined yet, with their deadlines. */
  readonly pendingMembers = new Map<string, number>();
  /** Who has yet to ask for the assignment of this generation. */
  readonly pendingSyncs = new Set<string>();
  /** When the joining ends, whoever is there. */
  joinDeadlineMs = Infinity;
  /** When members that have not asked for their assignment are gone. */
  syncDeadlineMs = Infinity;
  /** Set while the first rebalance waits for more members. */
  initialDelay: InitialDelay | null = null;
  /** Somebody came while it waited. */
  hasNewMember = false;

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  get stateName(): string {
    return this.state;
  }

  get isEmpty(): boolean {
    return this.state === "Empty";
  }

  get leader(): ClassicMember | null {
    return this.leaderId === null
      ? null
      : this.members.get(this.leaderId) ?? null;
  }

  get awaitingJoinCount(): number {
    let count = 0;
    for (const member of this.members.values()) {
      if (member.awaitingJoin !== null) count++;
    }
    return count;
  }

  /** The longest that any member asks for. */
  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.members.values()) {
      longest = Math.max(longest, rebalanceTimeoutMs);
    }
    return longest;
  }

  /** Whether everybody who is known has joined, and nobody is on the way. */
  get hasAllJoined(): boolean {
    return this.awaitingJoinCount === this.members.size &&
      this.pendingMembers.size === 0;
  }

  moveTo(state: ClassicState, now: Now): void {
    this.state = state;
    this.stateTimestampMs = now.wallMs;
  }

  /** Takes a member in; it waits for the answer to its JoinGroup. */
  add(member: ClassicMember, reply: JoinReply): void {
    if (this.members.size === 0) this.protocolType = member.protocolType;
    this.members.set(member.memberId, member);
    if (member.groupInstanceId !== null) {
      this.staticMembers.set(member.groupInstanceId, member.memberId);
    }
    this.pendingMembers.delete(member.memberId);
    this.leaderId ??= member.memberId;
    member.awaitingJoin = reply;
  }

  /** Forgets a member; the first of the others leads where it led. */
  remove(memberId: string): void {
    const member = this.members.get(memberId);
    if (member === undefined) return;
    this.members.delete(memberId);
    this.pendingSyncs.delete(memberId);
    const { groupInstanceId } = member;
    if (
      groupInstanceId !== null &&
      this.staticMembers.get(groupInstanceId) === memberId
    ) this.staticMembers.delete(groupInstanceId);
    if (this.leaderId === memberId) {
      this.leaderId = this.members.keys().next().value ?? null;
    }
  }

  /** Gives a static member another id, and fences whoever waits under the old one. */
  renameMember(member: ClassicMember, memberId: string): void {
    const oldId = member.memberId;
    const renamed = [...this.members].map(([id, each]) =>
      [id === oldId ? memberId : id, each] as const
    );
    this.members.clear();
    for (const [id, each] of renamed) this.members.set(id, each);
    member.memberId = memberId;
    this.staticMembers.set(member.groupInstanceId!, memberId);
    if (this.leaderId === oldId) this.leaderId = memberId;
    if (this.pendingSyncs.delete(oldId)) this.pendingSyncs.add(memberId);
  }

  /** Whether a member with these protocols fits those who are here. */
  supports(protocolType: string, protocols: readonly MemberProtocol[]) {
    if (this.members.size === 0) {
      return protocolType !== "" && protocols.length > 0;
    }
    if (protocolType !== this.protocolType) return false;
    return protocols.some(({ name }) => this.isCommon(name));
  }

  /** Whether all members can do a protocol. */
  isCommon(name: string): boolean {
    for (const { protocols } of this.members.values()) {
      if (!protocols.some((protocol) => protocol.name === name)) return false;
    }
    return true;
  }

  /** The protocol that most members prefer among those that all can do. */
  electProtocol(): string | null {
    const votes = new Map<string, number>();
    const first = this.members.values().next().value;
    const common = new Set(
      first?.protocols.map(({ name }) => name).filter((name) =>
        this.isCommon(name)
      ),
    );
    for (const { protocols } of this.members.values()) {
      const vote = protocols.find(({ name }) => common.has(name))?.name;
      if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1);
    }
    let elected: string | null = null;
    for (const [name, count] of votes) {
      if (elected === null || count > votes.get(elected)!) elected = name;
    }
    return elected;
  }

  /**
   * Whether a request comes from a member, and from the one it says.
   *
   * @returns UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, or 0.
   */
  checkMember(memberId: string, groupInstanceId: string | null): number {
    if (groupInstanceId !== null) {
      const current = this.staticMembers.get(groupInstanceId);
      if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (current !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
    }
    return this.members.has(memberId)
      ? ErrorCode.NONE
      : ErrorCode.UNKNOWN_MEMBER_ID;
  }

  checkCommit(by: Committer, now: Now): number {
    const { memberId, groupInstanceId, generationIdOrMemberEpoch } = by;
    if (this.state === "Dead") return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    // An administrator, or a consumer that is assigned by hand.
    if (generationIdOrMemberEpoch < 0 && this.state === "Empty") {
      return ErrorCode.NONE;
    }
    const isMember = generationIdOrMemberEpoch >= 0 || memberId !== "" ||
      groupInstanceId !== null;
    if (isMember) {
      const code = this.checkMember(memberId, groupInstanceId);
      if (code !== ErrorCode.NONE) return code;
      if (generationIdOrMemberEpoch !== this.generation) {
        return ErrorCode.ILLEGAL_GENERATION;
      }
    } else if (by.isTransactional !== true) return ErrorCode.UNKNOWN_MEMBER_ID;
    // A transaction's member has its generation, and may be in any state.
    if (by.isTransactional === true) return ErrorCode.NONE;
    if (this.state === "CompletingRebalance") {
      return ErrorCode.REBALANCE_IN_PROGRESS;
    }
    const member = this.members.get(memberId);
    if (member !== undefined) this.renew(member, now);
    return ErrorCode.NONE;
  }

  checkFetch(_by: OffsetReader): number {
    return this.state === "Dead" ? ErrorCode.GROUP_ID_NOT_FOUND : 0;
  }

  checkOffsetDelete(): number {
    if (this.state === "Dead") return ErrorCode.GROUP_ID_NOT_FOUND;
    return this.state === "Empty" ||
        this.protocolType === CONSUMER_PROTOCOL_TYPE
      ? ErrorCode.NONE
      : ErrorCode.NON_EMPTY_GROUP;
  }

  isSubscribedTo(topic: string): boolean {
    if (this.members.size === 0) return false;
    const topics = subscribedTopics(this);
    if (topics === null) return this.protocolType === CONSUMER_PROTOCOL_TYPE;
    return topics.has(topic);
  }

  offsetExpiry(): OffsetExpiry | null {
    if (this.pendingMembers.size > 0) return null;
    const keepsNone = () => false;
    if (this.protocolType === "") return { sinceMs: null, isKept: keepsNone };
    if (this.state === "Empty") {
      const isKnown = this.stateTimestampMs >= 0;
      return {
        sinceMs: isKnown ? this.stateTimestampMs : null,
        isKept: keepsNone,
      };
    }
    if (this.state !== "Stable") return null;
    const topics = subscribedTopics(this);
    return topics === null
      ? null
      : { sinceMs: null, isKept: (topic) => topics.has(topic) };
  }

  tombstones(): CoordinatorRecord[] {
    return [{
      kind: "groupMetadata",
      key: { group: this.groupId },
      value: null,
    }];
  }

  /** Counts a member's session from now. */
  renew(member: ClassicMember, now: Now): void {
    member.deadlineMs = now.monotonicMs + member.sessionTimeoutMs;
  }

  /** After a restart all members have the time of a session. */
  beginSessions(now: Now): void {
    for (const member of this.members.values()) this.renew(member, now);
  }

  /** The next moment at which something is due. */
  get dueMs(): number {
    let dueMs = Math.min(this.joinDeadlineMs, this.syncDeadlineMs);
    for (const member of this.members.values()) {
      dueMs = Math.min(dueMs, member.dueMs);
    }
    for (const deadlineMs of this.pendingMembers.values()) {
      dueMs = Math.min(dueMs, deadlineMs);
    }
    return dueMs;
  }

  /** The group is another broker's: all who wait are sent there. */
  abandon(): void {
    const errorCode = ErrorCode.NOT_COORDINATOR;
    this.state = "Dead";
    for (const member of this.members.values()) {
      member.answerJoin(refusedJoin(errorCode, member.memberId));
      member.answerSync(refusedSync(errorCode));
    }
  }

  /** The record that stores the group as it would be with these assignments. */
  record(assignmentOf: (member: ClassicMember) => Uint8Array) {
    return {
      kind: "groupMetadata",
      key: { group: this.groupId },
      value: {
        protocolType: this.protocolType,
        generation: this.generation,
        protocol: this.protocolName,
        leader: this.leaderId,
        currentStateTimestamp: this.stateTimestampMs,
        members: [...this.members.values()].map((member) => ({
          memberId: member.memberId,
          groupInstanceId: member.groupInstanceId,
          clientId: member.clientId,
          clientHost: member.clientHost,
          rebalanceTimeout: member.rebalanceTimeoutMs,
          sessionTimeout: member.sessionTimeoutMs,
          subscription: member.metadataFor(this.protocolName),
          assignment: assignmentOf(member),
        })),
      },
    } as const satisfies CoordinatorRecord;
  }

  /** Makes the group what a record says; members that are here stay who they are. */
  restore(stored: StoredGroup): void {
    this.protocolType = stored.protocolType;
    this.generation = stored.generation;
    this.protocolName = stored.protocol;
    this.leaderId = stored.leader;
    this.stateTimestampMs = stored.currentStateTimestamp;
    const known = new Map(this.members);
    this.members.clear();
    this.staticMembers.clear();
    for (const each of stored.members) {
      const member = known.get(each.memberId) ?? new ClassicMember({
        ...each,
        rebalanceTimeoutMs: each.rebalanceTimeout < 0
          ? each.sessionTimeout
          : each.rebalanceTimeout,
        sessionTimeoutMs: each.sessionTimeout,
        protocolType: stored.protocolType,
        protocols: [{
          name: stored.protocol ?? "",
          metadata: each.subscription.slice(),
        }],
      });
      member.assignment = each.assignment.slice();
      this.members.set(member.memberId, member);
      if (each.groupInstanceId !== null) {
        this.staticMembers.set(each.groupInstanceId, each.memberId);
      }
    }
    this.state = this.members.size === 0 ? "Empty" : "Stable";
  }
}

/** The answer to a JoinGroup that failed. */
export function refusedJoin(errorCode: number, memberId: string) {
  return {
    errorCode,
    memberId,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: "",
    members: [],
  };
}

/** The answer to a SyncGroup that failed. */
export function refusedSync(errorCode: number) {
  return {
    errorCode,
    protocolType: null,
    protocolName: null,
    assignment: new Uint8Array(0),
  };
}
