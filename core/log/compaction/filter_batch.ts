// Second half of a run: decides of each batch what stays of it, and writes that.
//
//   all records stay        the bytes as they are
//   some stay               a batch of the same offsets, producer, sequence and
//                           compression, with fewer records
//   none, but it is the     a header without records: it says how far the
//   last of its producer    producer's sequence numbers have come
//   none, but it is the     the bytes as they are: without them, readers would
//   last of the log         never come to the end
//   none                    nothing
//
// A tombstone (a record without a value) that stays gets its batch a date from
// which it may go (bit 6 of the attributes: the base timestamp is that date), and
// so does a transaction's marker that has outlived its records. Messages of old
// formats have no room for it: there the age of the segment decides.
//
// Source: Kafka documentation, "Log Compaction"; KIP-534.

import { compressions } from "../../compress/codecs.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  COMPRESSION_MASK,
  DELETE_HORIZON_FLAG,
  LOG_APPEND_TIME_FLAG,
  NO_TIMESTAMP,
  readBatchHeader,
} from "../../record/batch_header.ts";
import {
  DECOMPRESSED_BYTES_MAX,
  decompressRecords,
} from "../../record/decompress.ts";
import {
  encodeMessageSet,
  type Message,
  readMessage,
  recordsOfMessage,
} from "../../record/message_set.ts";
import type { Record } from "../../record/record.ts";
import { checksumIsValid, summarize } from "../batch_summary.ts";
import type { LastRecord } from "../producer_state.ts";
import type { BatchReader } from "./batch_reader.ts";
import type { CleanedSegment } from "./cleaned_segment.ts";
import type { CleanedTransactions } from "./cleaned_transactions.ts";
import { KeptRecords } from "./kept_records.ts";
import { controlTypeOf } from "./map_keys.ts";
import type { OffsetMap } from "./offset_map.ts";

/** What a filter decides by. */
export interface BatchFilterOptions {
  readonly map: OffsetMap;
  /** Offsets that the map was made of: their checksums were verified just before. */
  readonly mappedFrom: number;
  readonly transactions: CleanedTransactions;
  /** When the run began, milliseconds since 1970 UTC. */
  readonly nowMs: number;
  /** `delete.retention.ms`. */
  readonly deleteRetentionMs: number;
  /** Offset of the last record of the log. */
  readonly lastOffset: number;
}

/** What a filter has read and kept. */
export interface FilterCounts {
  recordsRead: number;
  recordsKept: number;
  /** Records without a key: dropped. */
  recordsInvalid: number;
}

/** Filters one batch after another. */
export class BatchFilter {
  readonly counts: FilterCounts = {
    recordsRead: 0,
    recordsKept: 0,
    recordsInvalid: 0,
  };
  /** What must be left of each producer. */
  lastRecords: ReadonlyMap<number, LastRecord> = new Map();
  /** Whether tombstones in old formats stay, in the present segment. */
  keepsOldTombstones = true;
  readonly #options: BatchFilterOptions;
  readonly #kept = new KeptRecords();

  constructor(options: BatchFilterOptions) {
    this.#options = options;
  }

  /**
   * Writes what stays of the reader's batch.
   *
   * @throws {CorruptFileError} Where it is damaged.
   * @throws {KafkaError} Where its compressed records are.
   */
  filter(reader: BatchReader, target: CleanedSegment): void {
    const { bytes, start } = reader;
    if (bytes[start + 16] < 2) this.#filterMessage(reader, target);
    else this.#filterBatch(reader, readBatchHeader(bytes, start), target);
  }

