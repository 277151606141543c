// Reads a log: finds the range of a segment's file that an answer carries.

import { KafkaError } from "../wire/kafka/errors.ts";
import type { LogDirectoryState } from "./log_directory_state.ts";
import {
  type LogRead,
  LogSlice,
  NO_BATCHES,
  type ReadOptions,
} from "./log_slice.ts";
import type { FoundBatch, Segment } from "./segment.ts";
import type { SegmentList } from "./segment_list.ts";
import type { AbortedTransaction } from "./transaction_index.ts";

/** A read whose offset is known to be in the log. */
export interface LogReadRequest extends ReadOptions {
  readonly offset: number;
  readonly logEndOffset: number;
  readonly directory: LogDirectoryState;
}

/**
 * The batches from an offset on, out of one segment.
 *
 * @throws {KafkaError} CORRUPT_MESSAGE where the offset is in damaged bytes.
 */
export function readLog(
  segments: SegmentList,
  request: LogReadRequest,
): LogRead {
  const { offset, logEndOffset } = request;
  const limit = Math.min(request.upToOffset, logEndOffset);
  if (offset >= limit) return nothing(request);
  const firstIndex = Math.max(0, segments.floorIndex(offset));
  for (let i = firstIndex; i < segments.count; i++) {
    const segment = segments.at(i)!;
    assertReadable(segment, offset);
    const found = segment.find(offset);
    // Offsets may be missing at a segment's end, in a compacted log.
    if (found === null) continue;
    const segmentEnd = segments.endOffset(i, logEndOffset);
    const end = endPosition(segment, found, Math.min(limit, segmentEnd), {
      isWhole: limit >= segmentEnd,
    });
    const wanted = request.minOneBatch
      ? Math.max(request.maxBytes, found.sizeBytes)
      : request.maxBytes;
    const sizeBytes = Math.min(end - found.position, wanted);
    if (sizeBytes <= 0) return nothing(request);
    const range = { position: found.position, sizeBytes };
    return {
      source: new LogSlice(segment.log, range, request.directory),
      baseOffset: found.baseOffset,
      isFirstBatchCut: sizeBytes < found.sizeBytes,
      isInOlderSegment: i < segments.count - 1 && limit >= segmentEnd,
      abortedTransactions: request.withAborted === true
        ? abortedIn(segments, i, {
          start: offset,
          end: Math.min(
            limit,
            segment.offsetIndex.offsetAfterPosition(
              range.position + sizeBytes,
            ) ?? segmentEnd,
          ),
        })
        : null,
    };
  }
  return nothing(request);
}

/** The aborted transactions that a reader of a range must know. */
export function abortedIn(
  segments: SegmentList,
  firstIndex: number,
  range: { readonly start: number; readonly end: number },
): AbortedTransaction[] {
  const found: AbortedTransaction[] = [];
  for (let i = firstIndex; i < segments.count; i++) {
    if (segments.at(i)!.transactions.collect(range, found)) break;
  }
  return found;
}

/** Where a read in a segment must end: at the limit, or at damaged bytes. */
function endPosition(
  segment: Segment,
  from: FoundBatch,
  limit: number,
  { isWhole }: { readonly isWhole: boolean },
): number {
  let end = segment.sizeBytes;
  if (!isWhole) end = segment.find(limit)?.position ?? end;
  for (const range of segment.corruptRanges) {
    if (range.start >= from.position) end = Math.min(end, range.start);
  }
  return end;
}

function assertReadable(segment: Segment, offset: number): void {
  for (const range of segment.corruptRanges) {
    if (offset < range.startOffset || offset >= range.endOffset) continue;
    throw new KafkaError(
      "CORRUPT_MESSAGE",
      `Offsets ${range.startOffset} to ${
        range.endOffset - 1
      } are damaged in "${segment.log.path}" at position ${range.start}.`,
    );
  }
}

function nothing(request: LogReadRequest): LogRead {
  return {
    source: NO_BATCHES,
    baseOffset: request.offset,
    isFirstBatchCut: false,
    isInOlderSegment: false,
    abortedTransactions: request.withAborted === true ? [] : null,
  };
}
