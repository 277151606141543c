// The single checks behind `validate.ts`, each with the error that Kafka answers.

import { VarintCursor } from "../base/varint.ts";
import { compressions } from "../compress/codecs.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  type BatchHeader,
  batchSize,
  MAGIC_POSITION,
  NO_TIMESTAMP,
} from "./batch_header.ts";
import { readRecord, type Record } from "./record.ts";
import { walkRecords } from "./record_walk.ts";
import type { ValidateOptions } from "./validate.ts";

/** Why one record of a batch was refused. */
export interface RecordError {
  /** Index of the record in its batch. */
  readonly batchIndex: number;
  readonly message: string;
}

/** Records refused one by one; answers of Produce v8 and later name them. */
export class RejectedRecordsError extends KafkaError {
  constructor(
    errorName: "INVALID_RECORD" | "INVALID_TIMESTAMP",
    message: string,
    readonly recordErrors: readonly RecordError[],
  ) {
    super(errorName, message);
  }
}

/** First Produce version that takes batches of magic 2 only. */
export const BATCHES_ONLY_VERSION = 3;
/** First Produce version that may carry zstd; before 3 nobody asks. */
const ZSTD_VERSION = 7;
/** Refused records that an answer names; its text names fewer. */
const RECORD_ERRORS_MAX = 10_000;
const RECORD_ERRORS_IN_TEXT = 3;

/** The refusal of bytes that do not start with a whole batch. */
export function noWholeBatch(bytes: Uint8Array): KafkaError {
  return bytes.length <= MAGIC_POSITION
    ? new KafkaError(
      "INVALID_RECORD",
      "The request has no record batch for the partition.",
    )
    : new KafkaError(
      "CORRUPT_MESSAGE",
      `The record batch says it has ${
        batchSize(bytes)
      } bytes, ${bytes.length} were sent.`,
    );
}

/** Within the limit. */
export function checkBatchSize(
  { length }: Uint8Array,
  options: Pick<ValidateOptions, "maxMessageBytes">,
): void {
  if (length > options.maxMessageBytes) throw batchTooLarge(length, options);
}

/** The refusal of a batch over `max.message.bytes`. */
export function batchTooLarge(
  sizeBytes: number,
  options: Pick<ValidateOptions, "maxMessageBytes">,
): KafkaError {
  return new KafkaError(
    "MESSAGE_TOO_LARGE",
    `The record batch has ${sizeBytes} bytes, more than the allowed ${options.maxMessageBytes}.`,
  );
}

function invalid(reason: string): KafkaError {
  return new KafkaError("INVALID_RECORD", `The record batch ${reason}.`);
}

/** What a header says about its batch, before the records are looked at. */
export function checkBatchHeader(
  header: BatchHeader,
  options: ValidateOptions,
): void {
  const { recordCount, lastOffsetDelta, compressionId } = header;
  if (compressions[compressionId] === undefined) {
    throw new KafkaError(
      "UNSUPPORTED_COMPRESSION_TYPE",
      `No compression has the id ${compressionId}.`,
    );
  }
  const version = options.produceVersion ?? Infinity;
  if (
    compressions[compressionId].name === "zstd" &&
    version >= BATCHES_ONLY_VERSION && version < ZSTD_VERSION
  ) {
    throw new KafkaError(
      "UNSUPPORTED_COMPRESSION_TYPE",
      `Produce requests of version ${version} cannot carry zstd.`,
    );
  }
  if (recordCount <= 0) throw invalid(`has ${recordCount} records`);
  if (lastOffsetDelta !== recordCount - 1) {
    throw invalid(
      `has ${recordCount} records, but ${lastOffsetDelta} as the last offset delta`,
    );
  }
  if (header.isTransactional && header.producerId < 0) {
    throw invalid("is transactional without a producer id");
  }
  if (options.origin === "coordinator") return;
  if (header.baseOffset !== 0) {
    throw invalid(`starts at offset ${header.baseOffset} instead of 0`);
  }
  if (header.isControl) throw invalid("is a control batch, sent by a client");
  if (header.producerId >= 0 && header.baseSequence < 0) {
    throw invalid(
      `has the sequence ${header.baseSequence} for producer ${header.producerId}`,
    );
  }
}

/** What the times of a batch's records are. */
export interface BatchTimes {
  /** No lower than -1, which is none. */
  readonly maxTimestampMs: number;
  /** The first record's, from the batch's base timestamp; not so where `appendTimeMs` is given. */
  readonly firstDelta: number;
  /** The time that the batch gives to all its records; `null` where each has its own. */
  readonly appendTimeMs: number | null;
}

/**
 * Walks over all records.
 *
 * @param content The records, inflated.
 */
