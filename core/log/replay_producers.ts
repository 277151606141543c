// Brings the producers' state to the end of a log: from the last snapshot, then
// from the batches after it.

import type { BatchSummary } from "./batch_summary.ts";
import { WHOLE_CHUNK_BYTES } from "./batch_scan.ts";
import type { ProducerSnapshots } from "./producer_snapshots.ts";
import type { CompletedTransaction, ProducerState } from "./producer_state.ts";
import type { SegmentList } from "./segment_list.ts";

/** Loads the state before the record of `endOffset`. */
export function replayProducers(
  producers: ProducerState,
  snapshots: ProducerSnapshots,
  segments: SegmentList,
  { endOffset }: { readonly endOffset: number },
): void {
  // Below the first segment nothing tells what came after a snapshot.
  const firstOffset = segments.at(0)?.baseOffset ?? 0;
  const latest = snapshots.load(endOffset);
  const snapshot = latest !== null && latest.offset >= firstOffset
    ? latest
    : null;
  producers.load(snapshot?.entries ?? []);
  let nextOffset = snapshot?.offset ?? firstOffset;
  if (nextOffset >= endOffset) return;
  const first = Math.max(0, segments.floorIndex(nextOffset));
  for (let i = first; i < segments.count; i++) {
    const segment = segments.at(i)!;
    if (segment.baseOffset >= endOffset) return;
    const from = segment.baseOffset >= nextOffset
      ? 0
      : segment.find(nextOffset)?.position ?? segment.sizeBytes;
    const scan = segment.scan(from, WHOLE_CHUNK_BYTES);
    for (let batch = scan.next(true); batch !== null; batch = scan.next(true)) {
      if (batch.baseOffset >= endOffset) return;
      applyToProducers(producers, batch);
      nextOffset = batch.lastOffset + 1;
    }
  }
}

/**
 * Takes a batch into the producers' state, where it concerns it.
 *
 * @returns The transaction that it ended, if any.
 */
export function applyToProducers(
  producers: ProducerState,
  batch: BatchSummary,
): CompletedTransaction | null {
  if (batch.producerId < 0) return null;
  // Control batches of other kinds (a leader's change) are no producer's.
  if (batch.isControl && batch.marker === null) return null;
  return producers.apply(batch);
}
