// Checkers of values: what was written is seen, once and whole, and nothing else.

import type { Poll, Send } from "./history.ts";
import type { Report } from "./history_checks.ts";
import { type HistoryIndex, placeKey } from "./history_index.ts";

/** What is committed is there: lost write, unseen write. */
export function checkWrites(
  index: HistoryIndex,
  { isComplete, report }: {
    readonly isComplete: boolean;
    readonly report: Report;
  },
): void {
  for (const send of index.sends) {
    if (index.fateOf(send) !== "committed") continue;
    const key = placeKey(send);
    const highest = index.highestSeen(key);
    send.values.forEach((value, position) => {
      if (index.readerOf(value) !== undefined) return;
      const offset = send.offsets.at(position);
      if (offset !== undefined && offset <= highest) {
        report(
          "lost write",
          `${value} was written to ${key} at ${offset} and never read, though readers got to ${highest}`,
        );
      } else if (isComplete) {
        report(
          "unseen write",
          `${value} was written to ${key} (offset ${
            offset ?? "unknown"
          }) and never read; readers got to ${highest}`,
        );
      }
    });
  }
}

/** What is seen was committed, and all of it is: aborted, precommitted, torn, invented. */
export function checkReads(
  index: HistoryIndex,
  { isComplete, report }: {
    readonly isComplete: boolean;
    readonly report: Report;
  },
): void {
  for (const poll of index.polls) checkPoll(index, poll, report);
  for (const [transaction, { sends }] of index.transactions) {
    checkWhole(index, { transaction, sends, isComplete, report });
  }
}

function checkPoll(index: HistoryIndex, poll: Poll, report: Report): void {
  poll.values.forEach((value, position) => {
    const where = `${value} of ${placeKey(poll)} at ${poll.offsets[position]}`;
    const sender = index.senderOf(value);
    if (sender === undefined) {
      report("invented value", `${where}, seen by ${poll.process}`);
      return;
    }
    if (poll.isolation !== "read_committed") return;
    if (index.fateOf(sender) === "aborted") {
      report(
        "aborted read",
        `${where} of ${
          sender.transaction ?? sender.id
        }, seen by ${poll.process}`,
      );
      return;
    }
    const askedMs = commitAskedMs(index, sender);
    if (poll.endMs < askedMs) {
      report(
        "precommitted read",
        `${where} of ${sender.transaction}, seen by ${poll.process} at ${poll.endMs}, ${
          askedMs - poll.endMs
        } ms before its commit was asked for`,
      );
    }
  });
}

function commitAskedMs(
  index: HistoryIndex,
  { transaction, atMs }: Send,
): number {
  if (transaction === null) return atMs;
  const { ends } = index.transactions.get(transaction)!;
  return Math.min(
    ...ends.filter(({ isCommit }) => isCommit).map((end) => end.atMs),
  );
}

function checkWhole(
  index: HistoryIndex,
  { transaction, sends, isComplete, report }: {
    readonly transaction: string;
    readonly sends: readonly Send[];
    readonly isComplete: boolean;
    readonly report: Report;
  },
): void {
  if (index.fateOfTransaction(transaction) === "aborted") return;
  let seen: string | null = null;
  let missing: string | null = null;
  for (const send of sends) {
    const key = placeKey(send);
    for (const [position, value] of send.values.entries()) {
      const poll = index.readerOf(value);
      if (poll !== undefined) seen ??= `${value} of ${key}`;
      // Readers need not be equally far in all partitions before all is read.
      else if (isComplete || isPassed(index, send, position)) {
        missing ??= `${value} of ${key}`;
      }
    }
  }
  if (seen !== null && missing !== null) {
    report("torn transaction", `${transaction}: ${seen} seen, ${missing} not`);
  }
}

function isPassed(index: HistoryIndex, send: Send, position: number): boolean {
  const offset = send.offsets.at(position);
  return offset !== undefined && offset <= index.highestSeen(placeKey(send));
}

/** Values and offsets belong together: duplicate, inconsistent offset. */
export function checkContents(index: HistoryIndex, report: Report): void {
  const places = new Map<string, { readonly key: string; offset: number }>();
  for (const operation of index.operations) {
    if (operation.kind !== "send" && operation.kind !== "poll") continue;
    const key = placeKey(operation);
    const contents = index.contentsOf(key);
    operation.offsets.forEach((offset, position) => {
      const value = operation.values[position];
      const other = contents.get(offset);
      if (other !== value) {
        report(
          "inconsistent offset",
          `${key} at ${offset}: ${other} and, for ${operation.process}, ${value}`,
        );
      }
      const place = places.get(value);
      if (place === undefined) places.set(value, { key, offset });
      else if (place.key !== key || place.offset !== offset) {
        report(
          "duplicate",
          `${value}: ${place.key} at ${place.offset}, and ${key} at ${offset}`,
        );
      }
    });
  }
}
