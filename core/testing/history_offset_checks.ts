// Checkers of a group's offsets, and of the ends of partitions.

import type { Commit, Committed, Ends, Poll } from "./history.ts";
import type { Report } from "./history_checks.ts";
import { type HistoryIndex, placeKey } from "./history_index.ts";

/** A group's offsets keep what was acknowledged, and pass nothing by: regress, ahead. */
export function checkGroupOffsets(index: HistoryIndex, report: Report): void {
  const groups = new Map<string, GroupFacts>();
  const factsOf = (
    group: string,
    place: { readonly topic: string; readonly partition: number },
  ) => {
    const key = `${group} ${placeKey(place)}`;
    let facts = groups.get(key);
    if (facts === undefined) {
      facts = {
        key,
        place: placeKey(place),
        polls: [],
        commits: [],
        reads: [],
      };
      groups.set(key, facts);
    }
    return facts;
  };
  for (const each of index.operations) {
    if (each.kind === "commit") factsOf(each.group, each).commits.push(each);
    else if (each.kind === "committed") {
      factsOf(each.group, each).reads.push(each);
    } else if (each.kind === "poll" && each.group !== null) {
      factsOf(each.group, each).polls.push(each);
    }
  }
  for (const facts of groups.values()) {
    checkRegress(index, facts, report);
    checkAhead(index, facts, report);
  }
}

interface GroupFacts {
  readonly key: string;
  readonly place: string;
  readonly polls: Poll[];
  readonly commits: Commit[];
  readonly reads: Committed[];
}

/** When a commit was known to hold; `Infinity` where that is not known. */
function heldMs(index: HistoryIndex, commit: Commit): number {
  if (commit.transaction === null) {
    return commit.outcome === "ok" ? commit.endMs : Infinity;
  }
  const { ends } = index.transactions.get(commit.transaction) ?? { ends: [] };
  const ended = ends.find((end) => end.isCommit && end.outcome === "ok");
  return ended?.endMs ?? Infinity;
}

function checkRegress(
  index: HistoryIndex,
  { key, commits, reads }: GroupFacts,
  report: Report,
): void {
  const holds = [
    ...commits.map((commit) => ({
      atMs: heldMs(index, commit),
      offset: commit.offset,
    })),
    ...reads.map(({ endMs, offset }) => ({ atMs: endMs, offset })),
  ].sort((a, b) => a.atMs - b.atMs);
  let next = 0;
  let least = -1;
  for (const { atMs, offset } of reads) {
    // What held before the question was asked is in the answer.
    while (next < holds.length && holds[next].atMs < atMs) {
      least = Math.max(least, holds[next++].offset);
    }
    if (offset < least) {
      report("offset regress", `${key}: ${offset} after ${least}`);
    }
  }
}

function checkAhead(
  index: HistoryIndex,
  { key, place, polls, commits }: GroupFacts,
  report: Report,
): void {
  const given = new Set(polls.flatMap(({ offsets }) => offsets));
  let from = 0;
  const rising = commits.toSorted((a, b) => a.offset - b.offset);
  for (const { offset, process } of rising) {
    for (;;) {
      const required = index.requiredWithin(place, from, offset);
      if (required < 0) break;
      from = required + 1;
      if (given.has(required)) continue;
      report(
        "offset ahead",
        `${key}: ${process} committed ${offset}; the group was never given ${required}`,
      );
    }
    from = Math.max(from, offset);
  }
}

/** LSO ≤ HW ≤ LEO, and each of them only rises. */
export function checkEnds(index: HistoryIndex, report: Report): void {
  const lasts = new Map<string, Ends>();
  for (const ends of index.operations) {
    if (ends.kind !== "ends") continue;
    const key = placeKey(ends);
    const { lastStable, highWatermark, logEnd } = ends;
    const known = [lastStable, highWatermark, logEnd].filter((end) => end >= 0);
    if (known.some((end, i) => i > 0 && end < known[i - 1])) {
      report(
        "end order",
        `${key}: LSO ${lastStable}, HW ${highWatermark}, LEO ${logEnd}`,
      );
    }
    const before = lasts.get(key);
    for (const name of ["lastStable", "highWatermark", "logEnd"] as const) {
      if (before === undefined || ends[name] < 0) continue;
      if (ends[name] < before[name]) {
        report(
          "end order",
          `${key}: ${name} ${ends[name]} after ${before[name]}`,
        );
      }
    }
    lasts.set(key, ends);
  }
}
