// What a decision about a transactional id comes to, and the steps that several
// of them take. All are pure: from a state and a time to the next state.

import { KafkaError } from "../wire/kafka/errors.ts";
import {
  EPOCH_PER_TRANSACTION,
  isExhausted,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  noPartitions,
  PRODUCER_EPOCH_MAX,
  type TransactionState,
} from "./transaction_state.ts";

/** What to store, and what to say once that is durable. */
export interface Transition<T> {
  /** `null` leaves the state as it is. */
  readonly next: TransactionState | null;
  readonly response: T;
}

/** The decision takes a producer id that nobody has had; decide again with one. */
export const NEEDS_PRODUCER_ID = "needsProducerId";
export type NeedsProducerId = typeof NEEDS_PRODUCER_ID;

/** The steps of an ongoing transaction to its end. */
export interface End {
  readonly isCommit: boolean;
  /** From `EPOCH_PER_TRANSACTION` on the producer goes on with another epoch. */
  readonly clientVersion: number;
  readonly nowMs: number;
  /** Used where the epochs of the present one run out. */
  readonly freshProducerId: number | null;
}

/**
 * Decides the end of a transaction. Where the producer's epoch goes up, the markers
 * have the new one already, so that nothing late from this transaction gets into
 * the next.
 */
export function prepareEnd(
  state: TransactionState,
  { isCommit, clientVersion, nowMs, freshProducerId }: End,
): TransactionState | NeedsProducerId {
  const status = isCommit ? "PrepareCommit" : "PrepareAbort";
  const ended = {
    ...state,
    status,
    updateTimeMs: nowMs,
    clientVersion,
  } as const;
  if (clientVersion < EPOCH_PER_TRANSACTION) return ended;
  const isLast = isExhausted(state.producerEpoch);
  if (isLast && freshProducerId === null) return NEEDS_PRODUCER_ID;
  return {
    ...ended,
    producerEpoch: nextEpoch(state),
    lastProducerEpoch: state.producerEpoch,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: isLast ? freshProducerId! : NO_PRODUCER_ID,
  };
}

/**
 * Aborts the transaction of a producer that shall be heard no more. That it is not
 * the producer's own end is told by the client's version, 0: an end that the
 * producer asks for late is then no repetition of this one.
 *
 * @param lastProducerEpoch The epoch with which the producer itself may go on; -1
 * where another takes its place.
 */
export function prepareFence(
  state: TransactionState,
  lastProducerEpoch: number,
  nowMs: number,
): TransactionState {
  return {
    ...state,
    status: "PrepareAbort",
    producerEpoch: nextEpoch(state),
    lastProducerEpoch,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: NO_PRODUCER_ID,
    updateTimeMs: nowMs,
    clientVersion: 0,
  };
}

/** All partitions have their marker: the transaction is over. */
export function complete(
  prepared: TransactionState,
  nowMs: number,
): TransactionState {
  const isRotated = prepared.nextProducerId !== NO_PRODUCER_ID;
  return {
    ...prepared,
    status: prepared.status === "PrepareCommit"
      ? "CompleteCommit"
      : "CompleteAbort",
    producerId: isRotated ? prepared.nextProducerId : prepared.producerId,
    producerEpoch: isRotated ? 0 : prepared.producerEpoch,
    previousProducerId: isRotated
      ? prepared.producerId
      : prepared.previousProducerId,
    nextProducerId: NO_PRODUCER_ID,
    partitions: noPartitions,
    updateTimeMs: nowMs,
  };
}

/**
 * What becomes of a transaction that was open for too long; `null` where it was not.
 * Its producer may still ask for the abort, and go on, if it is one that takes a new
 * epoch from the answer; otherwise it is fenced.
 */
export function timeOut(
  state: TransactionState,
  nowMs: number,
  freshProducerId: number | null,
): TransactionState | NeedsProducerId | null {
  const { status, startTimeMs, timeoutMs, clientVersion } = state;
  if (status !== "Ongoing" || startTimeMs + timeoutMs >= nowMs) return null;
  if (clientVersion < EPOCH_PER_TRANSACTION) {
    return prepareFence(state, NO_PRODUCER_EPOCH, nowMs);
  }
  return prepareEnd(state, {
    isCommit: false,
    clientVersion,
    nowMs,
    freshProducerId,
  });
}

/** A state that a broken coordinator left at the last epoch can still be ended. */
function nextEpoch({ producerEpoch }: TransactionState): number {
  return Math.min(producerEpoch + 1, PRODUCER_EPOCH_MAX);
}

export function concurrent(state: TransactionState): KafkaError {
  return new KafkaError(
    "CONCURRENT_TRANSACTIONS",
    `The last transaction of "${state.transactionalId}" is still being ended.`,
  );
}

export function unknownId(transactionalId: string): KafkaError {
  return new KafkaError(
    "INVALID_PRODUCER_ID_MAPPING",
    `Transactional id "${transactionalId}" has no producer, or had none for too long.`,
  );
}

/** @throws {KafkaError} INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED. */
export function assertOwner(
  state: TransactionState,
  producer: { readonly producerId: number; readonly producerEpoch: number },
): void {
  const { transactionalId, producerId, producerEpoch } = state;
  if (producer.producerId !== producerId) {
    throw new KafkaError(
      "INVALID_PRODUCER_ID_MAPPING",
      `Transactional id "${transactionalId}" belongs to producer ${producerId}, not ${producer.producerId}.`,
    );
  }
  if (producer.producerEpoch !== producerEpoch) {
    throw new KafkaError(
      "PRODUCER_FENCED",
      `Transactional id "${transactionalId}" is at epoch ${producerEpoch}, not ${producer.producerEpoch}.`,
    );
  }
}
