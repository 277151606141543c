// A compacted log with a simple model beside it: which records must be in it after
// any number of runs of the cleaner, and which may be.
//
// Batches are appended as a follower appends them, so that all that ever was in a
// log can be in it: keys missing, several producers, transactions, old formats.

import { deepEqual, ok, strictEqual } from "node:assert/strict";
import { encodeUtf8 } from "../base/bytes.ts";
import type { CompressionName } from "../compress/codecs.ts";
import { type Host, sleep } from "../host/host.ts";
import { BatchScan, WHOLE_CHUNK_BYTES } from "../log/batch_scan.ts";
import type { CleanOptions, CleanResult } from "../log/compaction/clean_log.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { encodeEndTransactionMarker } from "../record/control_record.ts";
import { encodeMessageSet } from "../record/message_set.ts";
import {
  batchIsControl,
  batchProducerId,
  encodeBatch,
  type Record,
  setBaseOffset,
  setPartitionLeaderEpoch,
} from "../record/record_batch.ts";
import { batchesIn, recordsOfBatch } from "../record/record_stream.ts";
import { bytesOf } from "./log_fixture.ts";

/** A record to be appended. */
export interface ModelInput {
  readonly key: string | null;
  readonly value: string | null;
}

/** How a batch is made. */
export interface ModelBatchOptions {
  readonly magic?: 0 | 1 | 2;
  readonly compression?: CompressionName;
  readonly producerId?: number;
  readonly isTransactional?: boolean;
  readonly logAppendTimeMs?: number;
}

interface ModelBatch {
  readonly lastOffset: number;
  readonly transaction: { isAborted: boolean } | null;
  horizonMs: number | null;
}

interface ModelRecord extends ModelInput {
  readonly offset: number;
  readonly timestampMs: number;
  readonly batch: ModelBatch;
}

/** What one line of a comparison says. */
type Shown = readonly [
  offset: number,
  key: string | null,
  value: string | null,
  timestampMs: number,
];

/** Cleans what may be cleaned, as the cleaner's manager would. */
export function cleanNow(
  host: Host,
  log: PartitionLog,
  options: Partial<CleanOptions> = {},
): Promise<CleanResult | null> {
  const range = log.dirtyRange(host.clock.wallMs());
  return log.compact({
    firstDirtyOffset: range.firstDirtyOffset,
    firstUncleanableOffset: range.firstUncleanableOffset,
    mapBytes: 24 * 1000,
    loadFactor: 0.9,
    ioBytes: 8192,
    pause: () => sleep(host.clock, 0.1),
    ...options,
  });
}

/** What a compacted log must hold. */
export class CompactionModel {
  records: ModelRecord[] = [];
  readonly #host: Host;
  readonly #sequences = new Map<number, number>();
  readonly #open = new Map<number, { isAborted: boolean }>();

  constructor(host: Host) {
    this.#host = host;
  }

  append(
    log: PartitionLog,
    inputs: readonly ModelInput[],
    options: ModelBatchOptions = {},
  ): void {
    const { magic = 2, producerId, isTransactional } = options;
    const baseOffset = log.logEndOffset;
    const nowMs = this.#host.clock.wallMs();
    const stampedMs = magic === 0 ? undefined : options.logAppendTimeMs;
    const records = inputs.map(({ key, value }, i) => ({
      offset: baseOffset + i,
      timestampMs: nowMs + (i * 7) % 5,
      key: key === null ? null : encodeUtf8(key),
      value: value === null ? null : encodeUtf8(value),
      headers: magic === 2 && i % 3 === 2
        ? [{ key: "h", value: encodeUtf8(`${i}`) }]
        : [],
    }));
    const compression = options.compression;
    const baseSequence = this.#sequences.get(producerId ?? -1) ?? 0;
    const bytes = magic === 2
      ? encodeBatch({
        records,
        compression,
        baseOffset,
        partitionLeaderEpoch: 0,
        logAppendTimeMs: stampedMs,
        ...(producerId === undefined ? {} : {
          producerId,
          producerEpoch: 0,
          baseSequence,
          isTransactional,
        }),
      })
      : encodeMessageSet({
        magic,
        records,
        compression: compression === "zstd" ? "gzip" : compression,
        logAppendTimeMs: stampedMs,
      });
    this.#append(log, bytes);
    if (producerId !== undefined && magic === 2) {
      this.#sequences.set(producerId, baseSequence + records.length);
    }
    const transaction = isTransactional && producerId !== undefined
      ? this.#transactionOf(producerId)
      : null;
    const lastOffset = log.logEndOffset - 1;
    const batch = { lastOffset, transaction, horizonMs: null };
    inputs.forEach((input, i) =>
      this.records.push({
        ...input,
        offset: baseOffset + i,
        timestampMs: magic === 0 ? -1 : stampedMs ?? records[i].timestampMs,
        batch,
      })
    );
  }

