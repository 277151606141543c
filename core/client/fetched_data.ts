// What a fetch brought for one partition: batches, decoded one by one when the
// application takes them.
//
// Brokers send whole batches, so the first may begin before the offset asked for,
// and the last may be cut off. Control batches and, under read_committed, batches
// of aborted transactions are passed over; the position moves on all the same.
//
// Source: Kafka protocol guide, "Fetch API"; KIP-98 (aborted transactions).

import {
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchPartitionLeaderEpoch,
  batchProducerId,
  readBatchHeader,
  type TimestampType,
} from "../record/batch_header.ts";
import { readControlRecordType } from "../record/control_record.ts";
import { readMessage } from "../record/message_set.ts";
import type { Record } from "../record/record.ts";
import {
  batchAt,
  type BatchSpan,
  recordsOfBatch,
} from "../record/record_stream.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { partitionKey, type TopicPartition } from "./metadata.ts";

/** Records of one partition, and of one batch, in the order of their offsets. */
export interface RecordChunk extends TopicPartition {
  /** At least one. Keys and values are views; copy to keep for long. */
  readonly records: readonly Record[];
  /** Of the leader that wrote them; -1 in formats before magic 2. */
  readonly leaderEpoch: number;
  readonly timestampType: TimestampType;
}

/** A transaction that was aborted, from its first record in the partition on. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface FetchedDataOptions {
  readonly fetchOffset: number;
  /** `null` reads all; a list leaves out what these transactions wrote. */
  readonly aborted: readonly AbortedTransaction[] | null;
  readonly checksCrcs: boolean;
}

