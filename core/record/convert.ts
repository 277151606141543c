// Records from one format into another: down for the fetches of old clients, up
// for what they produce.
//
// Down, a batch becomes a set with the same offsets, compressed as it was (a set
// for itself); headers, producer ids and control batches have no place in it.
// Up, a set becomes one batch.
//
// Source: KIP-98, "Message Format"; observed: Kafka's answers to old clients.

import { concatBytes } from "../base/bytes.ts";
import { compressions } from "../compress/codecs.ts";
import type { CompressionName } from "../compress/codecs.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  batchCompressionId,
  COMPRESSION_MASK,
  LOG_APPEND_TIME_FLAG,
  readBatchHeader,
} from "./batch_header.ts";
import {
  encodeMessageSet,
  type Message,
  type OldMagic,
  readMessage,
  recordsOfMessage,
  WRAPPED_MESSAGES_MAX,
} from "./message_set.ts";
import type { Record } from "./record.ts";
import { decodeBatch, encodeBatch } from "./record_batch.ts";
import { batchesIn, type BatchSpan } from "./record_stream.ts";

export interface DownConvertOptions {
  /**
   * Most bytes to give, save that the first batch is always whole. The last
   * message may be cut off, as readers of that time expect of an answer's end.
   */
  readonly maxBytes?: number;
  /** Records before it are left out where their batch is not compressed. */
  readonly firstOffset?: number;
  readonly maxDecompressedBytes?: number;
}

/**
 * What a client that knows formats up to `toMagic` can read of `bytes`. Batches
 * that it can read already stay as they are; a cut-off batch at the end is dropped.
 * Old formats do not know zstd: what is converted ends before such a batch.
 *
 * @throws {KafkaError} `UNSUPPORTED_COMPRESSION_TYPE` where zstd comes first;
 * `MESSAGE_TOO_LARGE` where one has more than a million records; `CORRUPT_MESSAGE`
 * or `INVALID_RECORD` for damaged batches.
 */
export function downConvert(
  bytes: Uint8Array,
  toMagic: OldMagic,
  options: DownConvertOptions = {},
): Uint8Array {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  let limitBytes = options.maxBytes ?? Infinity;
  for (const span of batchesIn(bytes)) {
    // What was read before it is given first; the next fetch meets it alone.
    if (parts.length > 0 && !isKnownToOld(bytes, span)) break;
    const part = convertOne(bytes, span, toMagic, options);
    if (part === null) continue;
    if (parts.length === 0) limitBytes = Math.max(limitBytes, part.length);
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes >= limitBytes) break;
  }
  const converted = parts.length === 1 ? parts[0] : concatBytes(parts);
  return sizeBytes > limitBytes ? converted.subarray(0, limitBytes) : converted;
}

/** Whether old formats know the batch's compression. */
function isKnownToOld(bytes: Uint8Array, span: BatchSpan): boolean {
  if (span.magic < 2) return true;
  const { name } = compressions[batchCompressionId(bytes, span.position)] ?? {};
  return name !== undefined && name !== "zstd";
}

/** One batch in a format up to `toMagic`; `null` where it has no place in it. */
function convertOne(
  bytes: Uint8Array,
  span: BatchSpan,
  toMagic: OldMagic,
  options: DownConvertOptions,
): Uint8Array | null {
  if (span.magic <= toMagic) {
    return bytes.subarray(span.position, span.position + span.sizeBytes);
  }
  const content = readForOldFormat(bytes, span, options);
  if (content === null) return null;
  const firstOffset = options.firstOffset ?? 0;
  const records = content.compression === "none"
    ? content.records.filter((record) => record.offset >= firstOffset)
    : content.records;
  return encodeMessageSet({ ...content, magic: toMagic, records });
}

interface OldFormatContent {
  readonly records: Record[];
  readonly compression: CompressionName;
  readonly logAppendTimeMs: number | undefined;
}

/** `null` for a batch that an old format has no word for. */
function readForOldFormat(
  bytes: Uint8Array,
  span: BatchSpan,
  options: DownConvertOptions,
): OldFormatContent | null {
  if (span.magic !== 2) {
    const message = readMessage(bytes, span.position);
    return {
      records: recordsOfMessage(message, options.maxDecompressedBytes),
      compression: compressionOf(message),
      logAppendTimeMs: message.attributes & LOG_APPEND_TIME_FLAG
        ? message.timestampMs
        : undefined,
    };
  }
  const header = readBatchHeader(bytes, span.position);
  if (header.isControl) return null;
  const compression = compressions[header.compressionId]?.name;
  if (compression === undefined || compression === "zstd") {
    throw new KafkaError(
      "UNSUPPORTED_COMPRESSION_TYPE",
      `The batch at offset ${header.baseOffset} is compressed with ${
        compression ?? `an unknown codec (${header.compressionId})`
      }, which the client's format does not know.`,
    );
  }
  if (header.recordCount > WRAPPED_MESSAGES_MAX) {
    throw new KafkaError(
      "MESSAGE_TOO_LARGE",
      `The batch at offset ${header.baseOffset} has ${header.recordCount} records, more than the ${WRAPPED_MESSAGES_MAX} that are converted for old clients.`,
    );
  }
  return {
    records: decodeBatch(bytes, span.position, {
      checkCrc: false,
      maxDecompressedBytes: options.maxDecompressedBytes,
    }),
    compression,
    logAppendTimeMs: header.timestampType === "LogAppendTime"
      ? header.maxTimestampMs
      : undefined,
  };
}

/** The compression of a wrapper; "none" for a plain message. */
export function compressionOf(message: Message): CompressionName {
  return compressions[message.attributes & COMPRESSION_MASK]?.name ?? "none";
}

export interface UpConvertOptions {
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
  readonly compression?: CompressionName;
  readonly compressionLevel?: number;
  readonly logAppendTimeMs?: number;
}

/**
 * One batch of magic 2 out of the records of a set, with new offsets from
 * `baseOffset` on: those in a producer's set mean nothing.
 */
export function upConvert(
  records: readonly Record[],
  options: UpConvertOptions = {},
): Uint8Array {
  return encodeBatch({
    ...options,
    records: records.map(({ timestampMs, key, value }) => ({
      timestampMs,
      key,
      value,
    })),
  });
}
