// The assignor "range": topic by topic, neighbouring partitions to the same member,
// and those first to whom a replica is near.
//
// Topics with the same members and as many partitions are shared alike, so that
// one member gets the same partitions of each.
//
// Source: Kafka documentation, "partition.assignment.strategy"; KIP-881 (racks).

import {
  type AssignedMember,
  type Assignments,
  type Assignor,
  membersByTopic,
  noAssignments,
} from "./assignor.ts";
import { inOrder } from "./consumer_protocol.ts";

/** The first members get one more where it does not come out even. */
export const rangeAssignor: Assignor = {
  name: "range",
  isCooperative: false,
  userData: () => null,
  assign(task) {
    const assignments = noAssignments(task);
    const shares = [...membersByTopic(task)].map(([topic, members]) =>
      new TopicShare(topic, {
        members,
        partitionCount: task.partitionCounts.get(topic)!,
        racks: task.replicaRacks?.get(topic) ?? [],
        assignments,
      })
    );
    if (shares.some(({ dependsOnRacks }) => dependsOnRacks)) {
      for (const alike of sharedAlike(shares)) giveNear(alike);
    }
    for (const share of shares) share.giveRanges(() => true);
    return new Map(
      [...assignments].map(([memberId, list]) => [memberId, inOrder(list)]),
    );
  },
};

interface ShareParts {
  /** In the order in which they are served. */
  readonly members: readonly AssignedMember[];
  readonly partitionCount: number;
  /** Of each partition's replicas; empty where they are not known. */
  readonly racks: readonly ReadonlySet<string>[];
  readonly assignments: Assignments;
}

/** How one topic is shared. */
class TopicShare {
  readonly #topic: string;
  readonly #parts: ShareParts;
  /** What each member gets at least. */
  readonly #share: number;
  /** How many members may still get one more than that. */
  #extraCount: number;
  readonly #counts = new Map<AssignedMember, number>();
  readonly #open: Set<number>;

  constructor(topic: string, parts: ShareParts) {
    const { members, partitionCount } = parts;
    this.#topic = topic;
    this.#parts = parts;
    this.#share = Math.floor(partitionCount / members.length);
    this.#extraCount = partitionCount % members.length;
    this.#open = new Set(Array.from({ length: partitionCount }, (_, i) => i));
  }

  get members(): readonly AssignedMember[] {
    return this.#parts.members;
  }

  get partitionCount(): number {
    return this.#parts.partitionCount;
  }

  /** True where it matters who gets which partition. */
  get dependsOnRacks(): boolean {
    const { racks, members } = this.#parts;
    const all = new Set(racks.flatMap((some) => [...some]));
    const isNear = members.some(({ rackId }) =>
      rackId !== null && all.has(rackId)
    );
    return isNear && racks.some(({ size }) => size !== all.size);
  }

  /** How many partitions a member may get on top of those it has. */
  room(member: AssignedMember): number {
    const most = this.#share + (this.#extraCount > 0 ? 1 : 0);
    return Math.max(most - (this.#counts.get(member) ?? 0), 0);
  }

  isNear({ rackId }: AssignedMember, partition: number): boolean {
    return rackId === null ||
      (this.#parts.racks[partition]?.has(rackId) ?? false);
  }

  give(member: AssignedMember, partitions: readonly number[]): void {
    if (partitions.length === 0) return;
    const count = (this.#counts.get(member) ?? 0) + partitions.length;
    this.#counts.set(member, count);
    if (count > this.#share) this.#extraCount--;
    const list = this.#parts.assignments.get(member.memberId)!;
    for (const partition of partitions) {
      this.#open.delete(partition);
      list.push({ topic: this.#topic, partition });
    }
  }

  /** Fills up the members with what is left, as far as they may have it. */
  giveRanges(
    may: (member: AssignedMember, partition: number) => boolean,
  ): void {
    for (const member of this.members) {
      const fitting = [...this.#open].filter((each) => may(member, each));
      this.give(member, fitting.slice(0, this.room(member)));
    }
  }
}

/** Topics with the same members and as many partitions. */
function sharedAlike(shares: readonly TopicShare[]): TopicShare[][] {
  const groups = Map.groupBy(
    shares,
    ({ members, partitionCount }) =>
      JSON.stringify([members.map(({ memberId }) => memberId), partitionCount]),
  );
  return [...groups.values()];
}

/** Gives out what has a replica near to a member that has room. */
function giveNear(alike: readonly TopicShare[]): void {
  const [first] = alike;
  if (alike.length === 1) {
    if (!first.dependsOnRacks) return;
    return first.giveRanges((member, each) => first.isNear(member, each));
  }
  for (let partition = 0; partition < first.partitionCount; partition++) {
    const member = first.members.find((candidate) =>
      alike.every((share) =>
        share.isNear(candidate, partition) && share.room(candidate) > 0
      )
    );
    if (member === undefined) continue;
    for (const share of alike) share.give(member, [partition]);
  }
}
