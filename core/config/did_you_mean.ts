// The name that somebody probably meant: the nearest by edit distance.

/**
 * The nearest of `names`, where it is near enough to be a slip.
 *
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * import { nearestName } from "./did_you_mean.ts";
 *
 * strictEqual(nearestName("log.dir5", ["log.dirs", "listeners"]), "log.dirs");
 * strictEqual(nearestName("colour", ["log.dirs", "listeners"]), null);
 * ```
 *
 * @returns `null` where more than a third of the letters would have to change.
 */
export function nearestName(
  name: string,
  names: Iterable<string>,
): string | null {
  let nearest: string | null = null;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate, least);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

/** `, did you mean "…"?`, or nothing. */
export function didYouMean(name: string, names: Iterable<string>): string {
  const nearest = nearestName(name, names);
  return nearest === null ? "" : `, did you mean "${nearest}"?`;
}

// Levenshtein's distance with two neighbours swapped as one slip, row by row;
// gives up at `limit`.
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] &&
        a[i - 2] === b[j - 1];
      const swapped = isSwapped ? before[j - 2] + 1 : limit;
      current.push(
        Math.min(changed, swapped, previous[j] + 1, current[j - 1] + 1),
      );
    }
    if (Math.min(...current, ...previous) >= limit) return limit;
    before = previous;
    previous = current;
  }
  return previous[b.length];
}
