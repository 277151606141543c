// What a run of copiers comes to: the checkers over the history of all processes,
// and whether the output, as it was read last, is what the input makes.

import type { Operation } from "../../core/testing/history.ts";
import {
  type CheckerName,
  judgeHistory,
} from "../../core/testing/history_checks.ts";
import { type CopyScale, judgeCopy } from "./copied.ts";

/**
 * Where epochs do not go up with each transaction, an end that comes late ends the
 * next transaction as well, and offsets that come late are committed with it: part
 * of it is seen, and is copied again or not at all. What is promised is that it
 * hangs nowhere.
 */
const LET_PASS_BEFORE: ReadonlySet<CheckerName> = new Set([
  "aborted read",
  "precommitted read",
  "torn transaction",
  "offset regress",
]);

export interface CopyRun extends CopyScale {
  readonly output: string;
  readonly outputPartitionCount: number;
  /** The reader's session that has read all of the output at last. */
  readonly lastSession: string;
  /** Requests of clients came late that know no epoch for each transaction. */
  readonly isOlderAndLate: boolean;
}

export interface RunVerdict {
  /** What there was, in words. */
  readonly lines: readonly string[];
  /** What must not be. */
  readonly problems: readonly string[];
}

/** Judges the whole history of a run. */
export function judgeRun(
  operations: readonly Operation[],
  run: CopyRun,
): RunVerdict {
  const { counts, examples, tally } = judgeHistory(operations, {
    isComplete: true,
  });
  const copy = judgeCopy(lastValues(operations, run), run);
  const lines = [
    `${tally.committedCount} transactions committed, ${tally.abortedCount} aborted, ${tally.unknownCount} of unknown end; ${tally.sentCount} values sent, ${tally.readCount} read as committed`,
    `${run.recordCount} records: ${copy.missingCount} missing, ${copy.repeatedCount} repeated, ${copy.wrongCount} wrong, ${copy.misplacedCount} out of order; checkers found ${
      [...counts.values()].reduce((sum, count) => sum + count, 0)
    }`,
  ];
  const problems: string[] = [];
  for (const [checker, count] of counts) {
    const line = `${count} × ${checker}`;
    if (run.isOlderAndLate && LET_PASS_BEFORE.has(checker)) {
      lines.push(`${line}, which the older protocol lets pass`);
      continue;
    }
    const found = examples.filter((each) => each.startsWith(`${checker}:`));
    problems.push(line, ...found);
  }
  if (!run.isOlderAndLate) problems.push(...copy.examples);
  if (tally.committedCount === 0 || tally.abortedCount === 0) {
    problems.push("a run without transactions of both kinds shows nothing");
  }
  return { lines, problems };
}

/** By output partition, what the last session of the reader was given. */
function lastValues(
  operations: readonly Operation[],
  { output, outputPartitionCount, lastSession }: CopyRun,
): string[][] {
  const values = Array.from(
    { length: outputPartitionCount },
    (): string[] => [],
  );
  for (const each of operations) {
    if (each.kind !== "poll" || each.topic !== output) continue;
    if (each.session === lastSession) {
      for (const value of each.values) values[each.partition].push(value);
    }
  }
  return values;
}
