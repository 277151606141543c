// What a partition's leader does with records before it appends them: checks
// every byte that a reader will rely on, then stamps offsets and leader epoch in
// place. Only where the topic asks for another compression, or the producer sent
// an old format, is a batch made anew.
//
// Source: Kafka documentation, "Message Format"; error codes as Kafka's own broker
// answers them.

import { compressionByName, type CompressionName } from "../compress/codecs.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  BATCH_HEADER_BYTES,
  batchCrcIsValid,
  batchMagic,
  MAGIC_POSITION,
  readBatchHeader,
  setBaseOffset,
  setCreateTime,
  setLogAppendTime,
  setPartitionLeaderEpoch,
  type TimestampType,
} from "./batch_header.ts";
import { compressionOf, upConvert } from "./convert.ts";
import { DECOMPRESSED_BYTES_MAX, decompressRecords } from "./decompress.ts";
import {
  isStamped,
  isWrapper,
  readMessage,
  recordsOfMessage,
} from "./message_set.ts";
import {
  logAppendTime,
  recompress,
  targetCompression,
  targetOfBatch,
} from "./recompress.ts";
import { batchAt, batchesIn } from "./record_stream.ts";
import {
  BATCHES_ONLY_VERSION,
  batchTooLarge,
  checkBatchHeader,
  checkBatchRecords,
  checkBatchSize,
  checkRecordsOfSet,
  noWholeBatch,
} from "./validate_checks.ts";

/** Who sends the records: a client, or the broker itself (groups, transactions). */
export type RecordOrigin = "client" | "coordinator";

/** What the topic and the request ask for. */
export interface ValidateOptions {
  /** Offset that the first record gets. */
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  readonly nowMs: number;
  /** `message.timestamp.type`. */
  readonly timestampType: TimestampType;
  /** `compression.type`. */
  readonly compressionType: "producer" | "uncompressed" | CompressionName;
  readonly compressionLevel?: number;
  /** `max.message.bytes`. */
  readonly maxMessageBytes: number;
  /** `message.timestamp.before.max.ms`; no limit where left out. */
  readonly timestampBeforeMaxMs?: number;
  /** `message.timestamp.after.max.ms`; no limit where left out. */
  readonly timestampAfterMaxMs?: number;
  /** The topic is compacted: every record must have a key. */
  readonly requireKeys?: boolean;
  readonly origin?: RecordOrigin;
  /** Version of the Produce request; the newest where left out. Below 3, magic 0 and 1 are let in. */
  readonly produceVersion?: number;
  /** Most bytes that compressed records may inflate to. */
  readonly maxDecompressedBytes?: number;
}

/** What the log must know of one batch. */
export interface BatchInfo {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  /** Kafka takes the batch's last offset, not that of the very record. */
  readonly offsetOfMaxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly recordCount: number;
  readonly sizeBytes: number;
}

/** Bytes ready to be appended. */
export interface ValidatedBatch {
  /** The same memory as was sent, unless the batch had to be made anew. */
  readonly bytes: Uint8Array;
  readonly batch: BatchInfo;
}

/**
 * Checks one partition's records of a Produce request, and makes them ready.
 *
 * The bytes belong to this function: offsets, leader epoch and, with LogAppendTime,
 * the time are stamped into them. What follows the last whole batch is cut off.
 *
 * @returns `null` where an old client sent nothing that is whole: that is fine,
 * and there is nothing to append.
 * @throws {KafkaError} `CORRUPT_MESSAGE` for sizes, checksums and compressed data
 * that cannot be; `UNSUPPORTED_FOR_MESSAGE_FORMAT` for a magic that the request's
 * version does not allow; `UNSUPPORTED_COMPRESSION_TYPE`; `MESSAGE_TOO_LARGE`;
 * `INVALID_TIMESTAMP`; `INVALID_RECORD` for all that records themselves get wrong.
 * `RejectedRecordsError` where single records are named.
 */