  get openProducers(): number[] {
    return [...this.#open.keys()];
  }

  /** Ends a producer's transaction. */
  end(log: PartitionLog, producerId: number, type: "commit" | "abort"): void {
    const transaction = this.#open.get(producerId);
    if (transaction !== undefined) transaction.isAborted = type === "abort";
    this.#open.delete(producerId);
    const bytes = encodeEndTransactionMarker(
      { type, coordinatorEpoch: 0 },
      {
        timestampMs: this.#host.clock.wallMs(),
        producerId,
        producerEpoch: 0,
        partitionLeaderEpoch: 0,
      },
    );
    setBaseOffset(bytes, 0, log.logEndOffset);
    setPartitionLeaderEpoch(bytes, 0, 0);
    this.#append(log, bytes);
  }

  /**
   * What a run left, out of what was there.
   *
   * @param endOffset Clean below.
   * @param segmentEnd The end of the last segment that was written anew.
   */
  cleaned(
    endOffset: number,
    segmentEnd: number,
    nowMs: number,
    retentionMs: number,
    logEndOffset: number,
  ): void {
    const lastBatch = this.records.filter(({ batch }) =>
      batch.lastOffset === logEndOffset - 1
    );
    const latest = new Map<string, number>();
    for (const { key, offset, batch } of this.records) {
      const counts = key !== null && offset < endOffset &&
        batch.transaction?.isAborted !== true;
      if (counts) latest.set(key, offset);
    }
    this.records = this.records.filter((record) => {
      const { offset, key, value, batch } = record;
      if (offset < segmentEnd && batch.transaction?.isAborted === true) {
        return false;
      }
      if (offset >= endOffset) return true;
      if (key === null || latest.get(key) !== offset) return false;
      return value !== null || batch.horizonMs === null ||
        nowMs < batch.horizonMs;
    });
    // Of the log's last batch something stays, or a reader never comes to the end.
    const isGone = !this.records.some(({ batch }) =>
      batch === lastBatch[0]?.batch
    );
    if (isGone) this.records.push(...lastBatch);
    for (const { offset, value, batch } of this.records) {
      if (value !== null || offset >= segmentEnd) continue;
      batch.horizonMs ??= nowMs + retentionMs;
    }
  }

  /** Cleans, and takes the model along. */
  async clean(
    log: PartitionLog,
    options: Partial<CleanOptions> = {},
  ): Promise<CleanResult | null> {
    const bases = log.segments.all().map((segment) => segment.baseOffset);
    const nowMs = this.#host.clock.wallMs();
    const result = await cleanNow(this.#host, log, options);
    if (result?.isDone === true) {
      const segmentEnd = bases.find((base) => base >= result.endOffset) ??
        log.logEndOffset;
      this.cleaned(
        result.endOffset,
        segmentEnd,
        nowMs,
        log.config["delete.retention.ms"],
        log.logEndOffset,
      );
    }
    return result;
  }

  /** The log holds what it must, and a reader of committed records gets just that. */
  check(log: PartitionLog): void {
    const expected = this.records.map(shownOfModel);
    deepEqual(allRecords(log).map(shownOf), expected);
    deepEqual(
      readCommitted(log).map(shownOf),
      this.records.filter(({ batch, offset }) =>
        batch.transaction?.isAborted !== true && offset < log.lastStableOffset
      ).map(shownOfModel),
    );
  }

  #append(log: PartitionLog, bytes: Uint8Array): void {
    log.append(bytes, {
      leaderEpoch: 0,
      nowMs: this.#host.clock.wallMs(),
      origin: "replica",
    });
    log.highWatermark = log.logEndOffset;
  }

  #transactionOf(producerId: number): { isAborted: boolean } {
    let transaction = this.#open.get(producerId);
    if (transaction === undefined) {
      this.#open.set(producerId, transaction = { isAborted: false });
    }
    return transaction;
  }
}

