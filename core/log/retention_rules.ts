// Which segments of a log are to go, by each of three rules:
//
//   start   all of its records are before the log's start (DeleteRecords)
//   size    the log is larger than `retention.bytes`, and without it still not smaller
//   time    its newest record is older than `retention.ms`; without any timestamp,
//           the last write to its file is
//
// Segments go from the oldest on, up to the first that stays, and never beyond the
// high watermark. The active one goes as well, unless it is empty. A topic that is
// only compacted loses none but those before its start.
//
// Source: Kafka documentation, "Configuration: Topic Configs" (cleanup.policy,
// retention.bytes, retention.ms); KIP-107.

import type { TopicConfig } from "../config/topic_config.ts";
import type { Segment } from "./segment.ts";
import type { SegmentList } from "./segment_list.ts";

/** Why segments go. */
export type RetentionRule = "start" | "size" | "time";

/** What is asked of a log. */
export interface RetainedLog {
  readonly config: TopicConfig;
  readonly segments: SegmentList;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly highWatermark: number;
  /** Size of all segments, in bytes. */
  readonly sizeBytes: number;
}

/** When a segment's file was last modified, milliseconds since 1970 UTC. */
export type ModifiedMs = (segment: Segment) => number;

/** What is to be judged, and when. */
export interface RetentionTime {
  /** Milliseconds since 1970 UTC. */
  readonly nowMs: number;
  readonly modifiedMs: ModifiedMs;
}

/** The rules that a topic's configuration asks for, in the order in which they are applied. */
export function rulesOf(config: TopicConfig): readonly RetentionRule[] {
  const isDeleted = config["cleanup.policy"].includes("delete");
  return isDeleted ? ["start", "size", "time"] : ["start"];
}

/**
 * How many of a log's first segments a rule lets go; all of them, where the active
 * one is to go as well.
 */
export function countDeletable(
  log: RetainedLog,
  rule: RetentionRule,
  time: RetentionTime,
): number {
  switch (rule) {
    case "start":
      return countFirst(
        log,
        (_, next) =>
          next !== undefined && next.baseOffset <= log.logStartOffset,
      );
    case "size":
      return countOverSize(log);
    case "time":
      return countExpired(log, time);
  }
}

/** When a segment's newest record was made, as retention sees it. */
export function newestMs(segment: Segment, modifiedMs: ModifiedMs): number {
  const { timestampMs } = segment.largestTimestamp;
  return timestampMs >= 0 ? timestampMs : modifiedMs(segment);
}

function countOverSize(log: RetainedLog): number {
  const maxBytes = log.config["retention.bytes"];
  if (maxBytes < 0) return 0;
  let excessBytes = log.sizeBytes - maxBytes;
  if (excessBytes < 0) return 0;
  return countFirst(log, ({ sizeBytes }) => {
    if (excessBytes < sizeBytes) return false;
    excessBytes -= sizeBytes;
    return true;
  });
}

function countExpired(
  log: RetainedLog,
  { nowMs, modifiedMs }: RetentionTime,
): number {
  const retentionMs = log.config["retention.ms"];
  if (retentionMs < 0) return 0;
  return countFirst(
    log,
    (segment) => nowMs - newestMs(segment, modifiedMs) > retentionMs,
  );
}

/** Counts segments from the oldest on while they may go and a rule says so. */
function countFirst(
  { segments, highWatermark, logEndOffset }: RetainedLog,
  isUnwanted: (segment: Segment, next: Segment | undefined) => boolean,
): number {
  let count = 0;
  for (; count < segments.count; count++) {
    const segment = segments.at(count)!;
    const next = segments.at(count + 1);
    if (highWatermark < segments.endOffset(count, logEndOffset)) break;
    if (next === undefined && segment.sizeBytes === 0) break;
    if (!isUnwanted(segment, next)) break;
  }
  return count;
}
