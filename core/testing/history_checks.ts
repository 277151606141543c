// The checkers over a history: each looks for one thing that must never be.
//
//   lost write            a committed record that readers have gone past, unseen
//   unseen write          one that nobody has seen although all was read
//   duplicate             one value at two offsets
//   inconsistent offset   one offset with two values
//   aborted read          a value of a failed send, or of an aborted transaction
//   precommitted read     a value seen before its transaction was asked to commit
//   torn transaction      one part of it was seen, another was not
//   invented value        one that nobody has sent
//   poll order, poll skip a reader went back, or past a record it had to be given
//   send order            a later send has a lower offset
//   offset regress        a group's offset went back behind what was acknowledged
//   offset ahead          a group's offset went past a record it was not given
//   end order             LSO ≤ HW ≤ LEO does not hold, or one of them went back
//
// Writes of two transactions that mix in one partition are no fault in Kafka.

import type { Operation } from "./history.ts";
import { HistoryIndex } from "./history_index.ts";
import { checkEnds, checkGroupOffsets } from "./history_offset_checks.ts";
import { checkPolls, checkSendOrder } from "./history_order_checks.ts";
import {
  checkContents,
  checkReads,
  checkWrites,
} from "./history_value_checks.ts";

export type CheckerName =
  | "lost write"
  | "unseen write"
  | "duplicate"
  | "inconsistent offset"
  | "aborted read"
  | "precommitted read"
  | "torn transaction"
  | "invented value"
  | "poll order"
  | "poll skip"
  | "send order"
  | "offset regress"
  | "offset ahead"
  | "end order";

/** Told of something that must not be. */
export type Report = (checker: CheckerName, message: string) => void;

/** What was found: how often, and the first few in words. */
export interface HistoryVerdict {
  readonly counts: ReadonlyMap<CheckerName, number>;
  readonly examples: readonly string[];
  readonly tally: HistoryTally;
}

/** How much a history shows: one without anything proves nothing. */
export interface HistoryTally {
  readonly committedCount: number;
  readonly abortedCount: number;
  /** Transactions whose end nobody was told. */
  readonly unknownCount: number;
  readonly sentCount: number;
  /** Values given to readers of committed data, each time that they were. */
  readonly readCount: number;
}

const EXAMPLE_MAX = 5;

/**
 * Judges a history.
 *
 * @param isComplete True where readers have, at last, read all there is.
 */
export function judgeHistory(
  operations: readonly Operation[],
  { isComplete }: { readonly isComplete: boolean },
): HistoryVerdict {
  const counts = new Map<CheckerName, number>();
  const examples: string[] = [];
  const report: Report = (checker, message) => {
    const count = (counts.get(checker) ?? 0) + 1;
    counts.set(checker, count);
    if (count <= EXAMPLE_MAX) examples.push(`${checker}: ${message}`);
  };
  const index = new HistoryIndex(operations);
  checkWrites(index, { isComplete, report });
  checkReads(index, { isComplete, report });
  checkContents(index, report);
  checkPolls(index, report);
  checkSendOrder(index, report);
  checkGroupOffsets(index, report);
  checkEnds(index, report);
  return { counts, examples, tally: tallyOf(index) };
}

function tallyOf(index: HistoryIndex): HistoryTally {
  const fates = { committed: 0, aborted: 0, unknown: 0 };
  for (const transaction of index.transactions.keys()) {
    fates[index.fateOfTransaction(transaction)]++;
  }
  return {
    committedCount: fates.committed,
    abortedCount: fates.aborted,
    unknownCount: fates.unknown,
    sentCount: index.sends.reduce((sum, { values }) => sum + values.length, 0),
    readCount: index.polls.reduce(
      (sum, { isolation, values }) =>
        sum + (isolation === "read_committed" ? values.length : 0),
      0,
    ),
  };
}
