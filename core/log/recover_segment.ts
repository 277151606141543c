// Reads one segment after a crash, from its first byte to its last good one, and
// makes everything beside it again in the same pass: indexes, aborted
// transactions, leader epochs, producers.
//
// Below the recovery point all was synced, so what does not check there is
// damage: it is reported and stepped over, never cut, and never served. From the
// recovery point on it is a torn tail: the log ends before it.

import { batchMagic, batchSize } from "../record/batch_header.ts";
import {
  type BatchScan,
  type CorruptRange,
  WHOLE_CHUNK_BYTES,
} from "./batch_scan.ts";
import {
  BATCH_PREFIX_BYTES,
  type BatchSummary,
  checksumIsValid,
  prefixFault,
  summarize,
} from "./batch_summary.ts";
import type { LeaderEpochs } from "./leader_epochs.ts";
import type { ProducerState } from "./producer_state.ts";
import { applyToProducers } from "./replay_producers.ts";
import type { Segment, SegmentConfig } from "./segment.ts";

/**
 * What is read: `all` bytes, their checksums verified; or `headers`, where every
 * write is known to be there but the end of the last one, and of the last segment
 * the last batch.
 */
export type RecoveryReading = "all" | "headers";

/** What is made again in the pass. */
export interface RecoveryState {
  readonly epochs: LeaderEpochs;
  readonly producers: ProducerState;
  /** Offsets below were synced. */
  readonly recoveryPoint: number;
  /** Whether offsets may be missing at the log's end: it is compacted. */
  readonly mayHaveHoles: boolean;
  /** `all` where left out. */
  readonly reading?: RecoveryReading;
  readonly config: SegmentConfig;
  /** Told of damage and of what is cut, in one line each. */
  readonly report: (text: string) => void;
}

/** Where a segment lies among the others. */
export interface SegmentBounds {
  /** The lowest offset that it may hold. */
  readonly startOffset: number;
  /** The next segment's base offset; `null` for the last one. */
  readonly nextBaseOffset: number | null;
}

/** How a segment was found. */
export interface RecoveredSegment {
  /** The offset after its last good batch. */
  readonly endOffset: number;
  /** True where a tail was cut: segments after it do not follow. */
  readonly wasCut: boolean;
  /** True where headers alone were to be read and are not in order; nothing was cut then. */
  readonly isInDoubt: boolean;
}

/** Recovers a segment. */
export function recoverSegment(
  segment: Segment,
  bounds: SegmentBounds,
  state: RecoveryState,
): RecoveredSegment {
  const readsAll = (state.reading ?? "all") === "all";
  segment.resetIndexes();
  segment.transactions.reset();
  segment.isDirty = true;
  segment.isNew = true; // Its names, too, may be in the page cache only.
  const damaged: CorruptRange[] = [];
  const scan = segment.scan(0, WHOLE_CHUNK_BYTES, {
    reusesMemory: true,
    skipsBodies: !readsAll,
  });
  let expected = bounds.startOffset;
  for (;;) {
    const batch = scan.next(true);
    const fault = batch === null
      ? scan.fault
      : (readsAll || isLast(batch, segment, bounds)
        ? checksumFault(scan, batch)
        : null) ??
        orderFault(batch, segment, expected) ??
        jumpFault(batch, segment, expected, { bounds, state }) ??
        epochFault(batch, expected, state);
    if (fault === null && batch === null) break;
    if (fault === null) {
      takeIn(segment, batch!, state);
      expected = batch!.lastOffset + 1;
      continue;
    }
    if (!readsAll) {
      return { endOffset: expected, wasCut: false, isInDoubt: true };
    }
    const where =
      `"${segment.log.path}" at position ${fault.position}, offset ${expected}: ${fault.reason}`;
    if (expected >= state.recoveryPoint) {
      state.report(
        `Cut ${segment.sizeBytes - fault.position} bytes from ${where}`,
      );
      segment.truncateAt(fault.position, expected);
      return { endOffset: expected, wasCut: true, isInDoubt: false };
    }
    const range = damagedRange(segment, fault.position, expected, state);
    state.report(
      `Damaged below the recovery point ${state.recoveryPoint}: ${where}; offsets ${range.startOffset} to ${
        range.endOffset - 1
      } are not served`,
    );
    damaged.push(range);
    segment.corruptRanges = damaged;
    expected = range.endOffset;
    scan.skipTo(range.end);
  }
  return { endOffset: expected, wasCut: false, isInDoubt: false };
}

/** Whether the log ends with a batch: the last write may have been of it. */
function isLast(
  { position, sizeBytes }: BatchSummary,
  segment: Segment,
  { nextBaseOffset }: SegmentBounds,
): boolean {
  return nextBaseOffset === null &&
    position + sizeBytes === segment.sizeBytes;
}

