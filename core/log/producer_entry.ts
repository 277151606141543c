// What one producer has written to one partition: its epoch, its last five
// batches, and the transaction it has open.
//
// Sequence numbers count a producer's records per partition, from 0 to 2^31 - 1
// and round again. Source: KIP-98, KIP-360.

import type { ProducerSnapshotEntry } from "./producer_snapshot.ts";

/** How many batches of a producer a retry may repeat and still be known. */
export const BATCHES_KEPT = 5;

const NONE = -1;
const SEQUENCE_COUNT = 2 ** 31;

/** The sequence number `delta` records after (or before) another. */
export function sequenceAfter(sequence: number, delta: number): number {
  return ((sequence + delta) % SEQUENCE_COUNT + SEQUENCE_COUNT) %
    SEQUENCE_COUNT;
}

/** Whether a sequence number comes before another, on the circle of them. */
export function isSequenceBefore(sequence: number, other: number): boolean {
  const distance = sequenceAfter(other, -sequence);
  return distance !== 0 && distance < SEQUENCE_COUNT / 2;
}

/** A batch that was appended, as far as a retry of it must be recognised. */
export interface AppendedSequence {
  firstSequence: number;
  lastSequence: number;
  lastOffset: number;
  /** Last offset minus first offset. */
  offsetDelta: number;
  timestampMs: number;
}

/** The state of one producer. */
export class ProducerEntry {
  readonly producerId: number;
  producerEpoch = NONE;
  coordinatorEpoch = NONE;
  lastTimestampMs = NONE;
  /** -1 where no transaction is open. */
  currentTxnFirstOffset = NONE;
  /** Oldest first, at most `BATCHES_KEPT`. */
  readonly batches: AppendedSequence[] = [];

  constructor(producerId: number) {
    this.producerId = producerId;
  }

  static fromSnapshot(from: ProducerSnapshotEntry): ProducerEntry {
    const entry = new ProducerEntry(from.producerId);
    entry.producerEpoch = from.producerEpoch;
    entry.coordinatorEpoch = from.coordinatorEpoch;
    entry.lastTimestampMs = from.timestampMs;
    entry.currentTxnFirstOffset = from.currentTxnFirstOffset;
    if (from.lastOffset >= 0) {
      entry.batches.push({
        firstSequence: sequenceAfter(from.lastSequence, -from.offsetDelta),
        lastSequence: from.lastSequence,
        lastOffset: from.lastOffset,
        offsetDelta: from.offsetDelta,
        timestampMs: from.timestampMs,
      });
    }
    return entry;
  }

  toSnapshot(): ProducerSnapshotEntry {
    const last = this.batches[this.batches.length - 1];
    return {
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      lastSequence: last?.lastSequence ?? NONE,
      lastOffset: last?.lastOffset ?? NONE,
      offsetDelta: last?.offsetDelta ?? 0,
      timestampMs: this.lastTimestampMs,
      coordinatorEpoch: this.coordinatorEpoch,
      currentTxnFirstOffset: this.currentTxnFirstOffset,
    };
  }

  /** -1 where no batch of this epoch is known. */
  get lastSequence(): number {
    const count = this.batches.length;
    return count === 0 ? NONE : this.batches[count - 1].lastSequence;
  }

  /** The kept batch with exactly these sequence numbers. */
  find(
    firstSequence: number,
    lastSequence: number,
  ): AppendedSequence | undefined {
    for (const batch of this.batches) {
      if (
        batch.firstSequence === firstSequence &&
        batch.lastSequence === lastSequence
      ) return batch;
    }
    return undefined;
  }

  /** A new epoch starts its sequence numbers anew. */
  setEpoch(epoch: number): void {
    if (epoch === this.producerEpoch) return;
    this.producerEpoch = epoch;
    this.batches.length = 0;
  }

  addBatch(
    firstSequence: number,
    batch: {
      readonly baseOffset: number;
      readonly lastOffset: number;
      readonly maxTimestampMs: number;
    },
  ): void {
    // The oldest object serves again: one append allocates nothing.
    const slot = this.batches.length === BATCHES_KEPT
      ? this.batches.shift()!
      : {
        firstSequence: 0,
        lastSequence: 0,
        lastOffset: 0,
        offsetDelta: 0,
        timestampMs: 0,
      };
    slot.offsetDelta = batch.lastOffset - batch.baseOffset;
    slot.firstSequence = firstSequence;
    slot.lastSequence = sequenceAfter(firstSequence, slot.offsetDelta);
    slot.lastOffset = batch.lastOffset;
    slot.timestampMs = batch.maxTimestampMs;
    this.batches.push(slot);
    this.lastTimestampMs = batch.maxTimestampMs;
  }
}
