// Finds offsets by timestamp, as ListOffsets asks for them.
//
// The time index says where to start; from there batches are walked by their
// headers, and only the first one that reaches the timestamp is unpacked.
//
// Source: KIP-33, KIP-79, KIP-734 (max timestamp).

import { checksumIsValid } from "./batch_summary.ts";
import type { BatchSummary } from "./batch_summary.ts";
import { decodeBatch, type Record } from "../record/record_batch.ts";
import { readMessages, recordsOfMessage } from "../record/message_set.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { BatchScan } from "./batch_scan.ts";
import type { Segment } from "./segment.ts";

/** A record, by its offset and its timestamp. */
export interface TimestampedOffset {
  readonly offset: number;
  readonly timestampMs: number;
  /** Epoch of the leader that wrote it; -1 where it is not known. */
  readonly leaderEpoch: number;
}

/**
 * The first record at or after an offset whose timestamp is at or after another;
 * `null` where there is none.
 *
 * @throws {KafkaError} CORRUPT_MESSAGE where the batch in question is damaged.
 */
export function findByTimestamp(
  segments: readonly Segment[],
  timestampMs: number,
  startOffset: number,
): TimestampedOffset | null {
  for (const segment of segments) {
    if (segment.largestTimestamp.timestampMs < timestampMs) continue;
    const from = segment.timeIndex.floor(timestampMs)?.offset ?? startOffset;
    const position = segment.offsetIndex.floorPosition(
      Math.max(from, startOffset, segment.baseOffset),
    );
    const scan = segment.scan(position);
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      if (batch.maxTimestampMs < timestampMs) continue;
      if (batch.lastOffset < startOffset) continue;
      for (const record of recordsOf(scan, batch)) {
        if (record.timestampMs < timestampMs) continue;
        if (record.offset < startOffset) continue;
        return {
          offset: record.offset,
          timestampMs: record.timestampMs,
          leaderEpoch: batch.partitionLeaderEpoch,
        };
      }
    }
  }
  return null;
}

/** The first record with the largest timestamp of all, be it none (-1); `null` in an empty log. */
export function findMaxTimestamp(
  segments: readonly Segment[],
): TimestampedOffset | null {
  let latest: Segment | null = null;
  for (const segment of segments) {
    if (segment.sizeBytes === 0) continue;
    const { timestampMs } = segment.largestTimestamp;
    if (
      latest === null || timestampMs > latest.largestTimestamp.timestampMs
    ) latest = segment;
  }
  if (latest === null) return null;
  const { timestampMs, offset } = latest.largestTimestamp;
  const scan = latest.scan(latest.offsetIndex.floorPosition(offset));
  for (let batch = scan.next(); batch !== null; batch = scan.next()) {
    if (batch.maxTimestampMs !== timestampMs) continue;
    const record = recordsOf(scan, batch).find((record) =>
      record.timestampMs === timestampMs
    );
    return {
      offset: record?.offset ?? batch.lastOffset,
      timestampMs,
      leaderEpoch: batch.partitionLeaderEpoch,
    };
  }
  return null;
}

/** The records of a batch of any format. */
export function recordsOf(
  scan: BatchScan,
  batch: BatchSummary,
): readonly Record[] {
  const bytes = scan.bytes(batch);
  if (bytes === null || !checksumIsValid(bytes, 0)) {
    throw new KafkaError(
      "CORRUPT_MESSAGE",
      `The batch at offset ${batch.baseOffset} is damaged on disk.`,
    );
  }
  return batch.magic < 2
    ? readMessages(bytes).flatMap((message) => recordsOfMessage(message))
    : decodeBatch(bytes, 0, { checkCrc: false });
}