/** Bytes of one partition out of one answer. */
export class FetchedData implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly fetchOffset: number;
  /** Where the next fetch has to start. */
  readonly endOffset: number;
  readonly #bytes: Uint8Array;
  readonly #checksCrcs: boolean;
  /** Aborted transactions still to come, by first offset; `null` reads all. */
  readonly #aborted: AbortedTransaction[] | null;
  /** Producers in whose aborted transaction the reading is. */
  readonly #abortedProducers = new Set<number>();
  #position = 0;
  #nextOffset: number;
  #leaderEpoch = -1;
  /** What is left of the batch that was decoded last. */
  #chunk: RecordChunk | null = null;
  #chunkIndex = 0;
  #chunkEndOffset = 0;

  constructor(
    place: TopicPartition,
    bytes: Uint8Array,
    options: FetchedDataOptions,
  ) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.fetchOffset = options.fetchOffset;
    this.#nextOffset = options.fetchOffset;
    this.#bytes = bytes;
    this.#checksCrcs = options.checksCrcs;
    this.#aborted = options.aborted === null
      ? null
      : [...options.aborted].sort((a, b) => a.firstOffset - b.firstOffset);
    this.endOffset = endOffsetOf(bytes, options.fetchOffset);
  }

  /** The offset after what was taken, or passed over. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Leader epoch of the last batch that was taken; -1 for none. */
  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  /**
   * The next records, at most `countMax`, all of one batch; `null` where no more
   * are left. What is not to be seen is passed over on the way.
   *
   * @throws {KafkaError} `CORRUPT_MESSAGE` and its like, where a batch is damaged;
   * each call throws again.
   */
  take(countMax: number): RecordChunk | null {
    for (;;) {
      if (this.#chunk !== null) return this.#takeOf(this.#chunk, countMax);
      const span = this.#nextSpan();
      if (span === null) return null;
      this.#open(span);
    }
  }

  #nextSpan(): BatchSpan | null {
    try {
      return batchAt(this.#bytes, this.#position);
    } catch (error) {
      throw this.#located(error);
    }
  }

  #takeOf(chunk: RecordChunk, countMax: number): RecordChunk {
    const { records } = chunk;
    const end = Math.min(this.#chunkIndex + countMax, records.length);
    const taken = this.#chunkIndex === 0 && end === records.length
      ? records
      : records.slice(this.#chunkIndex, end);
    this.#chunkIndex = end;
    this.#leaderEpoch = chunk.leaderEpoch;
    if (end === records.length) {
      this.#chunk = null;
      this.#nextOffset = this.#chunkEndOffset;
    } else {
      this.#nextOffset = records[end].offset;
    }
    return { ...chunk, records: taken };
  }

  /** Decodes a batch, unless it is not to be seen, and steps behind it. */
  #open(span: BatchSpan): void {
    const bytes = this.#bytes, at = span.position;
    let records: readonly Record[] = NO_RECORDS;
    let endOffset: number;
    let leaderEpoch = -1;
    let timestampType: TimestampType = "CreateTime";
    try {
      if (span.magic === 2) {
        const header = readBatchHeader(bytes, at);
        endOffset = header.lastOffset + 1;
        leaderEpoch = batchPartitionLeaderEpoch(bytes, at);
        timestampType = header.timestampType;
        if (endOffset > this.#nextOffset && this.#isVisible(span)) {
          records = this.#decode(span);
        }
      } else {
        const message = readMessage(bytes, at);
        endOffset = message.offset + 1;
        if (message.magic === 1 && (message.attributes & 8) !== 0) {
          timestampType = "LogAppendTime";
        }
        if (endOffset > this.#nextOffset) records = this.#decode(span);
      }
    } catch (error) {
      throw this.#located(error);
    }
    this.#position = at + span.sizeBytes;
    const first = records.findIndex((r) => r.offset >= this.#nextOffset);
    if (first < 0) {
      this.#nextOffset = Math.max(this.#nextOffset, endOffset);
      return;
    }
    const { topic, partition } = this;
    this.#chunk = { topic, partition, records, leaderEpoch, timestampType };
    this.#chunkIndex = first;
    this.#chunkEndOffset = endOffset;
  }

  #decode(span: BatchSpan): readonly Record[] {
    return recordsOfBatch(this.#bytes, span, { checkCrc: this.#checksCrcs });
  }

  /** Follows the transactions, and tells whether a batch's records are to be seen. */
  #isVisible(span: BatchSpan): boolean {
    const bytes = this.#bytes, at = span.position;
    const isControl = batchIsControl(bytes, at);
    const aborted = this.#aborted;
    if (aborted === null || !batchIsTransactional(bytes, at)) {
      return !isControl;
    }
    const lastOffset = batchLastOffset(bytes, at);
    while (aborted.length > 0 && aborted[0].firstOffset <= lastOffset) {
      this.#abortedProducers.add(aborted.shift()!.producerId);
    }
    const producerId = batchProducerId(bytes, at);
    if (!isControl) return !this.#abortedProducers.has(producerId);
    const [marker] = this.#decode(span);
    if (readControlRecordType(marker?.key ?? null) === "abort") {
      this.#abortedProducers.delete(producerId);
    }
    return false;
  }

  #located(error: unknown): unknown {
    if (!(error instanceof KafkaError)) return error;
    return new KafkaError(
      error.errorName,
      `Cannot read ${partitionKey(this)} at offset ${this.#nextOffset}: ` +
        `${error.message} Seek past it to go on.`,
      { cause: error },
    );
  }
}

const NO_RECORDS: readonly Record[] = [];

/** The offset after the last whole batch. */
function endOffsetOf(bytes: Uint8Array, fetchOffset: number): number {
  let endOffset = fetchOffset;
  try {
    for (let position = 0;;) {
      const span = batchAt(bytes, position);
      if (span === null) break;
      endOffset = span.magic === 2
        ? batchLastOffset(bytes, position) + 1
        : readMessage(bytes, position).offset + 1;
      position += span.sizeBytes;
    }
  } catch (error) {
    // Whoever takes the damaged batch meets the error.
    if (!(error instanceof KafkaError)) throw error;
  }
  return Math.max(endOffset, fetchOffset);
}
