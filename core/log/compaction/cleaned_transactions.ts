// The transactions that a walk over a log is inside of: tells which batches were
// aborted, and which markers have outlived all batches of their transaction.
//
// A marker stays while the walk meets any batch of its transaction, since readers
// need it to tell where the transaction ends; the walk that finds none may let it
// go, once it has been like that for `delete.retention.ms`.
//
// Source: KIP-98; Kafka documentation, "Log Compaction".

import type { ControlRecordType } from "../../record/control_record.ts";
import type { AbortedTransaction } from "../transaction_index.ts";

/** What must be known of a batch of records. */
export interface TransactionBatch {
  readonly lastOffset: number;
  readonly producerId: number;
  readonly isTransactional: boolean;
}

interface OpenAborted {
  readonly transaction: AbortedTransaction;
  hasBatches: boolean;
}

/** The state of one walk, from lower offsets to higher. */
export class CleanedTransactions {
  /** Ascending by first offset; those before `#next` are open, or over. */
  #waiting: AbortedTransaction[] = [];
  #next = 0;
  readonly #aborted = new Map<number, OpenAborted>();
  /** Producers with batches in a transaction that was not aborted. */
  readonly #committed = new Set<number>();
  readonly #onRetained: (transaction: AbortedTransaction) => void;

  /** @param onRetained Told of aborted transactions of which the marker stays. */
  constructor(
    onRetained: (transaction: AbortedTransaction) => void = () => {},
  ) {
    this.#onRetained = onRetained;
  }

  /** Adds aborted transactions that the walk will meet; those known already do no harm. */
  add(transactions: readonly AbortedTransaction[]): void {
    if (transactions.length === 0) return;
    this.#waiting = [...this.#waiting.slice(this.#next), ...transactions]
      .sort((a, b) => a.firstOffset - b.firstOffset);
    this.#next = 0;
  }

  /** Takes in a batch of records; @returns whether its transaction was aborted. */
  meetsAborted(batch: TransactionBatch): boolean {
    this.#openUpTo(batch.lastOffset);
    if (!batch.isTransactional) return false;
    const aborted = this.#aborted.get(batch.producerId);
    if (aborted === undefined) {
      this.#committed.add(batch.producerId);
      return false;
    }
    aborted.hasBatches = true;
    return true;
  }

  /**
   * Takes in a control batch.
   *
   * @param type `null` for one that was emptied before.
   * @returns Whether nothing of its transaction is left.
   */
  hasOutlived(
    batch: TransactionBatch,
    type: ControlRecordType | null,
  ): boolean {
    this.#openUpTo(batch.lastOffset);
    if (type === null) return true;
    if (type === "other") return false;
    if (type === "commit") return !this.#committed.delete(batch.producerId);
    const aborted = this.#aborted.get(batch.producerId);
    this.#aborted.delete(batch.producerId);
    if (aborted?.hasBatches !== true) return true;
    this.#onRetained(aborted.transaction);
    return false;
  }

  #openUpTo(offset: number): void {
    for (; this.#next < this.#waiting.length; this.#next++) {
      const transaction = this.#waiting[this.#next];
      if (transaction.firstOffset > offset) return;
      if (this.#aborted.has(transaction.producerId)) continue;
      this.#aborted.set(transaction.producerId, {
        transaction,
        hasBatches: false,
      });
    }
  }
}
