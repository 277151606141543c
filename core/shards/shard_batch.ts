// Records of a coordinator as one uncompressed record batch, written straight
// into memory that is used again: a batch is appended before the next is made. A
// content that knows the sizes of a record's key and value beforehand writes both
// into place; others give their bytes. What comes out is what `encodeBatch` makes
// of the same records.
//
// Source: Kafka documentation, "Record Batch".

import { varintSize } from "../base/varint.ts";
import {
  BATCH_HEADER_BYTES,
  NO_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  TRANSACTIONAL_FLAG,
  writeBatchHeader,
} from "../record/batch_header.ts";
import { Writer } from "../wire/writer.ts";
import type { InTransaction } from "./shard_content.ts";

/** Memory up to this is kept for the next batch. */
const KEPT_BYTES_MAX = 64 * 1024;
/** Attributes, a timestamp delta of 0 and a header count of 0: a byte each. */
const RECORD_FIXED_BYTES = 3;
/** A size of -1 as a varint. */
const NULL_SIZE = 1;
/** Coordinators do not count what they write in a transaction. */
const TRANSACTION_SEQUENCE = 0;

/**
 * Writes a record: `writeRecordStart`, `writeSize` and the key, `writeSize` and the
 * value, if any, `writeRecordEnd`.
 */
export type RecordWriter<R> = (
  writer: Writer,
  record: R,
  offsetDelta: number,
) => void;

/** Makes batches, one at a time. */
export class ShardBatch<R> {
  readonly #writeRecord: RecordWriter<R>;
  #writer = new Writer();

  constructor(writeRecord: RecordWriter<R>) {
    this.#writeRecord = writeRecord;
  }

  /**
   * Encodes at least one record; the bytes hold until the next call, and the
   * caller may stamp them.
   */
  encode(
    records: readonly R[],
    timestampMs: number,
    transaction: InTransaction | null,
  ): Uint8Array {
    const writer = this.#writer;
    writer.position = 0;
    writer.reserve(BATCH_HEADER_BYTES);
    writer.position = BATCH_HEADER_BYTES;
    for (let i = 0; i < records.length; i++) {
      this.#writeRecord(writer, records[i], i);
    }
    const batch = writer.written();
    if (batch.length > KEPT_BYTES_MAX) this.#writer = new Writer();
    writeBatchHeader(batch, {
      baseOffset: 0,
      lastOffsetDelta: records.length - 1,
      partitionLeaderEpoch: NO_LEADER_EPOCH,
      attributes: transaction === null ? 0 : TRANSACTIONAL_FLAG,
      baseTimestampMs: timestampMs,
      maxTimestampMs: timestampMs,
      producerId: transaction?.producerId ?? NO_PRODUCER_ID,
      producerEpoch: transaction?.producerEpoch ?? NO_PRODUCER_EPOCH,
      baseSequence: transaction === null ? NO_SEQUENCE : TRANSACTION_SEQUENCE,
      recordCount: records.length,
    });
    return batch;
  }
}

/** Writes a record whose bytes are there. */
export function writeRecord(
  writer: Writer,
  key: Uint8Array,
  value: Uint8Array | null,
  offsetDelta: number,
): void {
  writeRecordStart(writer, offsetDelta, key.length, value?.length ?? null);
  writeSize(writer, key.length);
  writer.raw(key);
  writeSize(writer, value?.length ?? null);
  if (value !== null) writer.raw(value);
  writeRecordEnd(writer);
}

/** Writes all before the key's size: the record's size, attributes, deltas. */
export function writeRecordStart(
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

/** Writes what follows the value: that there are no headers. */
export function writeRecordEnd(writer: Writer): void {
  writeSize(writer, 0);
}

/** Writes a number from 0 on, or a size that says null, as a signed varint. */
export function writeSize(writer: Writer, size: number | null): void {
  if (size === null) writer.int8(NULL_SIZE);
  else writer.uvarint(size * 2);
}