/** Why the bytes of a batch are not what was written; `null` where they are. */
function checksumFault(
  scan: BatchScan,
  batch: BatchSummary,
): { position: number; reason: string } | null {
  const { position } = batch;
  const bytes = scan.bytes(batch);
  if (bytes === null) return { position, reason: "the file ends inside of it" };
  return checksumIsValid(bytes, 0)
    ? null
    : { position, reason: "wrong checksum" };
}

/** Why a batch cannot be part of the log here; `null` where it can. */
function orderFault(
  batch: BatchSummary,
  segment: Segment,
  expected: number,
): { position: number; reason: string } | null {
  const isInOrder = batch.baseOffset >= expected &&
    batch.lastOffset >= batch.baseOffset && segment.fits(batch.lastOffset);
  if (isInOrder) return null;
  return {
    position: batch.position,
    reason: `offsets ${batch.baseOffset} to ${batch.lastOffset} do not follow`,
  };
}

/**
 * The checksum does not cover a batch's offset. So where offsets jump, what
 * follows must agree: else it is the offset that is damaged, and to believe it
 * would make everything after it look wrong.
 */
function jumpFault(
  batch: BatchSummary,
  segment: Segment,
  expected: number,
  { bounds, state }: {
    readonly bounds: SegmentBounds;
    readonly state: RecoveryState;
  },
): { position: number; reason: string } | null {
  // A compressed set of old formats does not say where it begins.
  if (batch.baseOffset === expected || batch.magic < 2) return null;
  const next = segment.scan(batch.position + batch.sizeBytes).next();
  const nextOffset = next?.baseOffset ?? bounds.nextBaseOffset;
  const agrees = nextOffset === null
    ? state.mayHaveHoles
    : nextOffset > batch.lastOffset;
  if (agrees) return null;
  return {
    position: batch.position,
    reason:
      `its offset ${batch.baseOffset} agrees neither with what is before it nor with what follows`,
  };
}

/**
 * Leaders follow each other, so epochs never fall in a log. Where they do, a crash
 * has left what a truncation cut off behind what was appended after it.
 */
function epochFault(
  { position, partitionLeaderEpoch }: BatchSummary,
  expected: number,
  { epochs, recoveryPoint }: RecoveryState,
): { position: number; reason: string } | null {
  const { latestEpoch } = epochs;
  const isOlder = partitionLeaderEpoch >= 0 &&
    partitionLeaderEpoch < latestEpoch;
  if (!isOlder || expected < recoveryPoint) return null;
  return {
    position,
    reason:
      `leader epoch ${partitionLeaderEpoch} comes after epoch ${latestEpoch}`,
  };
}

function takeIn(
  segment: Segment,
  batch: BatchSummary,
  state: RecoveryState,
): void {
  segment.noteBatch(batch, batch.position, {
    ...state.config,
    "segment.index.bytes": 0, // It grows when it is next appended to.
  });
  state.epochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
  const completed = applyToProducers(state.producers, batch);
  if (completed?.isAborted !== true) return;
  segment.transactions.append(completed);
  segment.transactions.flush();
}

/** From a damaged batch to the next one that is whole, or to the end of the file. */
function damagedRange(
  segment: Segment,
  start: number,
  startOffset: number,
  state: RecoveryState,
): CorruptRange {
  const next = findWholeBatch(segment, start + 1, startOffset);
  if (next !== null) {
    return {
      start,
      end: next.position,
      startOffset,
      endOffset: next.baseOffset,
    };
  }
  const endOffset = Math.max(startOffset + 1, state.recoveryPoint);
  return { start, end: segment.sizeBytes, startOffset, endOffset };
}

/** The next place from which on a batch of magic 2 is whole, its checksum right and its offsets above. */
function findWholeBatch(
  segment: Segment,
  from: number,
  startOffset: number,
): BatchSummary | null {
  const end = segment.sizeBytes;
  const window = new Uint8Array(WHOLE_CHUNK_BYTES);
  let windowStart = from;
  while (end - windowStart >= BATCH_PREFIX_BYTES) {
    const count = segment.log.readAt(window, windowStart);
    if (count < BATCH_PREFIX_BYTES) return null;
    for (let at = 0; at + BATCH_PREFIX_BYTES <= count; at++) {
      if (batchMagic(window, at) !== 2) continue;
      const position = windowStart + at;
      if (prefixFault(window, at, end - position) !== null) continue;
      const batch = readWholeBatch(segment, position, batchSize(window, at));
      if (batch !== null && batch.baseOffset > startOffset) return batch;
    }
    windowStart += count - BATCH_PREFIX_BYTES + 1;
  }
  return null;
}

function readWholeBatch(
  segment: Segment,
  position: number,
  sizeBytes: number,
): BatchSummary | null {
  const bytes = new Uint8Array(sizeBytes);
  if (segment.log.readAt(bytes, position) < sizeBytes) return null;
  if (!checksumIsValid(bytes, 0)) return null;
  const batch = summarize(bytes, 0, position, false);
  return batch.lastOffset >= batch.baseOffset && segment.fits(batch.lastOffset)
    ? batch
    : null;
}
