// Record batches of magic 2 as a whole: records in, bytes out, and back.
// The layout of the header is in `batch_header.ts`, that of a record in
// `record.ts`.
//
// Source: Kafka documentation, "Record Batch".

import { assert } from "../base/assert.ts";
import { VarintCursor } from "../base/varint.ts";
import {
  compress,
  compressionByName,
  type CompressionName,
} from "../compress/codecs.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  BATCH_HEADER_BYTES,
  batchAttributes,
  batchCrcIsValid,
  type BatchHeaderFields,
  CONTROL_FLAG,
  DELETE_HORIZON_FLAG,
  LOG_APPEND_TIME_FLAG,
  NO_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  readBatchHeader,
  TRANSACTIONAL_FLAG,
  writeBatchHeader,
} from "./batch_header.ts";
import { DECOMPRESSED_BYTES_MAX, decompressRecords } from "./decompress.ts";
import {
  encodeHeaderKeys,
  readRecord,
  type Record,
  recordBodySize,
  type RecordInput,
  writeRecord,
} from "./record.ts";
import { varintSize } from "../base/varint.ts";

export * from "./batch_header.ts";
export type { Record, RecordHeader, RecordInput } from "./record.ts";
export { BatchBuilder } from "./batch_builder.ts";

/** What a batch is made of; what is left out is Kafka's "none" of that field. */
export interface BatchContent {
  /** In ascending order of offsets. */
  readonly records: readonly RecordInput[];
  readonly compression?: CompressionName;
  readonly compressionLevel?: number;
  /** Offset of the first record, where that has none of its own; 0 where left out. */
  readonly baseOffset?: number;
  /** Offset of the last record that once was in the batch; the last record's where left out. */
  readonly lastOffset?: number;
  /** Makes it a batch of LogAppendTime. */
  readonly logAppendTimeMs?: number;
  /** The highest of the records' where left out. */
  readonly maxTimestampMs?: number;
  readonly deleteHorizonMs?: number;
  readonly partitionLeaderEpoch?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
}

/** Encodes a batch, checksum included. */
export function encodeBatch(content: BatchContent): Uint8Array {
  const { records } = content;
  const baseOffset = content.baseOffset ?? records[0]?.offset ?? 0;
  const baseTimestampMs = content.deleteHorizonMs ??
    records[0]?.timestampMs ?? NO_TIMESTAMP;
  const plain = encodeRecords(records, baseOffset, baseTimestampMs);
  const compression = content.compression ?? "none";
  const batch = compression === "none"
    ? plain.bytes
    : withRoomForHeader(compress(
      compression,
      plain.bytes.subarray(BATCH_HEADER_BYTES),
      { level: content.compressionLevel },
    ));
  const lastOffsetDelta = content.lastOffset === undefined
    ? plain.lastOffsetDelta
    : content.lastOffset - baseOffset;
  writeHeader(batch, content, {
    baseOffset,
    lastOffsetDelta,
    baseTimestampMs,
    maxTimestampMs: content.logAppendTimeMs ?? content.maxTimestampMs ??
      plain.maxTimestampMs,
    recordCount: records.length,
  });
  return batch;
}

/** A batch whose records are encoded already. */
export interface EncodedContent
  extends Omit<BatchContent, "records" | "lastOffset" | "deleteHorizonMs"> {
  readonly baseOffset: number;
  readonly maxTimestampMs: number;
  readonly recordCount: number;
  /** The first record's, from which the others count. */
  readonly baseTimestampMs: number;
}

/**
 * Encodes a batch around records that are encoded already.
 *
 * @param plain `recordCount` records of magic 2, inflated, with the offset deltas
 * 0, 1, 2 … It is left as it is.
 */
export function encodeBatchAround(
  plain: Uint8Array,
  content: EncodedContent,
): Uint8Array {
  const { compressionLevel: level } = content;
  const batch = withRoomForHeader(
    compress(content.compression ?? "none", plain, { level }),
  );
  writeHeader(batch, content, {
    baseOffset: content.baseOffset,
    lastOffsetDelta: content.recordCount - 1,
    baseTimestampMs: content.baseTimestampMs,
    maxTimestampMs: content.logAppendTimeMs ?? content.maxTimestampMs,
    recordCount: content.recordCount,
  });
  return batch;
}

function withRoomForHeader(inside: Uint8Array): Uint8Array {
  const batch = new Uint8Array(BATCH_HEADER_BYTES + inside.length);
  batch.set(inside, BATCH_HEADER_BYTES);
  return batch;
}

function writeHeader(
  batch: Uint8Array,
  content: Omit<BatchContent, "records">,
  found: Pick<
    BatchHeaderFields,
    | "baseOffset"
    | "lastOffsetDelta"
    | "baseTimestampMs"
    | "maxTimestampMs"
    | "recordCount"
  >,
): void {
  writeBatchHeader(batch, {
    ...found,
    partitionLeaderEpoch: content.partitionLeaderEpoch ?? NO_LEADER_EPOCH,
    attributes: attributesOf(content),
    producerId: content.producerId ?? NO_PRODUCER_ID,
    producerEpoch: content.producerEpoch ?? NO_PRODUCER_EPOCH,
    baseSequence: content.baseSequence ?? NO_SEQUENCE,
  });
}

