// A consumer group of the newer kind (KIP-848), as its records make it: members,
// the target that the assignor chose, and which member has which partition.
//
// The group's epoch counts changes of members, of what they subscribe to and of
// those topics. The target has the epoch it was made for; a member has the epoch
// of the target it has reached. It changes by `applyConsumerRecord` only.

import { ErrorCode } from "../../wire/kafka/errors.ts";
import type { CoordinatorRecord } from "../coordinator_record.ts";
import type { Committer, Group, OffsetExpiry, OffsetReader } from "../group.ts";
import { type Assignment, NOTHING } from "./assignment.ts";
import { type ConsumerMember, isReconciled } from "./consumer_member.ts";
import {
  groupMetadataRecord,
  memberTombstones,
  partitionMetadataRecord,
  targetEpochRecord,
} from "./consumer_records.ts";
import { MemberDeadlines } from "./member_deadlines.ts";

/** States as clients are told. */
export type ConsumerGroupState =
  | "Empty"
  | "Assigning"
  | "Reconciling"
  | "Stable";

/** A topic that some member subscribes to, as of the group's epoch. */
export interface SubscribedTopic {
  readonly topicId: string;
  readonly partitionCount: number;
}

/** From this version of OffsetCommit on a commit can say a member epoch. */
const COMMIT_WITH_EPOCH_SINCE = 9;

export class ConsumerGroup implements Group {
  readonly type = "consumer";
  readonly protocolType = "consumer";
  readonly groupId: string;
  /** 0 until the first member has joined. */
  groupEpoch = 0;
  /** The epoch of the target. */
  targetEpoch = 0;
  /** By name. */
  topics: ReadonlyMap<string, SubscribedTopic> = new Map();
  /**
   * The topics of the cluster by which `topics` was last looked through; another
   * map has to be looked through again. In memory alone.
   */
  checkedTopics: unknown = null;
  /** In memory alone. */
  readonly deadlines = new MemberDeadlines();
  readonly #members = new Map<string, ConsumerMember>();
  /** Member ids by instance id. */
  readonly #instances = new Map<string, string>();
  readonly #targets = new Map<string, Assignment>();
  /** How many members have each partition, by topic id; 0 is left out. */
  readonly #holders = new Map<string, Map<number, number>>();
  #classicCount = 0;

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  /** By member id, in the order in which they came. */
  get members(): ReadonlyMap<string, ConsumerMember> {
    return this.#members;
  }

  /** What each member shall have; one without an entry is to have nothing. */
  get targets(): ReadonlyMap<string, Assignment> {
    return this.#targets;
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  get stateName(): ConsumerGroupState {
    if (this.#members.size === 0) return "Empty";
    if (this.groupEpoch > this.targetEpoch) return "Assigning";
    for (const member of this.#members.values()) {
      if (!isReconciled(member, this.targetEpoch)) return "Reconciling";
    }
    return "Stable";
  }

  /** How many members speak the classic protocol. */
  get classicMemberCount(): number {
    return this.#classicCount;
  }

  target(memberId: string): Assignment {
    return this.#targets.get(memberId) ?? NOTHING;
  }

  /** The member that has an instance id, be it away. */
  staticMember(instanceId: string): ConsumerMember | null {
    const memberId = this.#instances.get(instanceId);
    return memberId === undefined ? null : this.#members.get(memberId) ?? null;
  }

  /** Whether some member has a partition, be it to let go of. */
  isHeld(topicId: string, partition: number): boolean {
    return this.#holders.get(topicId)?.has(partition) === true;
  }

  /** Whether some member subscribes to a topic that exists. */
  isSubscribedTo(topic: string): boolean {
    return this.topics.has(topic);
  }

  checkCommit(by: Committer): number {
    const { memberId, generationIdOrMemberEpoch: epoch, apiVersion } = by;
    // Tools commit for a group without members.
    if (epoch < 0 && this.isEmpty) return 0;
    // Producers that are older than KIP-447 do not say for whom.
    const isUnsaid = epoch < 0 && memberId === "" &&
      by.groupInstanceId === null;
    if (by.isTransactional && isUnsaid) return 0;
    const member = this.#members.get(memberId);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (
      member.classic === null && !by.isTransactional &&
      apiVersion < COMMIT_WITH_EPOCH_SINCE
    ) return ErrorCode.UNSUPPORTED_VERSION;
    return checkEpoch(member, epoch);
  }

  checkFetch({ memberId, memberEpoch }: OffsetReader): number {
    if (memberId === null && memberEpoch < 0) return 0;
    const member = this.#members.get(memberId ?? "");
    return member === undefined
      ? ErrorCode.UNKNOWN_MEMBER_ID
      : checkEpoch(member, memberEpoch);
  }

  checkOffsetDelete(): number {
    return 0;
  }

  offsetExpiry(): OffsetExpiry {
    return { sinceMs: null, isKept: (topic) => this.isSubscribedTo(topic) };
  }

  tombstones(): CoordinatorRecord[] {
    const { groupId } = this;
    return [
      ...Array.from(
        this.#members.keys(),
        (memberId) => memberTombstones(groupId, memberId),
      ).flat(),
      targetEpochRecord(groupId, null),
      partitionMetadataRecord(groupId, null),
      groupMetadataRecord(groupId, null),
    ];
  }

  /** Puts a member in its place; only for applying records. */
  putMember(member: ConsumerMember): void {
    const before = this.#members.get(member.memberId);
    if (before !== undefined) this.#unlink(before);
    this.#members.set(member.memberId, member);
    if (member.instanceId !== null) {
      this.#instances.set(member.instanceId, member.memberId);
    }
    this.#hold(member.assigned, 1);
    this.#hold(member.pendingRevocation, 1);
    if (member.classic !== null) this.#classicCount++;
  }

  /** Only for applying records. */
  removeMember(memberId: string): void {
    const member = this.#members.get(memberId);
    if (member === undefined) return;
    this.#unlink(member);
    this.#members.delete(memberId);
    this.deadlines.forget(memberId);
  }

  /** Only for applying records. */
  putTarget(memberId: string, target: Assignment | null): void {
    if (target === null) this.#targets.delete(memberId);
    else this.#targets.set(memberId, target);
  }

  #unlink(member: ConsumerMember): void {
    const { instanceId, memberId } = member;
    // Another may have taken over the instance id before the old one's end.
    if (instanceId !== null && this.#instances.get(instanceId) === memberId) {
      this.#instances.delete(instanceId);
    }
    this.#hold(member.assigned, -1);
    this.#hold(member.pendingRevocation, -1);
    if (member.classic !== null) this.#classicCount--;
  }

  #hold(assignment: Assignment, change: 1 | -1): void {
    for (const [topicId, partitions] of assignment) {
      let counts = this.#holders.get(topicId);
      if (counts === undefined) {
        this.#holders.set(topicId, counts = new Map());
      }
      for (const partition of partitions) {
        const count = (counts.get(partition) ?? 0) + change;
        if (count > 0) counts.set(partition, count);
        else counts.delete(partition);
      }
      if (counts.size === 0) this.#holders.delete(topicId);
    }
  }
}

function checkEpoch(member: ConsumerMember, epoch: number): number {
  if (epoch === member.memberEpoch) return 0;
  return member.classic === null
    ? ErrorCode.STALE_MEMBER_EPOCH
    : ErrorCode.ILLEGAL_GENERATION;
}
