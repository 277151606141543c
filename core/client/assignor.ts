// How the partitions of a group's topics are shared among its members. The
// members agree on one assignor; the leader of the group runs it.
//
//   roundrobin   all partitions of all topics in turn
//
// The others are in range_assignor.ts and sticky_assignor.ts.
//
// Source: Kafka documentation, "partition.assignment.strategy"; KIP-429.

import type { Subscription } from "./consumer_protocol.ts";
import type { TopicPartition } from "./metadata.ts";

/** A member as the assignors see it. */
export interface AssignedMember extends Subscription {
  readonly memberId: string;
  readonly instanceId: string | null;
}

/** What a member has at hand when it tells what it wants. */
export interface OwnState {
  readonly partitions: readonly TopicPartition[];
  /** -1 before the first assignment. */
  readonly generationId: number;
}

/** By topic, then by partition: the racks that have a replica. */
export type ReplicaRacks = ReadonlyMap<string, readonly ReadonlySet<string>[]>;

export interface AssignmentTask {
  /** Number of partitions by topic; 0, or no entry, for one that does not exist. */
  readonly partitionCounts: ReadonlyMap<string, number>;
  /** Racks of the replicas, by topic and partition; of no topic where left out. */
  readonly replicaRacks?: ReplicaRacks;
  readonly members: readonly AssignedMember[];
}

/** Partitions by member id; every member has an entry. */
export type Assignments = Map<string, TopicPartition[]>;

export interface Assignor {
  /** As the members call it among each other. */
  readonly name: string;
  /** True where partitions may stay with their members during a rebalance. */
  readonly isCooperative: boolean;
  /** What a member adds to its subscription for the leader. */
  userData(own: OwnState): Uint8Array | null;
  assign(task: AssignmentTask): Assignments;
}

/** Members with a fixed name come first, so that restarts do not change the order. */
export function compareMembers(a: AssignedMember, b: AssignedMember): number {
  if (a.instanceId !== null && b.instanceId !== null) {
    return compareTexts(a.instanceId, b.instanceId);
  }
  if (a.instanceId !== null) return -1;
  if (b.instanceId !== null) return 1;
  return compareTexts(a.memberId, b.memberId);
}

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** An entry without partitions for each member. */
export function noAssignments(task: AssignmentTask): Assignments {
  return new Map(task.members.map(({ memberId }) => [memberId, []]));
}

/** Members by topic, in the order of `compareMembers`; topics in order. */
export function membersByTopic(
  { members, partitionCounts }: AssignmentTask,
): Map<string, AssignedMember[]> {
  const byTopic = new Map<string, AssignedMember[]>();
  for (const member of [...members].sort(compareMembers)) {
    for (const topic of new Set(member.topics)) {
      if (!partitionCounts.has(topic)) continue;
      const list = byTopic.get(topic);
      if (list === undefined) byTopic.set(topic, [member]);
      else list.push(member);
    }
  }
  return new Map(
    [...byTopic].sort(([a], [b]) => compareTexts(a, b)),
  );
}

/** All partitions in turn, past members that do not want the topic. */
export const roundRobinAssignor: Assignor = {
  name: "roundrobin",
  isCooperative: false,
  userData: () => null,
  assign(task) {
    const assignments = noAssignments(task);
    const members = [...task.members].sort(compareMembers);
    let turn = 0;
    for (const [topic, wanting] of membersByTopic(task)) {
      const isWanting = new Set(wanting);
      const count = task.partitionCounts.get(topic)!;
      for (let partition = 0; partition < count; partition++) {
        while (!isWanting.has(members[turn % members.length])) turn++;
        const { memberId } = members[turn++ % members.length];
        assignments.get(memberId)!.push({ topic, partition });
      }
    }
    return assignments;
  },
};