function attributesOf(content: Omit<BatchContent, "records">): number {
  return compressionByName(content.compression ?? "none").id |
    (content.logAppendTimeMs === undefined ? 0 : LOG_APPEND_TIME_FLAG) |
    (content.isTransactional ? TRANSACTIONAL_FLAG : 0) |
    (content.isControl ? CONTROL_FLAG : 0) |
    (content.deleteHorizonMs === undefined ? 0 : DELETE_HORIZON_FLAG);
}

/** The records after room for a header; sizes are found first, so nothing is copied. */
function encodeRecords(
  records: readonly RecordInput[],
  baseOffset: number,
  baseTimestampMs: number,
) {
  let sizeBytes = BATCH_HEADER_BYTES;
  let maxTimestampMs = NO_TIMESTAMP;
  let lastOffsetDelta = -1;
  const encodings = records.map((record) => {
    const offsetDelta = record.offset === undefined
      ? lastOffsetDelta + 1
      : record.offset - baseOffset;
    assert(
      offsetDelta > lastOffsetDelta && offsetDelta < 2 ** 31,
      `Record offsets do not ascend from ${baseOffset}: ${record.offset}`,
    );
    lastOffsetDelta = offsetDelta;
    const deltas = {
      offsetDelta,
      timestampDelta: record.timestampMs - baseTimestampMs,
    };
    const headerKeys = encodeHeaderKeys(record.headers);
    const bodySize = recordBodySize(record, deltas, headerKeys);
    sizeBytes += varintSize(bodySize) + bodySize;
    maxTimestampMs = Math.max(maxTimestampMs, record.timestampMs);
    return { deltas, headerKeys, bodySize };
  });
  const bytes = new Uint8Array(sizeBytes);
  let position = BATCH_HEADER_BYTES;
  records.forEach((record, i) => {
    position = writeRecord(bytes, position, record, encodings[i]);
  });
  return {
    bytes,
    maxTimestampMs,
    lastOffsetDelta: Math.max(0, lastOffsetDelta),
  };
}

/** How to decode. */
export interface DecodeBatchOptions {
  /** Checks the checksum first; on where left out. */
  readonly checkCrc?: boolean;
  /** Most bytes that compressed records may inflate to. */
  readonly maxDecompressedBytes?: number;
  /** Gives the timestamps that the producer set, under LogAppendTime too. */
  readonly keepCreateTime?: boolean;
}

/**
 * The records of the batch of magic 2 at a position. Their byte arrays are views
 * (of the batch, or of what it inflated to): copy to keep.
 *
 * @throws {KafkaError} `CORRUPT_MESSAGE` where the checksum or the compressed data
 * is wrong, `UNSUPPORTED_COMPRESSION_TYPE`, `MESSAGE_TOO_LARGE` where it inflates
 * past the limit, `INVALID_RECORD` where the records are not what the header says.
 */
export function decodeBatch(
  bytes: Uint8Array,
  position = 0,
  options: DecodeBatchOptions = {},
): Record[] {
  const header = readBatchHeader(bytes, position);
  if (
    header.sizeBytes < BATCH_HEADER_BYTES ||
    header.sizeBytes > bytes.length - position
  ) {
    throw new KafkaError(
      "CORRUPT_MESSAGE",
      `The batch at offset ${header.baseOffset} has a size of ${header.sizeBytes} bytes, where ${
        bytes.length - position
      } are left.`,
    );
  }
  if ((options.checkCrc ?? true) && !batchCrcIsValid(bytes, position)) {
    throw new KafkaError(
      "CORRUPT_MESSAGE",
      `The batch at offset ${header.baseOffset} has a wrong checksum.`,
    );
  }
  const content = decompressRecords(
    batchAttributes(bytes, position),
    bytes.subarray(
      position + BATCH_HEADER_BYTES,
      position + header.sizeBytes,
    ),
    options.maxDecompressedBytes ?? DECOMPRESSED_BYTES_MAX,
  );
  const base = {
    baseOffset: header.baseOffset,
    baseTimestampMs: header.baseTimestampMs,
    logAppendTimeMs:
      header.timestampType === "LogAppendTime" && !options.keepCreateTime
        ? header.maxTimestampMs
        : null,
  };
  const cursor = new VarintCursor(content);
  const records: Record[] = [];
  for (let i = 0; i < header.recordCount; i++) {
    const record = readRecord(cursor, base);
    if (record === null) {
      throw new KafkaError(
        "INVALID_RECORD",
        `Record ${i} of ${header.recordCount} in the batch at offset ${header.baseOffset} is damaged.`,
      );
    }
    records.push(record);
  }
  if (cursor.position !== cursor.end) {
    throw new KafkaError(
      "INVALID_RECORD",
      `The batch at offset ${header.baseOffset} has ${
        cursor.end - cursor.position
      } bytes after its ${header.recordCount} records.`,
    );
  }
  return records;
}
