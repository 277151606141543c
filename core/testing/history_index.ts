// What the checkers of a history look things up in: who sent a value, where it was
// seen, what became of its transaction, what an offset holds.

import type { End, Operation, Poll, Send } from "./history.ts";

/** What became of a transaction, or of a send that stands for itself. */
export type Fate = "committed" | "aborted" | "unknown";

interface TransactionFacts {
  readonly sends: Send[];
  readonly ends: End[];
}

/** A history, by what its checkers ask. */
export class HistoryIndex {
  readonly operations: readonly Operation[];
  readonly transactions = new Map<string, TransactionFacts>();
  /** Who sent a value. */
  readonly #senders = new Map<string, Send>();
  /** By partition, what an offset holds, as polls and acknowledgements have it. */
  readonly #contents = new Map<string, Map<number, string>>();
  /** What readers of committed data saw. */
  readonly #seen = new Map<string, Poll>();
  /** By partition, the highest offset that such a reader saw. */
  readonly #highest = new Map<string, number>();
  readonly #sortedOffsets = new Map<string, Float64Array>();

  constructor(operations: readonly Operation[]) {
    this.operations = operations;
    for (const operation of operations) {
      if (operation.kind === "send") this.#addSend(operation);
      else if (operation.kind === "poll") this.#addPoll(operation);
      else if (operation.kind === "end") {
        this.#facts(operation.transaction).ends.push(operation);
      }
    }
  }

  get sends(): Send[] {
    return this.operations.filter((each) => each.kind === "send");
  }

  get polls(): Poll[] {
    return this.operations.filter((each) => each.kind === "poll");
  }

  senderOf(value: string): Send | undefined {
    return this.#senders.get(value);
  }

  /** The first reader of committed data that saw it. */
  readerOf(value: string): Poll | undefined {
    return this.#seen.get(value);
  }

  /** The highest offset that a reader of committed data saw; -1 for none. */
  highestSeen(key: string): number {
    return this.#highest.get(key) ?? -1;
  }

  contentsOf(key: string): ReadonlyMap<number, string> {
    return this.#contents.get(key) ?? new Map();
  }

  /** What became of the records of a send. */
  fateOf(send: Send): Fate {
    return send.transaction === null
      ? FATES[send.outcome]
      : this.fateOfTransaction(send.transaction);
  }

  /**
   * The offset of a record within `[from, to)` that a reader of committed data
   * has to be given; -1 where there is none.
   */
  requiredWithin(key: string, from: number, to: number): number {
    if (to <= from) return -1;
    const contents = this.contentsOf(key);
    const offsets = this.#offsetsOf(key);
    for (let i = firstAtLeast(offsets, from); offsets[i] < to; i++) {
      const value = contents.get(offsets[i])!;
      const sender = this.senderOf(value);
      const isRequired = this.#seen.has(value) ||
        (sender !== undefined && this.fateOf(sender) === "committed");
      if (isRequired) return offsets[i];
    }
    return -1;
  }

  /** What became of a transaction: nobody else commits it than who was asked to. */
  fateOfTransaction(transaction: string): Fate {
    const asked = this.#facts(transaction).ends.filter((each) => each.isCommit);
    if (asked.some(({ outcome }) => outcome === "ok")) return "committed";
    return asked.some(({ outcome }) => outcome === "info")
      ? "unknown"
      : "aborted";
  }

  #facts(transaction: string): TransactionFacts {
    let facts = this.transactions.get(transaction);
    if (facts === undefined) {
      this.transactions.set(transaction, facts = { sends: [], ends: [] });
    }
    return facts;
  }

  #addSend(send: Send): void {
    if (send.transaction !== null) {
      this.#facts(send.transaction).sends.push(send);
    }
    for (const value of send.values) this.#senders.set(value, send);
    this.#addContents(placeKey(send), send);
  }

  #addPoll(poll: Poll): void {
    const key = placeKey(poll);
    this.#addContents(key, poll);
    if (poll.isolation !== "read_committed") return;
    for (const value of poll.values) {
      if (!this.#seen.has(value)) this.#seen.set(value, poll);
    }
    const highest = Math.max(...poll.offsets.slice(-1), this.highestSeen(key));
    this.#highest.set(key, highest);
  }

  #addContents(key: string, { offsets, values }: {
    readonly offsets: readonly number[];
    readonly values: readonly string[];
  }): void {
    let contents = this.#contents.get(key);
    if (contents === undefined) this.#contents.set(key, contents = new Map());
    offsets.forEach((offset, index) => {
      if (!contents.has(offset)) contents.set(offset, values[index]);
    });
  }

  #offsetsOf(key: string): Float64Array {
    let sorted = this.#sortedOffsets.get(key);
    if (sorted === undefined) {
      sorted = Float64Array.from(this.contentsOf(key).keys()).sort();
      this.#sortedOffsets.set(key, sorted);
    }
    return sorted;
  }
}

const FATES = {
  ok: "committed",
  fail: "aborted",
  info: "unknown",
} as const;

/** Names a partition. */
export function placeKey({ topic, partition }: {
  readonly topic: string;
  readonly partition: number;
}): string {
  return `${topic}-${partition}`;
}

function firstAtLeast(sorted: Float64Array, wanted: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
