// Reads one partition for one fetch: from an offset up to what the reader may
// see, in the format that it knows.

import type { LogRead } from "../log/log_slice.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { downConvert } from "../record/convert.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { fetchResponse } from "../wire/kafka/messages/fetch.ts";
import type { InferInput } from "../wire/kafka/schema.ts";
import { type RecordData, recordSize } from "../wire/writer.ts";
import type { AnsweredPartition, WantedPartition } from "./fetch_sessions.ts";
import type { Partition } from "./partition.ts";

type PartitionResponse = InferInput<
  typeof fetchResponse
>["responses"][number]["partitions"][number];

/** First versions that may be given magic 1, magic 2, and zstd. */
const MAGIC_1_SINCE = 2;
const MAGIC_2_SINCE = 4;
const ZSTD_SINCE = 10;

/** First version whose size limits give way to the first batch; a cut one is no use then. */
export const WHOLE_BATCH_SINCE = 3;

/** What was found, and the fields that say so. */
export interface PartitionRead extends AnsweredPartition {
  /** Size of the records as they lie in the log, which the request's limits count. */
  readonly logBytes: number;
  /** Whether waiting cannot add to them; see `LogRead`. */
  readonly isInOlderSegment: boolean;
  readonly fields: Omit<PartitionResponse, "partitionIndex">;
}

export interface PartitionReadOptions {
  readonly apiVersion: number;
  readonly maxBytes: number;
  /** Gives one batch whole, even past `maxBytes`. */
  readonly minOneBatch: boolean;
  /** Nothing of open transactions, and a list of the aborted ones. */
  readonly isCommittedOnly: boolean;
}

/**
 * Finds what a reader gets of a partition that this broker leads. Records are
 * not read yet, save where they have to be converted.
 *
 * @throws {KafkaError} OFFSET_OUT_OF_RANGE, NOT_LEADER_OR_FOLLOWER,
 * FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, UNSUPPORTED_COMPRESSION_TYPE,
 * UNSUPPORTED_VERSION, KAFKA_STORAGE_ERROR.
 */
export function readPartition(
  partition: Partition,
  wanted: WantedPartition,
  options: PartitionReadOptions,
): PartitionRead {
  const log = leaderLogFor(partition, wanted);
  const { highWatermark, lastStableOffset, logStartOffset } = log;
  const answered = { errorCode: 0, highWatermark, logStartOffset };
  const fields = {
    errorCode: 0,
    highWatermark,
    lastStableOffset,
    logStartOffset,
  };

  const diverging = divergence(partition, wanted);
  if (diverging !== null) {
    return {
      ...answered,
      recordBytes: 0,
      logBytes: 0,
      isInOlderSegment: false,
      hasDivergingEpoch: true,
      fields: {
        ...fields,
        divergingEpoch: diverging,
        abortedTransactions: null,
        records: NO_RECORDS,
      },
    };
  }

  checkFormat(partition, options.apiVersion);
  const isFull = options.maxBytes === 0 && !options.minOneBatch;
  const visibleEnd = options.isCommittedOnly ? lastStableOffset : highWatermark;
  const read = log.read(wanted.fetchOffset, {
    maxBytes: options.maxBytes,
    minOneBatch: options.minOneBatch,
    // Where the answer has no room left, only the offset is checked.
    upToOffset: isFull ? 0 : visibleEnd,
    withAborted: options.isCommittedOnly,
  });
  const records = recordsFor(read, wanted.fetchOffset, options.apiVersion);
  return {
    ...answered,
    recordBytes: recordSize(records),
    logBytes: read.source.sizeBytes,
    isInOlderSegment: read.isInOlderSegment,
    hasDivergingEpoch: false,
    fields: {
      ...fields,
      abortedTransactions: read.abortedTransactions?.map((
        { producerId, firstOffset },
      ) => ({ producerId, firstOffset })) ?? null,
      records,
    },
  };
}

/** Unlike other requests, a fetch means by any negative leader epoch that it has none. */
function leaderLogFor(
  partition: Partition,
  { currentLeaderEpoch }: WantedPartition,
): PartitionLog {
  return partition.leaderLog(Math.max(-1, currentLeaderEpoch));
}

const NO_RECORDS = new Uint8Array(0);

/** Where the reader's log has parted from this one; `null` where it has not, or it does not ask. */
function divergence(
  partition: Partition,
  wanted: WantedPartition,
): { epoch: number; endOffset: number } | null {
  if (wanted.lastFetchedEpoch < 0) return null;
  const log = leaderLogFor(partition, wanted);
  const { epoch, endOffset } = log.endOffsetForEpoch(wanted.lastFetchedEpoch);
  if (epoch < 0 || endOffset < 0) {
    throw new KafkaError(
      "OFFSET_OUT_OF_RANGE",
      `The leader knows no epoch up to ${wanted.lastFetchedEpoch}`,
    );
  }
  return epoch < wanted.lastFetchedEpoch || endOffset < wanted.fetchOffset
    ? { epoch, endOffset }
    : null;
}

/** @throws {KafkaError} Where the reader cannot be given what the topic holds. */
function checkFormat(partition: Partition, apiVersion: number): void {
  const config = partition.log?.config;
  if (config === undefined) return;
  if (apiVersion < ZSTD_SINCE && config["compression.type"] === "zstd") {
    throw new KafkaError(
      "UNSUPPORTED_COMPRESSION_TYPE",
      `The topic's batches are compressed by zstd, which Fetch knows since version ${ZSTD_SINCE}`,
    );
  }
  if (
    apiVersion < MAGIC_2_SINCE && !config["message.downconversion.enable"]
  ) {
    throw new KafkaError(
      "UNSUPPORTED_VERSION",
      `Conversion for Fetch below version ${MAGIC_2_SINCE} is off (message.downconversion.enable)`,
    );
  }
}

/** What the reader can use of a read, in a format that it knows. */
function recordsFor(
  read: LogRead,
  firstOffset: number,
  apiVersion: number,
): RecordData {
  if (read.isFirstBatchCut && apiVersion >= WHOLE_BATCH_SINCE) {
    return NO_RECORDS;
  }
  if (apiVersion >= MAGIC_2_SINCE) return read.source;
  const bytes = new Uint8Array(read.source.sizeBytes);
  read.source.readInto(bytes);
  return downConvert(bytes, apiVersion < MAGIC_1_SINCE ? 0 : 1, {
    firstOffset,
    maxBytes: bytes.length,
  });
}
