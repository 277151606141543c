// The transactions that `produce` sends its records in: begun with the first
// record of each, committed when they have their count or the input ends, aborted
// where anything else ends it.

import type { Producer } from "../core/client/producer.ts";
import {
  AbortableTransactionError,
  FatalTransactionError,
} from "../core/client/transaction_errors.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";
import { SentRecords } from "./_sent_records.ts";

/** A transaction from its first record to its end. */
interface OpenTransaction {
  readonly sent: SentRecords;
  /** Records handed to the producer. */
  recordCount: number;
}

export class Committing {
  readonly #producer: Producer;
  /** Records in each transaction; `Infinity` puts all into one. */
  readonly #everyCount: number;
  #open: OpenTransaction | null = null;
  #committedCount = 0;
  #abortedRecordCount = 0;
  /** Records of a transaction whose end did not become known. */
  #unknownRecordCount = 0;

  constructor(producer: Producer, everyCount: number) {
    this.#producer = producer;
    this.#everyCount = everyCount;
  }

  /**
   * Makes the next record part of a transaction.
   *
   * @returns The account of that transaction.
   */
  accept(): SentRecords {
    if (this.#open === null) {
      this.#producer.beginTransaction();
      this.#open = { sent: new SentRecords(), recordCount: 0 };
    }
    this.#open.recordCount++;
    return this.#open.sent;
  }

  get isFull(): boolean {
    return this.#open !== null && this.#open.recordCount >= this.#everyCount;
  }

  /**
   * Commits what is open; aborts it where that fails.
   *
   * @returns What has been committed; `null` where nothing was open.
   * @throws Why it could not be.
   */
  async commit(): Promise<SentRecords | null> {
    const open = this.#open;
    if (open === null) return null;
    try {
      await this.#producer.commitTransaction();
    } catch (error) {
      const isKnown = error instanceof AbortableTransactionError ||
        error instanceof FatalTransactionError;
      if (isKnown) {
        await this.abort();
        throw error;
      }
      this.#unknownRecordCount += open.recordCount;
      this.#open = null;
      throw isTimeout(error)
        ? new KafkaError(
          "REQUEST_TIMED_OUT",
          "the commit was not answered in time (--timeout)",
        )
        : error;
    }
    this.#open = null;
    this.#committedCount++;
    return open.sent;
  }

  /**
   * Aborts what is open. Where even that fails, its coordinator does it in time:
   * nobody has asked for a commit.
   */
  async abort(): Promise<void> {
    if (this.#open === null) return;
    this.#abortedRecordCount += this.#open.recordCount;
    this.#open = null;
    try {
      await this.#producer.abortTransaction();
    } catch {
      // The producer is fenced, or the cluster out of reach.
    }
  }

  /** As in ` in 2 transactions`. */
  transactionsText(): string {
    const count = this.#committedCount;
    return count === 0
      ? ""
      : ` in ${count} transaction${count === 1 ? "" : "s"}`;
  }

  /** What was not committed, as in `, 3 aborted`. */
  lostText(): string {
    const aborted = this.#abortedRecordCount;
    const unknown = this.#unknownRecordCount;
    return (aborted === 0 ? "" : `, ${aborted} aborted`) +
      (unknown === 0
        ? ""
        : `, ${unknown} in a transaction whose end is not known`);
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof KafkaError && error.errorName === "REQUEST_TIMED_OUT";
}