export function checkBatchRecords(
  content: Uint8Array,
  header: BatchHeader,
  options: ValidateOptions,
): BatchTimes {
  const walk = walkRecords(content, header.recordCount);
  if (walk.problem !== null) {
    const index = Math.min(walk.problemIndex, header.recordCount - 1);
    throw invalid(
      `is damaged: record ${index} of ${header.recordCount} ${walk.problem}`,
    );
  }
  const appendTimeMs = appendTimeOf(header);
  const minMs = appendTimeMs ?? header.baseTimestampMs + walk.minTimestampDelta;
  const maxMs = appendTimeMs ?? header.baseTimestampMs + walk.maxTimestampDelta;
  const isOutOfRange = options.timestampType === "CreateTime" &&
    (minMs < lowestTimestamp(options) || maxMs > highestTimestamp(options));
  const lacksKey = options.requireKeys && walk.firstIndexWithoutKey >= 0;
  const isStamped = appendTimeMs !== null;
  // Where records keep their own times, Kafka takes the stamp for a time like others.
  const isStampRefused = isStamped && options.origin !== "coordinator" &&
    (options.timestampType === "LogAppendTime" ||
      appendTimeMs === NO_TIMESTAMP);
  if (isOutOfRange || lacksKey || isStampRefused) {
    checkRecordsOfSet(readAll(content, header), options, () => isStamped);
  }
  return {
    maxTimestampMs: Math.max(NO_TIMESTAMP, maxMs),
    firstDelta: walk.firstTimestampDelta,
    appendTimeMs,
  };
}

/** The time that all records share; `null` where each has its own. */
function appendTimeOf(header: BatchHeader): number | null {
  return header.timestampType === "LogAppendTime"
    ? header.maxTimestampMs
    : null;
}

/** Records that a walk has found in order, one at a time: there may be millions. */
function* readAll(content: Uint8Array, header: BatchHeader): Generator<Record> {
  const cursor = new VarintCursor(content);
  const base = {
    baseOffset: 0,
    baseTimestampMs: header.baseTimestampMs,
    logAppendTimeMs: appendTimeOf(header),
  };
  for (let i = 0; i < header.recordCount; i++) yield readRecord(cursor, base)!;
}

function lowestTimestamp(options: ValidateOptions): number {
  return options.nowMs - (options.timestampBeforeMaxMs ?? Infinity);
}

function highestTimestamp(options: ValidateOptions): number {
  return options.nowMs + (options.timestampAfterMaxMs ?? Infinity);
}

/**
 * The checks of records one by one: keys where the topic is compacted,
 * timestamps within its range. One bad timestamp decides the error.
 *
 * @param isStamped Whether the producer says that a record has the time of its append.
 * @throws {RejectedRecordsError} Names the records.
 */
export function checkRecordsOfSet(
  records: Iterable<Record>,
  options: ValidateOptions,
  isStamped: (batchIndex: number) => boolean,
): void {
  const errors: RecordError[] = [];
  let errorCount = 0;
  let isAboutTime = false;
  let batchIndex = -1;
  for (const record of records) {
    batchIndex++;
    const message = keyProblem(record, options) ??
      timestampProblem(record, batchIndex, options) ??
      stampProblem(record, isStamped(batchIndex), options);
    if (message === null) continue;
    if (keyProblem(record, options) === null) isAboutTime = true;
    errorCount++;
    if (errorCount <= RECORD_ERRORS_MAX) errors.push({ batchIndex, message });
  }
  if (errorCount === 0) return;
  throw isAboutTime
    ? new RejectedRecordsError(
      "INVALID_TIMESTAMP",
      "One or more records have been rejected due to invalid timestamp",
      errors,
    )
    : new RejectedRecordsError(
      "INVALID_RECORD",
      `One or more records have been rejected due to ${errorCount} record errors in total, and only showing the first three errors at most: ${
        errors.slice(0, RECORD_ERRORS_IN_TEXT)
          .map((each) => `record ${each.batchIndex}: ${each.message}`)
          .join(", ")
      }`,
      errors,
    );
}

function keyProblem(
  { key }: Record,
  { requireKeys }: ValidateOptions,
): string | null {
  return requireKeys && key === null
    ? "Compacted topic cannot accept message without key"
    : null;
}

function timestampProblem(
  { timestampMs }: Record,
  batchIndex: number,
  options: ValidateOptions,
): string | null {
  if (options.timestampType !== "CreateTime") return null;
  if (timestampMs === NO_TIMESTAMP) return null;
  const lowest = lowestTimestamp(options);
  const highest = highestTimestamp(options);
  return timestampMs < lowest || timestampMs > highest
    ? `Timestamp ${timestampMs} of message with offset ${batchIndex} is out of range. The timestamp should be within [${lowest}, ${highest}]`
    : null;
}

function stampProblem(
  { timestampMs }: Record,
  isStamped: boolean,
  { timestampType }: ValidateOptions,
): string | null {
  if (timestampType === "CreateTime" && timestampMs !== NO_TIMESTAMP) {
    return null;
  }
  return isStamped
    ? "Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime."
    : null;
}
