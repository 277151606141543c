// The header of a record batch (magic 2), read and stamped in place.
//
//    0 baseOffset: int64             offset of the first record
//    8 batchLength: int32            bytes after this field
//   12 partitionLeaderEpoch: int32   stamped by the leader; outside the checksum
//   16 magic: int8                   2
//   17 crc: uint32                   CRC-32C of everything from `attributes` on
//   21 attributes: int16             bits 0-2 compression, 3 timestamp type,
//                                    4 transactional, 5 control, 6 delete horizon
//   23 lastOffsetDelta: int32        last record's offset minus baseOffset
//   27 baseTimestamp: int64          what timestamp deltas count from; with bit 6
//                                    also when tombstones may be removed
//   35 maxTimestamp: int64           of the records; with LogAppendTime their only one
//   43 producerId: int64             -1 without idempotence
//   51 producerEpoch: int16
//   53 baseSequence: int32
//   57 recordCount: int32
//   61 records, compressed as one block where attributes say so
// Offset, size and magic are at the same places in messages of magic 0 and 1.
//
// All functions take the bytes and the position of a batch that is whole; nothing
// is checked here (see `validate.ts`).
//
// Source: Kafka documentation, "Record Batch"; observed: testdata/record/.

import {
  readInt16,
  readInt32,
  readInt64,
  readUint32,
  writeInt16,
  writeInt32,
  writeInt64,
} from "../base/big_endian.ts";
import { crc32c } from "../base/crc32c.ts";

/** `baseOffset` and `batchLength`: what `batchLength` does not count. */
export const LOG_OVERHEAD_BYTES = 12;
/** Size of the whole header of magic 2; the records follow. */
export const BATCH_HEADER_BYTES = 61;
/** The lowest `batchLength` of magic 2. */
export const BATCH_LENGTH_MIN = BATCH_HEADER_BYTES - LOG_OVERHEAD_BYTES;

export const BASE_OFFSET_POSITION = 0;
export const BATCH_LENGTH_POSITION = 8;
export const LEADER_EPOCH_POSITION = 12;
export const MAGIC_POSITION = 16;
export const CRC_POSITION = 17;
export const ATTRIBUTES_POSITION = 21;
export const LAST_OFFSET_DELTA_POSITION = 23;
export const BASE_TIMESTAMP_POSITION = 27;
export const MAX_TIMESTAMP_POSITION = 35;
export const PRODUCER_ID_POSITION = 43;
export const PRODUCER_EPOCH_POSITION = 51;
export const BASE_SEQUENCE_POSITION = 53;
export const RECORD_COUNT_POSITION = 57;

export const COMPRESSION_MASK = 0x07;
export const LOG_APPEND_TIME_FLAG = 0x08;
export const TRANSACTIONAL_FLAG = 0x10;
export const CONTROL_FLAG = 0x20;
export const DELETE_HORIZON_FLAG = 0x40;

export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_TIMESTAMP = -1;
export const NO_LEADER_EPOCH = -1;

/** Who sets the records' timestamps: the producer, or the leader at append. */
export type TimestampType = "CreateTime" | "LogAppendTime";

