// Makes one segment of a group of neighbours: what stays of them goes into files
// named `.cleaned`, which are synced and then take their place.

import type { TopicConfig } from "../../config/topic_config.ts";
import { abortedIn } from "../log_read.ts";
import type { LastRecord } from "../producer_state.ts";
import type { Segment } from "../segment.ts";
import type { SegmentList } from "../segment_list.ts";
import type { BatchReader } from "./batch_reader.ts";
import { CleanedSegment } from "./cleaned_segment.ts";
import type { CleanedTransactions } from "./cleaned_transactions.ts";
import type { BatchFilter } from "./filter_batch.ts";

/** A log, as far as cleaning needs it. */
export interface CleaningTarget {
  readonly config: TopicConfig;
  readonly segments: SegmentList;
  /** What must be left of each producer. */
  lastRecords(): ReadonlyMap<number, LastRecord>;
  modifiedMs(segment: Segment): number;
  /** Makes the segment that will take the place of a group. */
  createCleaned(first: Segment): Segment;
  /** Keeps the modification time, which old formats go by. */
  setModified(segment: Segment, modifiedMs: number): void;
}

/** What serves for all groups of a run. */
export interface GroupTools {
  readonly reader: BatchReader;
  readonly filter: BatchFilter;
  readonly transactions: CleanedTransactions;
  readonly writeBuffer: Uint8Array;
  /** Tombstones of old formats go where the segment is not younger. */
  readonly oldHorizonMs: number;
  /** Told of bytes as they are written. */
  readonly onWritten: (sizeBytes: number) => void;
}

/**
 * Fills a segment with what stays of a group. Yields after each batch.
 *
 * @param cleaned Empty, not in the log.
 */
export function* fillCleaned(
  target: CleaningTarget,
  group: readonly Segment[],
  cleaned: Segment,
  tools: GroupTools,
): Generator<void> {
  const { reader, filter, transactions } = tools;
  const output = new CleanedSegment(cleaned, target.config, tools.writeBuffer);
  filter.lastRecords = target.lastRecords();
  let reportedBytes = 0;
  for (const [i, segment] of group.entries()) {
    transactions.add(
      abortedIn(target.segments, indexOf(target, segment), {
        start: segment.baseOffset,
        end: group[i + 1]?.baseOffset ?? segment.findEnd().offset,
      }),
    );
    filter.keepsOldTombstones = target.modifiedMs(segment) > tools.oldHorizonMs;
    reader.open(segment, 0);
    while (reader.next()) {
      filter.filter(reader, output);
      tools.onWritten(output.writtenBytes - reportedBytes);
      reportedBytes = output.writtenBytes;
      yield;
    }
  }
  output.flush();
  tools.onWritten(output.writtenBytes - reportedBytes);
  cleaned.finish();
}

function indexOf(target: CleaningTarget, segment: Segment): number {
  return target.segments.floorIndex(segment.baseOffset);
}
