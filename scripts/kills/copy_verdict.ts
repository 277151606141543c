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
 * hangs nowhere, and that transactions with epochs of their own are as they should
 * be beside them. Seen with Apache Kafka 3.9.1, too, put through the same runs:
 * aborted reads, torn transactions, offsets that go back, copies missing or repeated.
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
  /**
   * Where requests came late: whether a transaction is of a client or broker that
   * knows no epoch for each transaction. `null` where none came late.
   */
  readonly isOlderAndLate: ((transaction: string) => boolean) | null;
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
  const newer = withoutOlder(operations, run.isOlderAndLate);
  const mustHold = newer === null
    ? null
    : judgeHistory(newer, { isComplete: true });
  for (const [checker, count] of counts) {
    const found = mustHold !== null && LET_PASS_BEFORE.has(checker)
      ? mustHold
      : { counts, examples };
    const problemCount = found.counts.get(checker) ?? 0;
    if (problemCount < count) {
      lines.push(
        `${
          count - problemCount
        } × ${checker}, which the older protocol lets pass`,
      );
    }
    if (problemCount === 0) continue;
    problems.push(
      `${problemCount} × ${checker}`,
      ...found.examples.filter((each) => each.startsWith(`${checker}:`)),
    );
  }
  if (mustHold === null) problems.push(...copy.examples);
  if (tally.committedCount === 0 || tally.abortedCount === 0) {
    problems.push("a run without transactions of both kinds shows nothing");
  }
  return { lines, problems };
}

/**
 * The history without the transactions that have no epoch of their own, and without
 * the group's offsets, which all transactions move. `null` where there are none.
 */
function withoutOlder(
  operations: readonly Operation[],
  isOlderAndLate: CopyRun["isOlderAndLate"],
): readonly Operation[] | null {
  if (isOlderAndLate === null) return null;
  const values = new Set<string>();
  let hasOlder = false;
  const others = operations.filter((each) => {
    if (each.kind === "committed") return false;
    if (!("transaction" in each) || each.transaction === null) return true;
    if (!isOlderAndLate(each.transaction)) return true;
    hasOlder = true;
    if (each.kind === "send") {
      for (const value of each.values) values.add(value);
    }
    return false;
  });
  if (!hasOlder) return null;
  return others.map((each) => {
    if (each.kind !== "poll") return each;
    const isLeft = (_: unknown, index: number) =>
      !values.has(each.values[index]);
    return {
      ...each,
      offsets: each.offsets.filter(isLeft),
      values: each.values.filter(isLeft),
    };
  });
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
