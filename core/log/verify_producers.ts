// What the files beside a log say of its producers, held against what they wrote:
// their last batches in `.snapshot`, their aborted transactions in `.txnindex`.

import { readBatchHeader } from "../record/batch_header.ts";
import type { BatchSummary } from "./batch_summary.ts";
import { sequenceAfter } from "./producer_entry.ts";
import type { ProducerSnapshotEntry } from "./producer_snapshot.ts";

/** A batch, as the files beside the log speak of it. */
export interface SeenBatch {
  readonly position: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  readonly partitionLeaderEpoch: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  /** Whether it ends a transaction of its producer. */
  readonly isMarker: boolean;
  readonly isAbort: boolean;
  /** Whether it belongs to a transaction, and a compaction has left records in it. */
  readonly hasTransactionalRecords: boolean;
}

export function seenBatch(batch: BatchSummary, bytes: Uint8Array): SeenBatch {
  const isRecords = batch.magic === 2 && !batch.isControl;
  const header = isRecords ? readBatchHeader(bytes) : null;
  return {
    position: batch.position,
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    maxTimestampMs: batch.maxTimestampMs,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    lastSequence: header === null || batch.baseSequence < 0
      ? -1
      : sequenceAfter(batch.baseSequence, header.lastOffsetDelta),
    isMarker: batch.marker !== null,
    isAbort: batch.marker?.isCommit === false,
    hasTransactionalRecords: header !== null && batch.isTransactional &&
      header.recordCount > 0,
  };
}

/** An aborted transaction of which records are in the log. */
export interface SeenAbort {
  /** Of what is left of it. */
  readonly firstOffset: number;
  /** The end of its producer's transaction before; it cannot begin earlier. */
  readonly firstOffsetMin: number;
}

/** By the marker's offset. */
export function abortsOf(
  batches: readonly SeenBatch[],
): Map<number, SeenAbort> {
  const open = new Map<number, number>();
  const ends = new Map<number, number>();
  const aborts = new Map<number, SeenAbort>();
  for (const batch of batches) {
    const { producerId } = batch;
    if (batch.isMarker) {
      const firstOffset = open.get(producerId);
      if (batch.isAbort && firstOffset !== undefined) {
        const firstOffsetMin = ends.get(producerId) ?? 0;
        aborts.set(batch.lastOffset, { firstOffset, firstOffsetMin });
      }
      ends.set(producerId, batch.lastOffset + 1);
      open.delete(producerId);
    } else if (batch.hasTransactionalRecords && !open.has(producerId)) {
      open.set(producerId, batch.baseOffset);
    }
  }
  return aborts;
}

/**
 * Why a snapshot cannot be what was known at its offset; `null` where it can.
 * Producers may be missing in it, since they expire, and batches in the log, since
 * compaction and retention take them.
 */
export function snapshotFault(
  producers: readonly ProducerSnapshotEntry[],
  batches: readonly SeenBatch[],
  offset: number,
): string | null {
  if (producers.length === 0) return null;
  const last = new Map<number, SeenBatch>();
  for (const batch of batches) {
    if (batch.lastOffset >= offset) break;
    if (batch.producerId >= 0 && !batch.isMarker) {
      last.set(batch.producerId, batch);
    }
  }
  for (const entry of producers) {
    const { producerId, lastOffset } = entry;
    if (lastOffset >= offset || entry.currentTxnFirstOffset >= offset) {
      return `producer ${producerId} is said to have written at or after offset ${offset}`;
    }
    const batch = last.get(producerId);
    if (batch === undefined) continue;
    const says =
      `producer ${producerId} is said to have ended at offset ${lastOffset}`;
    if (batch.producerEpoch > entry.producerEpoch) {
      return `${says} in epoch ${entry.producerEpoch}, its batch at ${batch.baseOffset} is of epoch ${batch.producerEpoch}`;
    }
    // A new epoch begins without batches.
    if (batch.producerEpoch !== entry.producerEpoch) continue;
    if (batch.lastOffset > lastOffset) {
      return `${says}, its batch at ${batch.baseOffset} ends at ${batch.lastOffset}`;
    }
    if (
      batch.lastOffset === lastOffset &&
      batch.lastSequence !== entry.lastSequence
    ) {
      return `${says} with sequence number ${entry.lastSequence}, its batch says ${batch.lastSequence}`;
    }
  }
  return null;
}
