// The assignor `uniform`: members get equally many partitions, and keep what
// they have as far as that allows.
//
// 1. Everyone keeps what it has and may still have.
// 2. What nobody has goes to whoever has least, the topics that fewest members
//    want first.
// 3. A partition moves from one member to another of its topic's members as long
//    as the first has at least two more than the other.
//
// Where all members want the same topics, their numbers differ by one at most,
// and no more partitions move than that takes. Where they do not, the numbers of
// any two members differ by one at most as far as moving single partitions can
// bring it. Each move lessens the sum of the squares, so this ends.
//
// Source: KIP-848, "Uniform Assignor".

import type { Assignment } from "../consumer/assignment.ts";
import { LoadQueue } from "./load_queue.ts";
import type { AssignorInput, ServerAssignor } from "./server_assignor.ts";

/** What one member has so far. */
interface Share {
  readonly memberId: string;
  readonly byTopic: Map<string, number[]>;
  load: number;
}

/** A topic and those who want it. */
interface Demand {
  readonly topicId: string;
  readonly takers: readonly Share[];
  /** Partitions that nobody has. */
  readonly free: readonly number[];
}

export const uniformAssignor: ServerAssignor = {
  name: "uniform",
  assign(input) {
    const shares = keep(input);
    const demands = demandsOf(input, shares);
    for (const demand of demands) give(demand);
    // A pass over the topics may unbalance an earlier one; the last changes nothing.
    while (demands.filter(balance).length > 0);
    return new Map(
      Array.from(shares.values(), (share) => [share.memberId, sorted(share)]),
    );
  },
};

/** Shares as far as they may stay; a partition that two claim stays with the first. */
function keep(
  { members, partitionCounts }: AssignorInput,
): Map<string, Share> {
  const taken = new Map<string, Uint8Array>();
  const shares = new Map<string, Share>();
  for (const { memberId, topicIds, current } of members) {
    const share: Share = { memberId, byTopic: new Map(), load: 0 };
    shares.set(memberId, share);
    for (const [topicId, partitions] of current) {
      const count = partitionCounts.get(topicId);
      if (count === undefined || !topicIds.has(topicId)) continue;
      let marks = taken.get(topicId);
      if (marks === undefined) {
        taken.set(topicId, marks = new Uint8Array(count));
      }
      for (const partition of partitions) {
        if (partition >= count || marks[partition] === 1) continue;
        marks[partition] = 1;
        add(share, topicId, partition);
      }
    }
  }
  return shares;
}

function demandsOf(
  { members, partitionCounts }: AssignorInput,
  shares: ReadonlyMap<string, Share>,
): Demand[] {
  const takers = new Map<string, Share[]>();
  for (const topicId of partitionCounts.keys()) takers.set(topicId, []);
  for (const { memberId, topicIds } of members) {
    for (const topicId of topicIds) {
      takers.get(topicId)?.push(shares.get(memberId)!);
    }
  }
  const demands: Demand[] = [];
  for (const [topicId, count] of partitionCounts) {
    const wanting = takers.get(topicId)!;
    if (wanting.length === 0) continue;
    const free = new Set(Array(count).keys());
    for (const { byTopic } of wanting) {
      for (const partition of byTopic.get(topicId) ?? []) {
        free.delete(partition);
      }
    }
    demands.push({ topicId, takers: wanting, free: [...free] });
  }
  return demands.sort((a, b) => a.takers.length - b.takers.length);
}

function give({ topicId, takers, free }: Demand): void {
  if (free.length === 0) return;
  const queue = new LoadQueue(takers, "lightest");
  for (const partition of free) {
    add(queue.first, topicId, partition);
    queue.settleFirst();
  }
}

/** Evens out one topic; true where something moved. */
function balance({ topicId, takers }: Demand): boolean {
  const holders = takers.filter(({ byTopic }) => byTopic.has(topicId));
  const least = takers.reduce((low, { load }) => Math.min(low, load), Infinity);
  if (holders.every(({ load }) => load - least < 2)) return false;

  const lightest = new LoadQueue(takers, "lightest");
  const heaviest = new LoadQueue(holders, "heaviest");
  while (!heaviest.isEmpty) {
    const giver = heaviest.first;
    const taker = lightest.first;
    if (giver.load - taker.load < 2) break;
    const partitions = giver.byTopic.get(topicId)!;
    add(taker, topicId, partitions.pop()!);
    lightest.settleFirst();
    giver.load--;
    if (partitions.length > 0) heaviest.settleFirst();
    else {
      giver.byTopic.delete(topicId);
      heaviest.dropFirst();
    }
  }
  return true;
}

function add(share: Share, topicId: string, partition: number): void {
  const partitions = share.byTopic.get(topicId);
  if (partitions === undefined) share.byTopic.set(topicId, [partition]);
  else partitions.push(partition);
  share.load++;
}

function sorted({ byTopic }: Share): Assignment {
  for (const partitions of byTopic.values()) partitions.sort((a, b) => a - b);
  return byTopic;
}