function shownOfModel(record: ModelRecord): Shown {
  return [record.offset, record.key, record.value, record.timestampMs];
}

function shownOf(record: Record): Shown {
  const text = (bytes: Uint8Array | null) =>
    bytes === null ? null : new TextDecoder().decode(bytes);
  return [
    record.offset,
    text(record.key),
    text(record.value),
    record.timestampMs,
  ];
}

/** All records of all segments, markers left out; offsets rise. */
export function allRecords(log: PartitionLog): Record[] {
  const records: Record[] = [];
  let nextOffset = 0;
  for (const segment of log.segments.all()) {
    ok(segment.baseOffset >= nextOffset || segment.sizeBytes === 0);
    const scan = new BatchScan(segment.log, {
      from: 0,
      to: segment.sizeBytes,
      chunkBytes: WHOLE_CHUNK_BYTES,
    });
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      ok(batch.magic < 2 || batch.baseOffset >= nextOffset, "offsets rise");
      ok(batch.lastOffset >= nextOffset, "offsets rise");
      nextOffset = batch.lastOffset + 1;
      const bytes = scan.bytes(batch)!;
      if (batch.isControl) continue;
      for (const span of batchesIn(bytes)) {
        records.push(...recordsOfBatch(bytes, span));
      }
    }
    strictEqual(scan.fault, null);
  }
  return records;
}

/** What a consumer with `read_committed` gets from the start of the log on. */
export function readCommitted(log: PartitionLog): Record[] {
  const found: Record[] = [];
  let offset = log.logStartOffset;
  for (;;) {
    const read = log.read(offset, {
      maxBytes: 300,
      minOneBatch: true,
      upToOffset: log.lastStableOffset,
      withAborted: true,
    });
    const bytes = bytesOf(read);
    if (bytes.length === 0) return found;
    const waiting = [...read.abortedTransactions!]
      .sort((a, b) => a.firstOffset - b.firstOffset);
    const aborted = new Set<number>();
    const start = offset;
    for (const span of batchesIn(bytes)) {
      const records = recordsOfBatch(bytes, span);
      const last = span.magic === 2
        ? lastOffsetOf(bytes, span.position)
        : records[records.length - 1].offset;
      offset = Math.max(offset, last + 1);
      const id = span.magic === 2 ? batchProducerId(bytes, span.position) : -1;
      while (waiting.length > 0 && waiting[0].firstOffset <= last) {
        aborted.add(waiting.shift()!.producerId);
      }
      if (span.magic === 2 && batchIsControl(bytes, span.position)) {
        if (records[0]?.key?.[3] === 0) aborted.delete(id);
        continue;
      }
      if (aborted.has(id) && isTransactional(bytes, span.position)) continue;
      found.push(...records.filter((record) => record.offset >= start));
    }
    if (offset === start) return found;
  }
}

function lastOffsetOf(bytes: Uint8Array, position: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + position);
  return Number(view.getBigInt64(0)) + view.getInt32(23);
}

function isTransactional(bytes: Uint8Array, position: number): boolean {
  return bytes[position + 16] === 2 && (bytes[position + 22] & 0x10) !== 0;
}
