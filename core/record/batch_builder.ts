// A batch under construction: records are written as they come, so that a full
// batch only needs its header (and compression) to be sent.

import { varintSize } from "../base/varint.ts";
import {
  compress,
  compressionByName,
  type CompressionName,
} from "../compress/codecs.ts";
import {
  BATCH_HEADER_BYTES,
  NO_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  TRANSACTIONAL_FLAG,
  writeBatchHeader,
} from "./batch_header.ts";
import {
  encodeHeaderKeys,
  recordBodySize,
  type RecordInput,
  writeRecord,
} from "./record.ts";

export interface BatchBuilderOptions {
  /** Size at which the batch is full, before compression; one record always fits. */
  readonly maxBytes: number;
  readonly compression?: CompressionName;
  readonly compressionLevel?: number;
}

/** The producer's part of the header; "none" where left out. */
export interface BatchProducer {
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
}

const START_BYTES = 512;

/** Collects the records of one batch. */
export class BatchBuilder {
  readonly #maxBytes: number;
  readonly #compression: CompressionName;
  readonly #compressionLevel: number | undefined;
  #bytes: Uint8Array;
  #sizeBytes = BATCH_HEADER_BYTES;
  #recordCount = 0;
  #baseTimestampMs = NO_TIMESTAMP;
  #maxTimestampMs = NO_TIMESTAMP;

  constructor(options: BatchBuilderOptions) {
    this.#maxBytes = options.maxBytes;
    this.#compression = options.compression ?? "none";
    this.#compressionLevel = options.compressionLevel;
    this.#bytes = new Uint8Array(
      Math.max(BATCH_HEADER_BYTES, Math.min(options.maxBytes, START_BYTES)),
    );
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** Size so far with the header, before compression. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get isFull(): boolean {
    return this.#sizeBytes >= this.#maxBytes;
  }

  /**
   * Adds a record (whose `offset` is not looked at) where it fits.
   *
   * @returns `false` where the batch has records and this one would pass its size.
   */
  tryAppend(record: RecordInput): boolean {
    const isFirst = this.#recordCount === 0;
    const deltas = {
      offsetDelta: this.#recordCount,
      timestampDelta: isFirst ? 0 : record.timestampMs - this.#baseTimestampMs,
    };
    const headerKeys = encodeHeaderKeys(record.headers);
    const bodySize = recordBodySize(record, deltas, headerKeys);
    const end = this.#sizeBytes + varintSize(bodySize) + bodySize;
    if (!isFirst && end > this.#maxBytes) return false;
    this.#reserve(end);
    this.#sizeBytes = writeRecord(this.#bytes, this.#sizeBytes, record, {
      deltas,
      headerKeys,
      bodySize,
    });
    this.#recordCount++;
    if (isFirst) this.#baseTimestampMs = record.timestampMs;
    if (record.timestampMs > this.#maxTimestampMs) {
      this.#maxTimestampMs = record.timestampMs;
    }
    return true;
  }

  /**
   * The finished batch with offsets from 0; there is at least one record. Without
   * compression it is a view of the builder's own memory. May be called again,
   * with another producer state, for a retry under a new epoch.
   */
  build(producer: BatchProducer = {}): Uint8Array {
    let batch = this.#bytes.subarray(0, this.#sizeBytes);
    if (this.#compression !== "none") {
      const inside = compress(
        this.#compression,
        batch.subarray(BATCH_HEADER_BYTES),
        { level: this.#compressionLevel },
      );
      batch = new Uint8Array(BATCH_HEADER_BYTES + inside.length);
      batch.set(inside, BATCH_HEADER_BYTES);
    }
    writeBatchHeader(batch, {
      baseOffset: 0,
      lastOffsetDelta: this.#recordCount - 1,
      partitionLeaderEpoch: NO_LEADER_EPOCH,
      attributes: compressionByName(this.#compression).id |
        (producer.isTransactional ? TRANSACTIONAL_FLAG : 0),
      baseTimestampMs: this.#baseTimestampMs,
      maxTimestampMs: this.#maxTimestampMs,
      producerId: producer.producerId ?? NO_PRODUCER_ID,
      producerEpoch: producer.producerEpoch ?? NO_PRODUCER_EPOCH,
      baseSequence: producer.baseSequence ?? NO_SEQUENCE,
      recordCount: this.#recordCount,
    });
    return batch;
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes <= this.#bytes.length) return;
    const doubled = Math.min(this.#bytes.length * 2, this.#maxBytes);
    const grown = new Uint8Array(Math.max(sizeBytes, doubled));
    grown.set(this.#bytes.subarray(0, this.#sizeBytes));
    this.#bytes = grown;
  }
}
