import { deepEqual } from "node:assert/strict";
import type { PartitionImage } from "./cluster_image.ts";
import { decideLeader, type LeaderState } from "./election.ts";

function partition(
  replicas: number[],
  state: { leader: number; isr: number[] } | null,
): PartitionImage {
  return {
    index: 0,
    replicas,
    addingReplicas: [],
    removingReplicas: [],
    leader: state?.leader ?? -1,
    leaderEpoch: state === null ? -1 : 4,
    isr: state?.isr ?? [],
    controllerEpoch: 1,
    partitionEpoch: state === null ? -1 : 7,
  };
}

Deno.test("decideLeader() keeps to replicas that live and are in sync", () => {
  const cases: [
    what: string,
    partition: PartitionImage,
    live: number[],
    wanted: LeaderState | null,
    unclean?: boolean,
  ][] = [
    [
      "the first leader is the first replica that lives",
      partition([3, 1, 2], null),
      [1, 2],
      { leader: 1, leaderEpoch: 0, isr: [1, 2] },
    ],
    ["no first leader without a live replica", partition([3], null), [1], null],
    [
      "nothing to do",
      partition([1, 2], { leader: 2, isr: [2] }),
      [1, 2],
      null,
    ],
    [
      "who died leaves the in-sync replicas",
      partition([1, 2, 3], { leader: 1, isr: [1, 2, 3] }),
      [1, 3],
      { leader: 1, leaderEpoch: 5, isr: [1, 3] },
    ],
    [
      "the next leader follows the assignment, not the order of the in-sync replicas",
      partition([1, 2, 3], { leader: 1, isr: [3, 2, 1] }),
      [2, 3],
      { leader: 2, leaderEpoch: 5, isr: [3, 2] },
    ],
    [
      "a replica out of sync does not lead",
      partition([1, 2], { leader: 1, isr: [1] }),
      [2],
      { leader: -1, leaderEpoch: 5, isr: [1] },
    ],
    [
      "all who died in sync stay candidates",
      partition([1, 2, 3], { leader: 1, isr: [1, 2] }),
      [3],
      { leader: -1, leaderEpoch: 5, isr: [1, 2] },
    ],
    [
      "without a leader already, nothing more is written",
      partition([1, 2], { leader: -1, isr: [1] }),
      [2],
      null,
    ],
    [
      "who comes back in sync leads",
      partition([1, 2], { leader: -1, isr: [1] }),
      [1, 2],
      { leader: 1, leaderEpoch: 5, isr: [1] },
    ],
    [
      "unclean, where allowed, is alone in sync",
      partition([1, 2, 3], { leader: 1, isr: [1] }),
      [2, 3],
      { leader: 2, leaderEpoch: 5, isr: [2] },
      true,
    ],
    [
      "unclean is the last resort",
      partition([1, 2, 3], { leader: 1, isr: [1, 3] }),
      [2, 3],
      { leader: 3, leaderEpoch: 5, isr: [3] },
      true,
    ],
  ];
  for (const [what, before, live, wanted, unclean = false] of cases) {
    const context = { liveBrokers: new Set(live), isUncleanAllowed: unclean };
    deepEqual(decideLeader(before, context), wanted, what);
  }
});