  #filterBatch(
    reader: BatchReader,
    header: BatchHeader,
    target: CleanedSegment,
  ): void {
    const { bytes, start, end } = reader;
    const { nowMs, transactions } = this.#options;
    this.counts.recordsRead += header.recordCount;
    const mayGo = header.isControl
      ? transactions.hasOutlived(header, controlTypeOf(bytes, start))
      : transactions.meetsAborted(header);
    const { deleteHorizonMs } = header;
    const isPast = deleteHorizonMs !== null && deleteHorizonMs <= nowMs;
    const isDropped = mayGo && (!header.isControl || isPast);
    if (isDropped || header.recordCount === 0) {
      this.#drop(reader, header, target);
      return;
    }
    this.#find(reader, header, isPast);
    const kept = this.#kept;
    if (kept.count === 0) {
      this.#drop(reader, header, target);
      return;
    }
    this.counts.recordsKept += kept.count;
    const getsHorizon = deleteHorizonMs === null &&
      (kept.hasTombstones || (header.isControl && mayGo));
    if (kept.count === header.recordCount && !getsHorizon) {
      target.add(bytes, start, end);
      return;
    }
    this.#verify(reader, header);
    this.#rewrite(header, target, getsHorizon);
  }

  /** Writes what there must be of a batch of which no record stays. */
  #drop(
    { bytes, start, end }: BatchReader,
    header: BatchHeader,
    target: CleanedSegment,
  ): void {
    if (header.lastOffset === this.#options.lastOffset) {
      this.counts.recordsKept += header.recordCount;
      target.add(bytes, start, end);
    } else if (this.#isLastOfProducer(header)) addEmpty(header, target);
  }

  /** Finds the records that stay. */
  #find(
    reader: BatchReader,
    header: BatchHeader,
    isPast: boolean,
  ): void {
    const content = decompressRecords(
      header.attributes,
      reader.bytes.subarray(reader.start + BATCH_HEADER_BYTES, reader.end),
      DECOMPRESSED_BYTES_MAX,
    );
    const isSound = this.#kept.find({
      content,
      recordCount: header.recordCount,
      baseOffset: header.baseOffset,
      map: header.isControl ? null : this.#options.map,
      keepsTombstones: !isPast,
    });
    if (!isSound) throw reader.fault("its records are damaged");
    this.counts.recordsInvalid += this.#kept.invalidCount;
  }

  /** A batch with the records that stay. */
  #rewrite(
    header: BatchHeader,
    target: CleanedSegment,
    getsHorizon: boolean,
  ): void {
    const kept = this.#kept;
    const { baseTimestampMs } = header;
    const horizonMs = this.#options.nowMs + this.#options.deleteRetentionMs;
    const isStamped = (header.attributes & LOG_APPEND_TIME_FLAG) !== 0;
    const fields = {
      ...header,
      attributes: header.attributes | (getsHorizon ? DELETE_HORIZON_FLAG : 0),
      baseTimestampMs: getsHorizon ? horizonMs : baseTimestampMs,
      maxTimestampMs: isStamped
        ? header.maxTimestampMs
        : baseTimestampMs + kept.maxTimestampDelta,
      recordCount: kept.count,
    };
    if (!getsHorizon && header.compressionId === 0) {
      target.build(BATCH_HEADER_BYTES + kept.sizeBytes, fields, (batch) => {
        kept.copyInto(batch, BATCH_HEADER_BYTES);
      });
      return;
    }
    const plain = getsHorizon
      ? kept.withTimestamps((delta) =>
        (isStamped ? header.maxTimestampMs : baseTimestampMs + delta) -
        horizonMs
      )
      : kept.copy();
    const records = compressions[header.compressionId].compress(plain);
    target.build(BATCH_HEADER_BYTES + records.length, fields, (batch) => {
      batch.set(records, BATCH_HEADER_BYTES);
    });
  }

  #filterMessage(reader: BatchReader, target: CleanedSegment): void {
    const { bytes, start, end } = reader;
    this.#options.transactions.meetsAborted(summarize(bytes, start, 0, false));
    const message = readMessage(bytes.subarray(0, end), start);
    const records = recordsOfMessage(message);
    const staying = records.filter((record) => this.#keeps(record));
    const isLast = records.at(-1)?.offset === this.#options.lastOffset;
    const kept = staying.length === 0 && isLast ? records : staying;
    this.counts.recordsRead += records.length;
    this.counts.recordsKept += kept.length;
    if (kept.length === records.length) target.add(bytes, start, end);
    else if (kept.length > 0) {
      const set = encodeKept(message, kept);
      target.add(set, 0, set.length);
    }
  }

  #keeps({ key, value, offset }: Record): boolean {
    const { map } = this.#options;
    if (offset > map.latestOffset) return true;
    if (key === null) {
      this.counts.recordsInvalid++;
      return false;
    }
    return !map.supersedes(key, 0, key.length, offset) &&
      (value !== null || this.keepsOldTombstones);
  }

  #isLastOfProducer(header: BatchHeader): boolean {
    if (header.producerId < 0) return false;
    const last = this.lastRecords.get(header.producerId);
    if (last === undefined) return false;
    return last.lastDataOffset >= 0
      ? header.lastOffset === last.lastDataOffset
      : header.isControl && header.producerEpoch === last.producerEpoch;
  }

  /** A new checksum must not hide that the bytes are damaged. */
  #verify(reader: BatchReader, { lastOffset }: BatchHeader): void {
    const { mappedFrom, map } = this.#options;
    if (lastOffset >= mappedFrom && lastOffset <= map.latestOffset) return;
    if (checksumIsValid(reader.bytes, reader.start)) return;
    throw reader.fault("wrong checksum");
  }
}

/** A header without records, which keeps all that is known of the batch. */
function addEmpty(header: BatchHeader, target: CleanedSegment): void {
  const attributes = header.attributes &
    ~(COMPRESSION_MASK | DELETE_HORIZON_FLAG);
  target.build(BATCH_HEADER_BYTES, {
    ...header,
    attributes,
    baseTimestampMs: NO_TIMESTAMP,
    recordCount: 0,
  }, () => {});
}

/** The wrapper around those messages of a compressed set that stay. */
function encodeKept(message: Message, records: readonly Record[]): Uint8Array {
  const isStamped = message.magic === 1 &&
    (message.attributes & LOG_APPEND_TIME_FLAG) !== 0;
  return encodeMessageSet({
    magic: message.magic,
    records,
    compression: compressions[message.attributes & COMPRESSION_MASK].name,
    logAppendTimeMs: isStamped ? message.timestampMs : undefined,
  });
}
