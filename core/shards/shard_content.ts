// What the shards of one internal topic hold: what its records look like, and
// what they do to a state. Groups are one such content, transactions another.

import type { VerificationGuard } from "../log/verifications.ts";

/** One moment by both clocks of the host. */
export interface Now {
  /** For durations and deadlines. */
  readonly monotonicMs: number;
  /** For what is stored. */
  readonly wallMs: number;
}

/** The producer in whose transaction records are written. */
export interface InTransaction {
  readonly producerId: number;
  readonly producerEpoch: number;
  /**
   * What shows that the transaction's coordinator knows of the partition; `null` where
   * it has records there already, left out where nothing is asked.
   */
  readonly verification?: VerificationGuard | null;
}

/** What was decided: what shall be stored, and what to say then. */
export interface Decision<R, T> {
  /** Appended as one batch, all or nothing. */
  readonly records: readonly R[];
  /** Where the records count only once a transaction is committed. */
  readonly transaction?: InTransaction;
  readonly response: T;
}

/** A state `S`, which records `R` alone change. */
export interface ShardContent<S, R> {
  /** In the plural, for lines of trace: `groups`. */
  readonly name: string;
  /** The state of an empty log. */
  newState(): S;
  /** How many things a state holds, for lines of trace. */
  count(state: S): number;
  /**
   * Changes a state by a record that is in the log now, or is replayed from it.
   *
   * @param transaction Where the record waits for the end of one; `null` for now.
   */
  apply(state: S, record: R, transaction: InTransaction | null): void;
  /** Ends the transaction of a producer; to be left out where there are none. */
  endTransaction?(state: S, producerId: number, isCommit: boolean): void;
  /** At least one record as one batch; its bytes hold until the next call. */
  encode(
    records: readonly R[],
    timestampMs: number,
    transaction: InTransaction | null,
  ): Uint8Array;
  /**
   * Reads a record; `null` where it means nothing here.
   *
   * @throws {DecodeError}
   */
  decode(key: Uint8Array, value: Uint8Array | null): R | null;
  /** The state is given up: whoever waits for it is sent away. */
  abandon(state: S): void;
}