/** Every field of the header, with what follows from them. */
export interface BatchHeader {
  readonly baseOffset: number;
  /** `baseOffset + lastOffsetDelta`. */
  readonly lastOffset: number;
  /** Size of the whole batch. */
  readonly sizeBytes: number;
  readonly partitionLeaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  readonly attributes: number;
  /** 0 to 7; only 0 to 4 exist. */
  readonly compressionId: number;
  readonly timestampType: TimestampType;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  /** When tombstones in it may be removed; `null` where not set. */
  readonly deleteHorizonMs: number | null;
  readonly lastOffsetDelta: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/** Reads all of the header; for one field the functions below are cheaper. */
export function readBatchHeader(
  bytes: Uint8Array,
  position = 0,
): BatchHeader {
  const attributes = readInt16(bytes, position + ATTRIBUTES_POSITION);
  const baseOffset = readInt64(bytes, position);
  const lastOffsetDelta = batchLastOffsetDelta(bytes, position);
  const baseTimestampMs = readInt64(bytes, position + BASE_TIMESTAMP_POSITION);
  return {
    baseOffset,
    lastOffset: baseOffset + lastOffsetDelta,
    sizeBytes: batchSize(bytes, position),
    partitionLeaderEpoch: batchPartitionLeaderEpoch(bytes, position),
    magic: batchMagic(bytes, position),
    crc: readUint32(bytes, position + CRC_POSITION),
    attributes,
    compressionId: attributes & COMPRESSION_MASK,
    timestampType: attributes & LOG_APPEND_TIME_FLAG
      ? "LogAppendTime"
      : "CreateTime",
    isTransactional: (attributes & TRANSACTIONAL_FLAG) !== 0,
    isControl: (attributes & CONTROL_FLAG) !== 0,
    deleteHorizonMs: attributes & DELETE_HORIZON_FLAG ? baseTimestampMs : null,
    lastOffsetDelta,
    baseTimestampMs,
    maxTimestampMs: batchMaxTimestampMs(bytes, position),
    producerId: batchProducerId(bytes, position),
    producerEpoch: batchProducerEpoch(bytes, position),
    baseSequence: batchBaseSequence(bytes, position),
    recordCount: batchRecordCount(bytes, position),
  };
}

/** Size of the whole batch (or message of magic 0 and 1), from its own length field. */
export function batchSize(bytes: Uint8Array, position = 0): number {
  return LOG_OVERHEAD_BYTES +
    readInt32(bytes, position + BATCH_LENGTH_POSITION);
}

export function batchBaseOffset(bytes: Uint8Array, position = 0): number {
  return readInt64(bytes, position);
}

export function batchLastOffsetDelta(bytes: Uint8Array, position = 0): number {
  return readInt32(bytes, position + LAST_OFFSET_DELTA_POSITION);
}

export function batchLastOffset(bytes: Uint8Array, position = 0): number {
  return readInt64(bytes, position) + batchLastOffsetDelta(bytes, position);
}

export function batchPartitionLeaderEpoch(
  bytes: Uint8Array,
  position = 0,
): number {
  return readInt32(bytes, position + LEADER_EPOCH_POSITION);
}

/** The format's version as a signed byte: 0, 1, 2, or something unknown. */
export function batchMagic(bytes: Uint8Array, position = 0): number {
  return bytes[position + MAGIC_POSITION] << 24 >> 24;
}

export function batchAttributes(bytes: Uint8Array, position = 0): number {
  return readInt16(bytes, position + ATTRIBUTES_POSITION);
}

export function batchCompressionId(bytes: Uint8Array, position = 0): number {
  return bytes[position + ATTRIBUTES_POSITION + 1] & COMPRESSION_MASK;
}

export function batchIsTransactional(bytes: Uint8Array, position = 0): boolean {
  return (bytes[position + ATTRIBUTES_POSITION + 1] & TRANSACTIONAL_FLAG) !== 0;
}

export function batchIsControl(bytes: Uint8Array, position = 0): boolean {
  return (bytes[position + ATTRIBUTES_POSITION + 1] & CONTROL_FLAG) !== 0;
}

export function batchMaxTimestampMs(bytes: Uint8Array, position = 0): number {
  return readInt64(bytes, position + MAX_TIMESTAMP_POSITION);
}

export function batchProducerId(bytes: Uint8Array, position = 0): number {
  return readInt64(bytes, position + PRODUCER_ID_POSITION);
}

export function batchProducerEpoch(bytes: Uint8Array, position = 0): number {
  return readInt16(bytes, position + PRODUCER_EPOCH_POSITION);
}

export function batchBaseSequence(bytes: Uint8Array, position = 0): number {
  return readInt32(bytes, position + BASE_SEQUENCE_POSITION);
}

export function batchRecordCount(bytes: Uint8Array, position = 0): number {
  return readInt32(bytes, position + RECORD_COUNT_POSITION);
}

/** The checksum that a batch of magic 2 should carry. */
export function computeBatchCrc(bytes: Uint8Array, position = 0): number {
  const end = position + batchSize(bytes, position);
  return crc32c(bytes, 0, position + ATTRIBUTES_POSITION, end);
}

/** Whether a whole batch of magic 2 has the checksum of its bytes. */
export function batchCrcIsValid(bytes: Uint8Array, position = 0): boolean {
  return readUint32(bytes, position + CRC_POSITION) ===
    computeBatchCrc(bytes, position);
}

/** Stamps the offset; the checksum does not cover it. */
export function setBaseOffset(
  bytes: Uint8Array,
  position: number,
  baseOffset: number,
): void {
  writeInt64(bytes, position, baseOffset);
}

/** Stamps the leader epoch; the checksum does not cover it. */
export function setPartitionLeaderEpoch(
  bytes: Uint8Array,
  position: number,
  leaderEpoch: number,
): void {
  writeInt32(bytes, position + LEADER_EPOCH_POSITION, leaderEpoch);
}

/** Gives all records of the batch the time of the append, and the batch a new checksum. */
export function setLogAppendTime(
  bytes: Uint8Array,
  position: number,
  logAppendTimeMs: number,
): void {
  bytes[position + ATTRIBUTES_POSITION + 1] |= LOG_APPEND_TIME_FLAG;
  writeInt64(bytes, position + MAX_TIMESTAMP_POSITION, logAppendTimeMs);
  sealBatch(bytes, position);
}

/** Lets the records of the batch keep their own times, and gives the batch a new checksum. */
export function setCreateTime(
  bytes: Uint8Array,
  position: number,
  maxTimestampMs: number,
): void {
  bytes[position + ATTRIBUTES_POSITION + 1] &= ~LOG_APPEND_TIME_FLAG;
  writeInt64(bytes, position + MAX_TIMESTAMP_POSITION, maxTimestampMs);
  sealBatch(bytes, position);
}

/** Sets the checksum from the bytes as they are. */
export function sealBatch(bytes: Uint8Array, position = 0): void {
  writeInt32(
    bytes,
    position + CRC_POSITION,
    computeBatchCrc(bytes, position),
  );
}

/** What `writeBatchHeader` does not find out by itself. */
export interface BatchHeaderFields {
  readonly baseOffset: number;
  readonly lastOffsetDelta: number;
  readonly partitionLeaderEpoch: number;
  readonly attributes: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/** Writes the header of a batch that starts and ends with `batch`, checksum included. */
export function writeBatchHeader(
  batch: Uint8Array,
  fields: BatchHeaderFields,
): void {
  writeInt64(batch, BASE_OFFSET_POSITION, fields.baseOffset);
  writeInt32(batch, BATCH_LENGTH_POSITION, batch.length - LOG_OVERHEAD_BYTES);
  writeInt32(batch, LEADER_EPOCH_POSITION, fields.partitionLeaderEpoch);
  batch[MAGIC_POSITION] = 2;
  writeInt16(batch, ATTRIBUTES_POSITION, fields.attributes);
  writeInt32(batch, LAST_OFFSET_DELTA_POSITION, fields.lastOffsetDelta);
  writeInt64(batch, BASE_TIMESTAMP_POSITION, fields.baseTimestampMs);
  writeInt64(batch, MAX_TIMESTAMP_POSITION, fields.maxTimestampMs);
  writeInt64(batch, PRODUCER_ID_POSITION, fields.producerId);
  writeInt16(batch, PRODUCER_EPOCH_POSITION, fields.producerEpoch);
  writeInt32(batch, BASE_SEQUENCE_POSITION, fields.baseSequence);
  writeInt32(batch, RECORD_COUNT_POSITION, fields.recordCount);
  sealBatch(batch);
}
