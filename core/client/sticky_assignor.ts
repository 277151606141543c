// The sticky assignors: as even as can be, and as little moved as that allows.
//
//   sticky               tells what it had in its user data, gives all up to rejoin
//   cooperative-sticky   tells what it owns in the subscription, and keeps it; what
//                        is to change hands is given to nobody for one round
//
// User data of sticky:              previous:[topic:string [partition:int32]] generation:int32
//           (its first version ends before the generation)
// User data of cooperative-sticky:  generation:int32
//
// Source: KIP-54, KIP-341 (generation), KIP-429 (cooperative).

import { codecFor } from "../wire/kafka/codec.ts";
import { message } from "../wire/kafka/schema.ts";
import { DecodeError, Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import {
  type AssignedMember,
  type Assignments,
  type AssignmentTask,
  type Assignor,
  compareMembers,
  membersByTopic,
  noAssignments,
} from "./assignor.ts";
import { inOrder } from "./consumer_protocol.ts";
import { byTopic, partitionKey, type TopicPartition } from "./metadata.ts";

const stickyUserData = message({
  name: "StickyAssignorUserData",
  versions: [0, 1],
  fields: {
    previousAssignment: {
      array: { topic: "string", partitions: { array: "int32" } },
    },
    generation: { type: "int32", since: 1, default: -1 },
  },
});

/** What a member had before, by its own word. */
interface Claim {
  readonly member: AssignedMember;
  readonly partitions: readonly TopicPartition[];
  readonly generationId: number;
}

export const stickyAssignor: Assignor = {
  name: "sticky",
  isCooperative: false,
  userData({ partitions, generationId }) {
    if (generationId < 0) return null;
    const writer = new Writer();
    codecFor(stickyUserData, 1).encode(writer, {
      previousAssignment: [...byTopic(inOrder(partitions))].map(
        ([topic, entries]) => ({
          topic,
          partitions: entries.map(({ partition }) => partition),
        }),
      ),
      generation: generationId,
    });
    return writer.written();
  },
  assign: (task) => assignSticky(task, stickyClaim),
};

export const cooperativeStickyAssignor: Assignor = {
  name: "cooperative-sticky",
  isCooperative: true,
  userData({ generationId }) {
    const writer = new Writer();
    writer.int32(generationId);
    return writer.written();
  },
  assign(task) {
    const assignments = assignSticky(task, cooperativeClaim);
    const ownersOf = new Map<string, Set<string>>();
    for (const { memberId, ownedPartitions } of task.members) {
      for (const partition of ownedPartitions) {
        const key = partitionKey(partition);
        ownersOf.set(key, (ownersOf.get(key) ?? new Set()).add(memberId));
      }
    }
    for (const [memberId, partitions] of assignments) {
      assignments.set(
        memberId,
        partitions.filter((partition) => {
          const owners = ownersOf.get(partitionKey(partition));
          return owners === undefined || owners.has(memberId);
        }),
      );
    }
    return assignments;
  },
};

function stickyClaim(member: AssignedMember): Claim {
  const { userData } = member;
  for (const version of userData === null ? [] : [1, 0]) {
    try {
      const reader = new Reader(userData!);
      const decoded = codecFor(stickyUserData, version).decode(reader);
      const partitions = decoded.previousAssignment.flatMap((entry) =>
        entry.partitions.map((partition) => ({ topic: entry.topic, partition }))
      );
      return { member, partitions, generationId: decoded.generation };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  return { member, partitions: [], generationId: -1 };
}

function cooperativeClaim(member: AssignedMember): Claim {
  const { userData, ownedPartitions } = member;
  let { generationId } = member;
  if (generationId < 0 && userData !== null && userData.length >= 4) {
    generationId = new Reader(userData).int32();
  }
  return { member, partitions: ownedPartitions, generationId };
}

function assignSticky(
  task: AssignmentTask,
  claimOf: (member: AssignedMember) => Claim,
): Assignments {
  const wanting = membersByTopic(task);
  const kept = keptPartitions(task, task.members.map(claimOf));
  const isUniform = [...wanting.values()].every(({ length }) =>
    length === task.members.length
  );
  return isUniform
    ? shareEvenly(task, wanting, kept)
    : shareByWish(task, wanting, kept);
}

/**
 * What may stay: claims of topics that are there and wanted; of claims on the
 * same partition the one of the latest generation, and none where two are as late.
 */
function keptPartitions(
  { partitionCounts }: AssignmentTask,
  claims: readonly Claim[],
): Map<string, TopicPartition[]> {
  const best = new Map<
    string,
    { memberId: string | null; generationId: number; place: TopicPartition }
  >();
  for (const { member, partitions, generationId } of claims) {
    const topics = new Set(member.topics);
    for (const place of partitions) {
      const { topic, partition } = place;
      const count = partitionCounts.get(topic) ?? 0;
      if (!topics.has(topic) || partition >= count) continue;
      const key = partitionKey(place);
      const other = best.get(key);
      if (other === undefined || generationId > other.generationId) {
        const { memberId } = member;
        best.set(key, { memberId, generationId, place });
      } else if (
        generationId === other.generationId &&
        other.memberId !== member.memberId
      ) {
        other.memberId = null;
      }
    }
  }
  const kept = new Map<string, TopicPartition[]>();
  for (const { memberId, place } of best.values()) {
    if (memberId === null) continue;
    const list = kept.get(memberId);
    if (list === undefined) kept.set(memberId, [place]);
    else list.push(place);
  }
  return kept;
}

/** Everybody wants everything: shares differ by one at most. */
function shareEvenly(
  task: AssignmentTask,
  wanting: ReadonlyMap<string, AssignedMember[]>,
  kept: ReadonlyMap<string, TopicPartition[]>,
): Assignments {
  const assignments = noAssignments(task);
  const all = allPartitions(task, wanting);
  const share = Math.floor(all.length / task.members.length);
  /** How many members may have one more than the share. */
  let extraCount = all.length % task.members.length;
  const taken = new Set<string>();
  // Those who had most come first, so that what is one too many may stay.
  const members = [...task.members].sort((a, b) =>
    (kept.get(b.memberId)?.length ?? 0) - (kept.get(a.memberId)?.length ?? 0) ||
    compareMembers(a, b)
  );
  for (const { memberId } of members) {
    const had = inOrder(kept.get(memberId) ?? []);
    const hasExtra = had.length > share && extraCount > 0;
    if (hasExtra) extraCount--;
    for (const place of had.slice(0, share + (hasExtra ? 1 : 0))) {
      assignments.get(memberId)!.push(place);
      taken.add(partitionKey(place));
    }
  }
  const free = all.filter((place) => !taken.has(partitionKey(place)));
  fillUp(assignments, [...task.members].sort(compareMembers), {
    free,
    share,
  });
  return assignments;
}

/** Brings all to the share, and what is left to one each of those at the share. */
function fillUp(
  assignments: Assignments,
  members: readonly AssignedMember[],
  { free, share }: { free: readonly TopicPartition[]; share: number },
): void {
  let index = 0;
  for (const size of [share, share + 1]) {
    let open = members.filter(({ memberId }) =>
      assignments.get(memberId)!.length < size
    );
    while (open.length > 0 && index < free.length) {
      for (const { memberId } of open) {
        if (index < free.length) assignments.get(memberId)!.push(free[index++]);
      }
      open = open.filter(({ memberId }) =>
        assignments.get(memberId)!.length < size
      );
    }
  }
}

/** Wishes differ: each partition to whoever has least, then moves that even out. */
function shareByWish(
  task: AssignmentTask,
  wanting: ReadonlyMap<string, AssignedMember[]>,
  kept: ReadonlyMap<string, TopicPartition[]>,
): Assignments {
  const ownerOf = new Map<string, string>();
  const countOf = new Map(task.members.map(({ memberId }) => [memberId, 0]));
  const give = (place: TopicPartition, memberId: string) => {
    const key = partitionKey(place);
    const before = ownerOf.get(key);
    if (before !== undefined) countOf.set(before, countOf.get(before)! - 1);
    ownerOf.set(key, memberId);
    countOf.set(memberId, countOf.get(memberId)! + 1);
  };
  for (const [memberId, places] of kept) {
    for (const place of places) give(place, memberId);
  }
  const least = (topic: string) =>
    wanting.get(topic)!.reduce((best, member) =>
      countOf.get(member.memberId)! < countOf.get(best.memberId)!
        ? member
        : best
    ).memberId;
  // Those that fewest members want come first: they leave least choice.
  const all = allPartitions(task, wanting).sort((a, b) =>
    wanting.get(a.topic)!.length - wanting.get(b.topic)!.length
  );
  for (const place of all) {
    if (!ownerOf.has(partitionKey(place))) give(place, least(place.topic));
  }
  // Each move makes the counts more even, so that this ends.
  for (let hasMoved = true; hasMoved;) {
    hasMoved = false;
    for (const place of all) {
      const owner = ownerOf.get(partitionKey(place))!;
      const target = least(place.topic);
      if (countOf.get(owner)! <= countOf.get(target)! + 1) continue;
      give(place, target);
      hasMoved = true;
    }
  }
  const assignments = noAssignments(task);
  for (const place of inOrder(all)) {
    assignments.get(ownerOf.get(partitionKey(place))!)!.push(place);
  }
  return assignments;
}

function allPartitions(
  { partitionCounts }: AssignmentTask,
  wanting: ReadonlyMap<string, unknown>,
): TopicPartition[] {
  return [...wanting.keys()].flatMap((topic) =>
    Array.from(
      { length: partitionCounts.get(topic)! },
      (_, partition) => ({ topic, partition }),
    )
  );
}