export function validateProduced(
  bytes: Uint8Array,
  options: ValidateOptions,
): ValidatedBatch | null {
  const version = options.produceVersion ?? Infinity;
  const first = batchAt(bytes, 0);
  if (first === null) {
    const isBatch = bytes.length > MAGIC_POSITION && batchMagic(bytes) === 2;
    if (version < BATCHES_ONLY_VERSION && !isBatch) return null;
    throw noWholeBatch(bytes);
  }
  if (first.magic === 2) {
    if (batchAt(bytes, first.sizeBytes) !== null) {
      throw new KafkaError(
        "INVALID_RECORD",
        "The request has more than one record batch for the partition.",
      );
    }
    const isAll = first.sizeBytes === bytes.length;
    return validateBatch(
      isAll ? bytes : bytes.subarray(0, first.sizeBytes),
      options,
    );
  }
  if (version >= BATCHES_ONLY_VERSION) {
    throw new KafkaError(
      "UNSUPPORTED_FOR_MESSAGE_FORMAT",
      `Produce requests since version ${BATCHES_ONLY_VERSION} must have record batches of magic 2, not ${first.magic}.`,
    );
  }
  return validateMessageSet(bytes, options);
}

function validateBatch(
  bytes: Uint8Array,
  options: ValidateOptions,
): ValidatedBatch {
  checkBatchSize(bytes, options);
  if (!batchCrcIsValid(bytes)) {
    throw new KafkaError(
      "CORRUPT_MESSAGE",
      "The record batch has a wrong checksum.",
    );
  }
  const header = readBatchHeader(bytes);
  checkBatchHeader(header, options);
  const inside = bytes.subarray(BATCH_HEADER_BYTES);
  const content = decompressRecords(
    header.attributes,
    inside,
    options.maxDecompressedBytes ?? DECOMPRESSED_BYTES_MAX,
  );
  const times = checkBatchRecords(content, header, options);

  const target = targetOfBatch(header, inside, options);
  if (target !== null) {
    const checked = { header, content, times };
    return madeAnew(recompress(checked, target, options), options);
  }
  if (options.timestampType === "LogAppendTime") {
    setLogAppendTime(bytes, 0, options.nowMs);
  } else if (
    times.maxTimestampMs !== header.maxTimestampMs ||
    header.timestampType === "LogAppendTime"
  ) {
    setCreateTime(bytes, 0, times.maxTimestampMs);
  }
  setBaseOffset(bytes, 0, options.baseOffset);
  setPartitionLeaderEpoch(bytes, 0, options.leaderEpoch);
  return { bytes, batch: batchInfo(bytes) };
}

/** A batch that grew while it was made anew may pass the limit only now. */
function madeAnew(
  batch: Uint8Array,
  options: ValidateOptions,
): ValidatedBatch {
  if (batch.length > options.maxMessageBytes) {
    throw batchTooLarge(batch.length, options);
  }
  return { bytes: batch, batch: batchInfo(batch) };
}

/** A set of magic 0 or 1 becomes one batch, as in Kafka; a cut message at its end is left out. */
function validateMessageSet(
  bytes: Uint8Array,
  options: ValidateOptions,
): ValidatedBatch {
  const spans = [...batchesIn(bytes)];
  if (spans.some(({ magic }) => magic !== spans[0].magic)) {
    throw new KafkaError(
      "INVALID_RECORD",
      "The messages of one request must all have the same magic.",
    );
  }
  const messages = spans.map(({ position }) => readMessage(bytes, position));
  if (messages.length > 1 && messages.some(isWrapper)) {
    throw new KafkaError(
      "INVALID_RECORD",
      "A compressed message cannot stand beside others in one request.",
    );
  }
  for (const message of messages) {
    if (message.sizeBytes > options.maxMessageBytes) {
      throw batchTooLarge(message.sizeBytes, options);
    }
  }
  const sourceCompression = compressionOf(messages[0]);
  const records = messages.flatMap((message) =>
    recordsOfMessage(message, options.maxDecompressedBytes)
  );
  checkRecordsOfSet(
    records,
    options,
    (index) => isStamped(messages[messages.length > 1 ? index : 0]),
  );
  const target = targetCompression(
    options,
    compressionByName(sourceCompression).id,
  );
  const batch = upConvert(records, {
    baseOffset: options.baseOffset,
    partitionLeaderEpoch: options.leaderEpoch,
    compression: target ?? sourceCompression,
    compressionLevel: options.compressionLevel,
    logAppendTimeMs: logAppendTime(options),
  });
  return madeAnew(batch, options);
}

function batchInfo(bytes: Uint8Array): BatchInfo {
  const header = readBatchHeader(bytes);
  return {
    baseOffset: header.baseOffset,
    lastOffset: header.lastOffset,
    maxTimestampMs: header.maxTimestampMs,
    offsetOfMaxTimestamp: header.lastOffset,
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    isTransactional: header.isTransactional,
    isControl: header.isControl,
    recordCount: header.recordCount,
    sizeBytes: header.sizeBytes,
  };
}
