// Records of a group coordinator as one uncompressed record batch, written
// straight into memory that is used again: a commit is the most frequent thing
// that a coordinator does, and nearly all records are offsets, whose sizes are
// known before they are written. What comes out is what `encodeBatch` makes of
// `encodeRecords`; a test holds both together.
//
// Source: Kafka documentation, "Record Batch".

import { varintSize } from "../base/varint.ts";
import {
  BATCH_HEADER_BYTES,
  NO_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  writeBatchHeader,
} from "../record/batch_header.ts";
import { Writer } from "../wire/writer.ts";
import { type CoordinatorRecord, encodeRecord } from "./coordinator_record.ts";
import {
  offsetKeySize,
  offsetValueSize,
  writeOffsetKey,
  writeOffsetValue,
} from "./offset_record.ts";

/** Memory up to this is kept for the next batch. */
const KEPT_BYTES_MAX = 64 * 1024;
/** Attributes, a timestamp delta of 0 and a header count of 0: a byte each. */
const RECORD_FIXED_BYTES = 3;
/** A size of -1 as a varint. */
const NULL_SIZE = 1;

/** Makes batches, one at a time. */
export class CoordinatorBatch {
  #writer = new Writer();

  /**
   * Encodes at least one record; the bytes hold until the next call, and the
   * caller may stamp them.
   */
  encode(
    records: readonly CoordinatorRecord[],
    timestampMs: number,
  ): Uint8Array {
    const writer = this.#writer;
    writer.position = 0;
    writer.reserve(BATCH_HEADER_BYTES);
    writer.position = BATCH_HEADER_BYTES;
    for (let i = 0; i < records.length; i++) {
      writeRecord(writer, records[i], i);
    }
    const batch = writer.written();
    if (batch.length > KEPT_BYTES_MAX) this.#writer = new Writer();
    writeBatchHeader(batch, {
      baseOffset: 0,
      lastOffsetDelta: records.length - 1,
      partitionLeaderEpoch: NO_LEADER_EPOCH,
      attributes: 0,
      baseTimestampMs: timestampMs,
      maxTimestampMs: timestampMs,
      producerId: NO_PRODUCER_ID,
      producerEpoch: NO_PRODUCER_EPOCH,
      baseSequence: NO_SEQUENCE,
      recordCount: records.length,
    });
    return batch;
  }
}

function writeRecord(
  writer: Writer,
  record: CoordinatorRecord,
  offsetDelta: number,
): void {
  const isPlainOffset = record.kind === "offsetCommit" &&
    (record.value === null || record.value.expireTimestamp < 0);
  if (!isPlainOffset) return writeEncoded(writer, record, offsetDelta);
  const { key, value } = record;
  const keySize = offsetKeySize(key);
  const valueSize = value === null ? null : offsetValueSize(value);
  writeStart(writer, offsetDelta, keySize, valueSize);
  writeSize(writer, keySize);
  writeOffsetKey(writer, key);
  writeSize(writer, valueSize);
  if (value !== null) writeOffsetValue(writer, value);
  writeSize(writer, 0);
}

function writeEncoded(
  writer: Writer,
  record: CoordinatorRecord,
  offsetDelta: number,
): void {
  const { key, value } = encodeRecord(record);
  writeStart(writer, offsetDelta, key.length, value?.length ?? null);
  writeSize(writer, key.length);
  writer.raw(key);
  writeSize(writer, value?.length ?? null);
  if (value !== null) writer.raw(value);
  writeSize(writer, 0);
}

/** All before the key: the record's size, attributes, deltas. */
function writeStart(
  writer: Writer,
  offsetDelta: number,
  keySize: number,
  valueSize: number | null,
): void {
  const valueBytes = valueSize === null ? 1 : varintSize(valueSize) + valueSize;
  writeSize(
    writer,
    RECORD_FIXED_BYTES + varintSize(offsetDelta) + varintSize(keySize) +
      keySize + valueBytes,
  );
  writer.int16(0); // Attributes, timestamp delta.
  writeSize(writer, offsetDelta);
}

/** A number from 0 on, or a size that says null, as a signed varint. */
function writeSize(writer: Writer, size: number | null): void {
  if (size === null) writer.int8(NULL_SIZE);
  else writer.uvarint(size * 2);
}
