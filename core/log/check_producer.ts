// Whether a batch, or the end of a transaction, fits what a partition knows of
// its producer. These change nothing.
//
// Source: KIP-98, KIP-360, KIP-890; where an old batch is repeated that is no
// longer kept, the answer is DUPLICATE_SEQUENCE_NUMBER, which clients take as
// success.

import { KafkaError } from "../wire/kafka/errors.ts";
import {
  isSequenceBefore,
  type ProducerEntry,
  sequenceAfter,
} from "./producer_entry.ts";
import type { ProducerBatch, TransactionMarker } from "./producer_state.ts";

const NONE = -1;

/** How a producer's transaction is to end, as its coordinator says. */
export interface TransactionEnd {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly isCommit: boolean;
  /** Epoch of the coordinator: one of an older epoch is refused. */
  readonly coordinatorEpoch: number;
  /**
   * Whether the epoch is above that of the transaction's records, as it is where
   * every transaction has an epoch of its own. A marker that comes late can then
   * not be taken for that of the next transaction.
   */
  readonly isEpochRaised?: boolean;
}

/** Number of the last record of a batch. */
export function lastSequenceOf(batch: ProducerBatch): number {
  return sequenceAfter(batch.baseSequence, batch.lastOffset - batch.baseOffset);
}

/** @throws {KafkaError} INVALID_PRODUCER_EPOCH where a newer epoch was seen. */
export function checkEpoch(
  entry: ProducerEntry,
  producerEpoch: number,
  name: string,
): void {
  if (producerEpoch >= entry.producerEpoch) return;
  throw new KafkaError(
    "INVALID_PRODUCER_EPOCH",
    `Epoch ${producerEpoch} of producer ${entry.producerId} in ${name} is older than the last seen epoch ${entry.producerEpoch}.`,
  );
}

/** @throws {KafkaError} TRANSACTION_COORDINATOR_FENCED for one of an older epoch. */
export function checkCoordinatorEpoch(
  entry: ProducerEntry,
  marker: Pick<TransactionMarker, "coordinatorEpoch">,
  name: string,
): void {
  if (marker.coordinatorEpoch >= entry.coordinatorEpoch) return;
  throw new KafkaError(
    "TRANSACTION_COORDINATOR_FENCED",
    `Coordinator epoch ${marker.coordinatorEpoch} of producer ${entry.producerId} in ${name} is older than the last seen epoch ${entry.coordinatorEpoch}.`,
  );
}

/**
 * Whether a transaction still has to be ended in a partition. A coordinator sends
 * its markers until it knows that they are there, so some come twice, and late.
 *
 * Where a marker has the epoch of its records, nothing tells a repeated one from
 * that of a transaction without records here: it is written again then, which
 * readers do not notice.
 *
 * @param entry What is known of the producer; `undefined` where nothing is.
 * @throws {KafkaError} TRANSACTION_COORDINATOR_FENCED; INVALID_PRODUCER_EPOCH
 * where the transaction that is open is a later one.
 */
export function needsMarker(
  entry: ProducerEntry | undefined,
  end: TransactionEnd,
  name: string,
): boolean {
  if (entry === undefined) return true;
  checkCoordinatorEpoch(entry, end, name);
  const isRaised = end.isEpochRaised === true;
  const isLate = isRaised
    ? end.producerEpoch <= entry.producerEpoch
    : end.producerEpoch < entry.producerEpoch;
  if (!isLate) return true;
  if (entry.currentTxnFirstOffset < 0) return false;
  throw new KafkaError(
    "INVALID_PRODUCER_EPOCH",
    `A transaction of producer ${end.producerId} with epoch ${entry.producerEpoch} is open in ${name}; a marker of epoch ${end.producerEpoch} does not end it.`,
  );
}

/**
 * @throws {KafkaError} OUT_OF_ORDER_SEQUENCE_NUMBER where a batch is missing before
 * this, DUPLICATE_SEQUENCE_NUMBER where it repeats one too old to be known.
 */
export function checkSequence(
  entry: ProducerEntry,
  batch: ProducerBatch,
  name: string,
): void {
  // Nothing but a lost state has no epoch: go on from wherever it is.
  if (entry.producerEpoch === NONE) return;
  const first = batch.baseSequence;
  const isNewEpoch = batch.producerEpoch !== entry.producerEpoch;
  const expected = isNewEpoch || entry.lastSequence < 0
    ? 0
    : sequenceAfter(entry.lastSequence, 1);
  if (first === expected) return;
  const isRepeated = !isNewEpoch && entry.batches.length > 0 &&
    isSequenceBefore(lastSequenceOf(batch), entry.batches[0].firstSequence);
  throw new KafkaError(
    isRepeated ? "DUPLICATE_SEQUENCE_NUMBER" : "OUT_OF_ORDER_SEQUENCE_NUMBER",
    `Producer ${batch.producerId} at epoch ${batch.producerEpoch} sent sequence number ${first} to ${name}, expected ${expected}.`,
  );
}
