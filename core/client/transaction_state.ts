// Where a transactional producer stands, and what it may do there.
//
//   new → initializing → ready ⇄ open → committing → ready
//                                  │         │
//                                  ├→ abortable (something failed)
//                                  ↓         ↓
//                                  └→ aborting → ready
//
//   fatal is reached from anywhere, and never left.
//
// Nothing here asks a broker: `transactions.ts` does, and notes what came of it.
//
// Source: KIP-98, KIP-360, KIP-890.

import { KafkaError } from "../wire/kafka/errors.ts";
import {
  AbortableTransactionError,
  FatalTransactionError,
} from "./transaction_errors.ts";

export type TransactionPhase =
  | "new"
  | "initializing"
  | "ready"
  | "open"
  | "committing"
  | "abortable"
  | "aborting"
  | "fatal";

/** What the coordinator knows of the transaction: `unsure` where an answer was lost. */
export type CoordinatorKnows = "nothing" | "unsure" | "it";

/** What an abort has to ask of the coordinator. */
export interface AbortSteps {
  /** EndTxn, for a transaction that it knows. */
  readonly ends: boolean;
  /** InitProducerId afterwards, which gives another epoch and ends what is open. */
  readonly renews: boolean;
}

const PHASE_TEXT: { readonly [P in TransactionPhase]: string } = {
  new: "initTransactions was not called yet",
  initializing: "initTransactions has not ended yet",
  ready: "no transaction was begun",
  open: "a transaction is open",
  committing: "the transaction is being committed",
  abortable: "the transaction can only be aborted",
  aborting: "the transaction is being aborted",
  fatal: "the producer cannot go on",
};

export class TransactionState {
  readonly #transactionalId: string;
  #phase: TransactionPhase = "new";
  #failure: AbortableTransactionError | FatalTransactionError | null = null;
  #coordinatorKnows: CoordinatorKnows = "nothing";
  #needsEpoch = false;
  /** True where the coordinator has lost the id: it would refuse EndTxn. */
  #isIdLost = false;
  #hasEpochPerTransaction = false;

  constructor(transactionalId: string) {
    this.#transactionalId = transactionalId;
  }

  get phase(): TransactionPhase {
    return this.#phase;
  }

  /** What went wrong, while the phase is `abortable` or `fatal`. */
  get failure(): AbortableTransactionError | FatalTransactionError | null {
    return this.#failure;
  }

  /** True where records may leave for brokers. */
  get maySend(): boolean {
    return this.#phase === "open" || this.#phase === "committing";
  }

  /** True where something is open that a close had better abort. */
  get isOpen(): boolean {
    return this.#phase === "open" || this.#phase === "abortable";
  }

  get coordinatorKnows(): CoordinatorKnows {
    return this.#coordinatorKnows;
  }

  /** True where this transaction is by the newer protocol: each has an epoch of its own. */
  get hasEpochPerTransaction(): boolean {
    return this.#hasEpochPerTransaction;
  }

  /** `initTransactions` has been called. */
  startInit(): void {
    this.#expect("initTransactions", "new");
    this.#phase = "initializing";
  }

  /** @param hasEpochPerTransaction What the coordinator offers now. */
  begin(hasEpochPerTransaction: boolean): void {
    this.#expect("beginTransaction", "ready");
    this.#phase = "open";
    this.#coordinatorKnows = "nothing";
    this.#hasEpochPerTransaction = hasEpochPerTransaction;
  }

  /** Why a record, or offsets, cannot be part of a transaction now; `null` where they can. */
  refusalOf(call: string): Error | null {
    if (this.#phase === "open") return null;
    return this.#failure ?? this.#refusal(call);
  }

  startCommit(): void {
    this.#expect("commitTransaction", "open");
    this.#phase = "committing";
  }

  startAbort(): void {
    if (this.#phase !== "abortable") this.#expect("abortTransaction", "open");
    this.#phase = "aborting";
    this.#failure = null;
  }

  /** A request has left that opens the transaction at the coordinator. */
  noteAsked(): void {
    if (this.#coordinatorKnows === "nothing") this.#coordinatorKnows = "unsure";
  }

  /** The coordinator has the transaction open, or will take its end as if it had. */
  noteKnown(): void {
    this.#coordinatorKnows = "it";
  }

  /** Numbers of records are missing, or the broker has lost track of them. */
  needEpoch(options: { readonly isIdLost?: boolean } = {}): void {
    this.#needsEpoch = true;
    if (options.isIdLost) this.#isIdLost = true;
  }

  /** What is left to ask once nothing of the aborted transaction is under way. */
  abortSteps(): AbortSteps {
    const isKnown = this.#coordinatorKnows === "it" && !this.#isIdLost;
    return {
      ends: isKnown,
      // The end of a transaction gives an epoch by itself where each has its own.
      renews: isKnown
        ? this.#needsEpoch && !this.#hasEpochPerTransaction
        : this.#needsEpoch || this.#coordinatorKnows !== "nothing",
    };
  }

  /** The id and epoch are such that a transaction may begin. */
  becomeReady(): void {
    if (this.#phase === "fatal") return;
    this.#phase = "ready";
    this.#failure = null;
    this.#coordinatorKnows = "nothing";
    this.#needsEpoch = false;
    this.#isIdLost = false;
  }

  /**
   * The transaction cannot be committed.
   *
   * @returns True where this is news.
   */
  failAbortably(cause: Error): boolean {
    const { phase } = this;
    if (phase !== "open" && phase !== "committing") return false;
    this.#phase = "abortable";
    this.#failure = new AbortableTransactionError(
      `The transaction of ${this.#transactionalId} can only be aborted: ` +
        cause.message,
      cause,
    );
    return true;
  }

  /**
   * The producer is at its end.
   *
   * @returns True where this is news.
   */
  failFatally(cause: Error): boolean {
    if (this.#phase === "fatal") return false;
    this.#phase = "fatal";
    this.#failure = new FatalTransactionError(
      `The producer of transactional id ${this.#transactionalId} has to be ` +
        `closed: ${cause.message}`,
      cause,
    );
    return true;
  }

  #expect(call: string, phase: TransactionPhase): void {
    if (this.#phase === phase) return;
    throw this.#failure ?? this.#refusal(call);
  }

  #refusal(call: string): KafkaError {
    return new KafkaError(
      "INVALID_TXN_STATE",
      `Cannot ${call} for transactional id ${this.#transactionalId}: ` +
        PHASE_TEXT[this.#phase],
    );
  }
}
