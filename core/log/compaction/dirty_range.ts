// How far a log is clean, how far it may be cleaned, and how urgent that is.
//
//   logStart ── clean ── firstDirty ── dirty ── firstUncleanable ── … ── end
//
// Whole segments are cleaned. Left out are the active one, those that hold
// undecided or unreplicated records, and those younger than
// `min.compaction.lag.ms`. A log is due when its dirty part exceeds
// `min.cleanable.dirty.ratio`, or when records wait for longer than
// `max.compaction.lag.ms`.
//
// Source: Kafka documentation, "Log Compaction"; KIP-58, KIP-354.

import type { TopicConfig } from "../../config/topic_config.ts";
import type { Segment } from "../segment.ts";
import type { SegmentList } from "../segment_list.ts";

/** What is asked of a log. */
export interface CompactedLog {
  readonly name: string;
  readonly config: TopicConfig;
  readonly segments: SegmentList;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Never above the high watermark. */
  readonly lastStableOffset: number;
  /** Where the last run ended; `null` before the first. */
  readonly cleanedOffset: number | null;
  /** When a segment's file was last modified, milliseconds since 1970 UTC. */
  modifiedMs(segment: Segment): number;
}

/** What may be cleaned of a log. */
export interface DirtyRange {
  readonly firstDirtyOffset: number;
  /** Exclusive; the base offset of a segment. */
  readonly firstUncleanableOffset: number;
  /** Bytes of the segments that begin below the dirty part. */
  readonly cleanBytes: number;
  /** Bytes of the segments that the dirty part touches and that may be cleaned. */
  readonly dirtyBytes: number;
  /** `dirtyBytes` of both; 0 for an empty log. */
  readonly dirtyRatio: number;
  /** How long ago `max.compaction.lag.ms` has passed; 0 where it has not. */
  readonly overdueMs: number;
  /** Whether the log is dirty enough, or overdue. */
  readonly isDue: boolean;
  /** Why the place where the last run ended is not believed; `null` where it is. */
  readonly resetReason: string | null;
}

/** Finds what may be cleaned of a log. */
export function dirtyRange(log: CompactedLog, nowMs: number): DirtyRange {
  const { config } = log;
  const { firstDirtyOffset, resetReason } = firstDirty(log);
  const limit = Math.max(
    firstDirtyOffset,
    Math.min(
      log.lastStableOffset,
      log.segments.active.baseOffset,
      firstYoungOffset(log, firstDirtyOffset, nowMs),
    ),
  );
  // The segment that holds the limit is left alone as a whole.
  const firstUncleanableOffset =
    nonActiveFrom(log.segments, limit)[0]?.baseOffset ??
      log.segments.active.baseOffset;
  const dirty = segmentsBetween(
    log.segments,
    Math.min(firstDirtyOffset, firstUncleanableOffset),
    firstUncleanableOffset,
  );
  const cleanBytes = bytesOf(
    log.segments.all().filter((each) => each.baseOffset < firstDirtyOffset),
  );
  const dirtyBytes = bytesOf(dirty);
  const totalBytes = cleanBytes + dirtyBytes;
  const dirtyRatio = totalBytes === 0 ? 0 : dirtyBytes / totalBytes;
  const overdueMs = overdue(log, firstDirtyOffset, nowMs);
  return {
    firstDirtyOffset,
    firstUncleanableOffset,
    cleanBytes,
    dirtyBytes,
    dirtyRatio,
    overdueMs,
    isDue: totalBytes > 0 &&
      ((overdueMs > 0 && dirtyBytes > 0) ||
        dirtyRatio > config["min.cleanable.dirty.ratio"]),
    resetReason,
  };
}

/** The segments that hold offsets of a range, in order; of an empty range none. */
export function segmentsBetween(
  segments: SegmentList,
  from: number,
  to: number,
): Segment[] {
  if (from >= to) return [];
  const first = Math.max(0, segments.floorIndex(from));
  return segments.all().slice(first).filter((each) => each.baseOffset < to);
}

function nonActiveFrom(segments: SegmentList, from: number): Segment[] {
  return segmentsBetween(segments, from, segments.active.baseOffset);
}

function firstDirty(log: CompactedLog) {
  const { cleanedOffset, logStartOffset, logEndOffset, config } = log;
  if (cleanedOffset === null) {
    return { firstDirtyOffset: logStartOffset, resetReason: null };
  }
  if (cleanedOffset < logStartOffset) {
    // With retention the start moves on by itself.
    const isExpected = config["cleanup.policy"].includes("delete");
    return {
      firstDirtyOffset: logStartOffset,
      resetReason: isExpected
        ? null
        : `${log.name} was cleaned up to ${cleanedOffset}, before its start ${logStartOffset}: all of it counts as dirty`,
    };
  }
  if (cleanedOffset > logEndOffset) {
    return {
      firstDirtyOffset: logStartOffset,
      resetReason:
        `${log.name} was cleaned up to ${cleanedOffset}, after its end ${logEndOffset}: all of it counts as dirty`,
    };
  }
  return { firstDirtyOffset: cleanedOffset, resetReason: null };
}

/** Base offset of the first dirty segment with a record younger than `min.compaction.lag.ms`. */
function firstYoungOffset(
  log: CompactedLog,
  firstDirtyOffset: number,
  nowMs: number,
): number {
  const lagMs = log.config["min.compaction.lag.ms"];
  if (lagMs <= 0) return Infinity;
  for (const segment of nonActiveFrom(log.segments, firstDirtyOffset)) {
    const { timestampMs } = segment.largestTimestamp;
    const largestMs = timestampMs >= 0 ? timestampMs : log.modifiedMs(segment);
    if (largestMs > nowMs - lagMs) return segment.baseOffset;
  }
  return Infinity;
}

function overdue(
  log: CompactedLog,
  firstDirtyOffset: number,
  nowMs: number,
): number {
  const limitMs = nowMs - Math.max(0, log.config["max.compaction.lag.ms"]);
  let earliestMs = Infinity;
  for (const segment of nonActiveFrom(log.segments, firstDirtyOffset)) {
    const firstMs = segment.firstTimestampMs ?? 0;
    if (firstMs > 0) earliestMs = Math.min(earliestMs, firstMs);
  }
  return earliestMs < limitMs ? limitMs - earliestMs : 0;
}

function bytesOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
}
