// The assignor `range`: each topic's partitions in runs, over its members in
// order. Members that want the same topics get the same partitions of topics of
// equal size, so that they can join them.
//
// Static members come first, by instance id, then the rest by member id: a
// static member keeps its place when it comes back under a new member id.
//
// Source: KIP-848, "Range Assignor".

import type { AssignorMember, ServerAssignor } from "./server_assignor.ts";

export const rangeAssignor: ServerAssignor = {
  name: "range",
  assign({ members, partitionCounts }) {
    const ordered = [...members].sort(inOrder);
    const shares = new Map<string, Map<string, number[]>>(
      members.map(({ memberId }) => [memberId, new Map()]),
    );
    for (const [topicId, count] of partitionCounts) {
      const takers = ordered.filter(({ topicIds }) => topicIds.has(topicId));
      if (takers.length === 0) continue;
      const least = Math.floor(count / takers.length);
      const withOneMore = count % takers.length;
      let next = 0;
      for (const [index, { memberId }] of takers.entries()) {
        const length = least + (index < withOneMore ? 1 : 0);
        if (length === 0) break;
        shares.get(memberId)!.set(
          topicId,
          Array.from({ length }, (_, place) => next + place),
        );
        next += length;
      }
    }
    return shares;
  },
};

function inOrder(a: AssignorMember, b: AssignorMember): number {
  if (a.instanceId !== null && b.instanceId !== null) {
    return compare(a.instanceId, b.instanceId);
  }
  if (a.instanceId !== null) return -1;
  if (b.instanceId !== null) return 1;
  return compare(a.memberId, b.memberId);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
