// One segment: a `.log` of batches from a base offset on, with its indexes.
//
// Files, named by the base offset as 20 digits: `.log`, `.index`, `.timeindex`,
// and `.txnindex` where a transaction was aborted. The log is the only truth;
// an index that is missing or makes no sense is made again from it. Everything
// but the size of the log is read when it is first needed, so that a start
// costs little.

import { assert } from "../base/assert.ts";
import {
  BatchScan,
  type CorruptRange,
  HEADER_CHUNK_BYTES,
  type ScanFault,
  type ScanOptions,
  WHOLE_CHUNK_BYTES,
} from "./batch_scan.ts";
import type { BatchSummary } from "./batch_summary.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import { type FilePool, type Place, PooledFile } from "./file_pool.ts";
import { removeAll, unlinkAll } from "./file_pool.ts";
import { OffsetIndex, RELATIVE_OFFSET_MAX } from "./offset_index.ts";
import {
  DELETED_SUFFIX,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  offsetName,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "./segment_names.ts";
import { NO_TIMESTAMP, type TimeEntry, TimeIndex } from "./time_index.ts";
import { TransactionIndex } from "./transaction_index.ts";

export * from "./segment_names.ts";

/** What a segment takes from the topic's configuration. */
export interface SegmentConfig {
  readonly "index.interval.bytes": number;
  readonly "segment.index.bytes": number;
}

/** Where a segment's files are, and what it was found to be. */
export interface SegmentOptions {
  readonly pool: FilePool;
  readonly place: Place;
  readonly baseOffset: number;
  /** When it was made, or opened: counts until a first batch tells the time. */
  readonly nowMs: number;
  /** How much earlier than `segment.ms` it is rolled. */
  readonly rollJitterMs: number;
  /** Whether it is known that there is no `.txnindex`. */
  readonly hasNoTransactions?: boolean;
  /** At the end of its files' names: of a segment that is not yet in the log. */
  readonly suffix?: string;
}

/** Where a batch was found. */
export interface FoundBatch {
  readonly position: number;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** One segment of a log. */
export class Segment {
  readonly baseOffset: number;
  readonly log: PooledFile;
  readonly transactions: TransactionIndex;
  readonly rollJitterMs: number;
  readonly createdMs: number;
  /** Whether bytes were written since the last sync began. */
  isDirty = false;
  /** Whether its names may be missing after a crash. */
  isNew = false;
  /** Whether it left the log: its files go when nobody may read them any more. */
  isDeleted = false;
  /** Whether its indexes, once closed, must still be synced. */
  hasUnsyncedIndexes = false;
  /** What lies below the recovery point and fails its checksum: left out of every walk. */
  corruptRanges: readonly CorruptRange[] = [];
  readonly #offsetFile: PooledFile;
  readonly #timeFile: PooledFile;
  #offsetIndex: OffsetIndex | null = null;
  #timeIndex: TimeIndex | null = null;
  #sizeBytes: number | null = null;
  #bytesSinceEntry = 0;
  #largest: TimeEntry | null = null;
  #firstTimestampMs: number | null = null;
  #isFinished = false;
  /** Whether the indexes were found to be wrong, and made again: what is wrong then is the log. */
  #isIndexRebuilt = false;

  private constructor(options: SegmentOptions) {
    const { pool, place, baseOffset } = options;
    const name = offsetName(baseOffset);
    const { suffix = "" } = options;
    this.baseOffset = baseOffset;
    this.createdMs = options.nowMs;
    this.rollJitterMs = options.rollJitterMs;
    const fileOf = (kind: string) =>
      new PooledFile(pool, place, name + kind + suffix);
    this.log = fileOf(LOG_SUFFIX);
    this.#offsetFile = fileOf(OFFSET_INDEX_SUFFIX);
    this.#timeFile = fileOf(TIME_INDEX_SUFFIX);
    const file = fileOf(TRANSACTION_INDEX_SUFFIX);
    this.transactions = options.hasNoTransactions === true
      ? TransactionIndex.without(file)
      : new TransactionIndex(file);
  }

  /**
   * Makes an empty segment on disk; files in its place are emptied.
   *
   * @throws {HostError} Where the disk failed, and nothing is left then; of a
   * kind that does not pass where something may be left.
   */
  static create(options: SegmentOptions): Segment {
    const segment = new Segment(options);
    try {
      segment.log.create();
      segment.log.truncate(0);
      segment.#sizeBytes = 0;
      segment.#offsetIndex = OffsetIndex.create(
        segment.#offsetFile,
        options.baseOffset,
      );
      segment.#timeIndex = TimeIndex.create(
        segment.#timeFile,
        options.baseOffset,
      );
      segment.transactions.reset();
    } catch (error) {
      // What stays would be taken for a segment by the next start.
      segment.remove();
      throw error;
    }
    segment.#largest = segment.#noTimestamp;
    segment.isNew = true;
    return segment;
  }

  /** Takes the segment that is on disk, and reads nothing yet. */
  static open(options: SegmentOptions): Segment {
    return new Segment(options);
  }

  /** Size of the `.log`, in bytes. */
  get sizeBytes(): number {
    return this.#sizeBytes ??= this.log.size();
  }

  /** Opened, or made again from the log where it cannot be used. */
  get offsetIndex(): OffsetIndex {
    if (this.#offsetIndex === null) this.#openIndexes();
    return this.#offsetIndex!;
  }

  /** Opened, or made again from the log where it cannot be used. */
  get timeIndex(): TimeIndex {
    if (this.#timeIndex === null) this.#openIndexes();
    return this.#timeIndex!;
  }

  /** The largest timestamp, and the last offset of the first batch that reached it; -1 where there is none. */
  get largestTimestamp(): TimeEntry {
    return this.#largest ??= this.#findLargestTimestamp();
  }

  /** The largest timestamp of the first batch; `null` without batches. */
  get firstTimestampMs(): number | null {
    if (this.#firstTimestampMs === null && this.sizeBytes > 0) {
      const first = this.scan(0, HEADER_CHUNK_BYTES).next();
      this.#firstTimestampMs = first?.maxTimestampMs ?? null;
    }
    return this.#firstTimestampMs;
  }

  /** Whether an offset can be held by the indexes. */
  fits(offset: number): boolean {
    return offset - this.baseOffset <= RELATIVE_OFFSET_MAX;
  }

  /** Whether an index has no room for another entry. */
  hasFullIndex(config: SegmentConfig): boolean {
    const maxBytes = config["segment.index.bytes"];
    return this.offsetIndex.isFull(maxBytes) || this.timeIndex.isFull(maxBytes);
  }

  /** Whether a sync has something to do. */
  get isUnsynced(): boolean {
    return this.isDirty || this.hasUnsyncedIndexes ||
      this.#mustSyncTransactions;
  }

  /** Opens the log file, so that a write needs no more than to write. */
  openLog(): void {
    this.log.open();
  }

  /**
   * Writes batches at the end, as one piece. Where the write fails, the file may
   * have grown: `cutBack` takes that away.
   *
   * @param batches The batches in `bytes`, positions counted from its start.
   */
  append(
    bytes: Uint8Array,
    batches: readonly BatchSummary[],
    config: SegmentConfig,
  ): void {
    const start = this.sizeBytes;
    this.isDirty = true;
    this.log.writeAt(bytes, start);
    this.#sizeBytes = start + bytes.length;
    for (const batch of batches) {
      this.noteBatch(batch, start + batch.position, config);
    }
  }

  /** Takes the indexes along with a batch that is at a position of the log. */
  noteBatch(
    batch: BatchSummary,
    position: number,
    config: SegmentConfig,
  ): void {
    if (position === 0) this.#firstTimestampMs = batch.maxTimestampMs;
    const largest = this.largestTimestamp;
    if (batch.maxTimestampMs > largest.timestampMs) {
      this.#largest = {
        timestampMs: batch.maxTimestampMs,
        offset: batch.lastOffset,
      };
    }
    if (this.#bytesSinceEntry > config["index.interval.bytes"]) {
      this.#preallocate(config);
      this.offsetIndex.append(batch.lastOffset, position);
      const { timestampMs, offset } = this.#largest!;
      this.timeIndex.maybeAppend(timestampMs, offset);
      this.#bytesSinceEntry = 0;
    }
    this.#bytesSinceEntry += batch.sizeBytes;
  }

  /**
   * Undoes an append that failed.
   *
   * @param sizeBytes Size of the log before it.
   * @param endOffset End of the log before it.
   */
  cutBack(sizeBytes: number, endOffset: number): void {
    this.log.truncate(sizeBytes);
    this.#sizeBytes = sizeBytes;
    this.truncateAt(sizeBytes, endOffset);
  }

  /** A walk over the batches from a position, which is a batch's start. */
  scan(
    from: number,
    chunkBytes = HEADER_CHUNK_BYTES,
    options: Pick<ScanOptions, "reusesMemory" | "skipsBodies"> = {},
  ): BatchScan {
    return new BatchScan(this.log, {
      ...options,
      from,
      to: this.sizeBytes,
      chunkBytes,
      leftOut: this.corruptRanges,
    });
  }

  /**
   * The first batch that ends at or after an offset; `null` where all end before.
   *
   * @throws {CorruptFileError} Where the log makes no sense on the way.
   */
  find(offset: number): FoundBatch | null {
    const from = this.offsetIndex.floorPosition(offset);
    const scan = this.scan(from);
    for (let isFirst = from > 0;; isFirst = false) {
      const batch = scan.next();
      // An entry is of the batch that it points to, and of none behind it.
      const isMisled = isFirst && (batch === null || batch.baseOffset > offset);
      if (isMisled && !this.#isIndexRebuilt) {
        this.#isIndexRebuilt = true;
        this.#rebuildIndexes();
        return this.find(offset);
      }
      if (batch === null) {
        const { fault } = scan;
        if (fault === null) return null;
        throw new CorruptFileError(
          this.log.path,
          `at position ${fault.position}: ${fault.reason}`,
        );
      }
      if (batch.lastOffset >= offset) return batch;
    }
  }

  /** The offset after the last batch (the base offset without batches), and why batches end before the file does, if so. */
  findEnd(): { readonly offset: number; readonly fault: ScanFault | null } {
    const last = this.offsetIndex.last;
    const scan = this.scan(last?.position ?? 0);
    let offset = last === null ? this.baseOffset : last.offset + 1;
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      offset = batch.lastOffset + 1;
    }
    return { offset, fault: scan.fault };
  }

  /**
   * Drops the batches from the one that holds an offset on.
   *
   * @returns The first offset that is no longer there.
   */
  truncate(offset: number): number {
    const found = this.find(offset);
    if (found === null) return offset;
    this.truncateAt(found.position, Math.min(offset, found.baseOffset));
    return Math.min(offset, found.baseOffset);
  }

  /** Cuts the log at a position, and from the indexes what is at or after an offset. */
  truncateAt(position: number, offset: number): void {
    assert(position <= this.sizeBytes, `Cannot cut ${this.log.path} longer`);
    this.offsetIndex.truncate(offset);
    this.timeIndex.truncate(offset);
    this.transactions.truncate(offset);
    this.log.truncate(position);
    this.#sizeBytes = position;
    this.#bytesSinceEntry = 0;
    this.isDirty = true;
    this.#largest = null;
    if (position === 0) this.#firstTimestampMs = null;
  }

  /** Empties the indexes, to fill them again from the log by `noteBatch`. */
  resetIndexes(): void {
    this.#offsetIndex = OffsetIndex.inPlaceOf(
      this.#offsetFile,
      this.baseOffset,
    );
    this.#timeIndex = TimeIndex.inPlaceOf(this.#timeFile, this.baseOffset);
    this.#bytesSinceEntry = 0;
    this.#largest = this.#noTimestamp;
  }

  /** Ends the time of appending: the indexes get their last entry and their final size. */
  finish(): void {
    const { timestampMs, offset } = this.largestTimestamp;
    this.timeIndex.maybeAppend(timestampMs, offset);
    this.transactions.flush();
    this.offsetIndex.trim();
    this.timeIndex.trim();
    this.hasUnsyncedIndexes = true;
    this.#isFinished = true;
  }

  /** Makes what was written survive a crash; indexes only once it is finished. */
  async sync(): Promise<void> {
    this.transactions.flush();
    if (this.isDirty) {
      // What is written while the sync is under way counts as not synced.
      this.isDirty = false;
      await this.#orElse(() => this.log.sync(), () => this.isDirty = true);
    }
    if (this.hasUnsyncedIndexes) {
      this.hasUnsyncedIndexes = false;
      await this.#orElse(
        () => this.#syncIndexes(),
        () => this.hasUnsyncedIndexes = true,
      );
    }
    if (this.#mustSyncTransactions) await this.transactions.sync();
  }

  /** Gives all handles back. */
  close(): void {
    for (const file of this.#files()) file.close();
  }

  /** Renames all files, so that a start ignores them. */
  markDeleted(): void {
    this.isDeleted = true;
    for (const file of this.#files()) {
      file.rename(file.freeName(DELETED_SUFFIX));
    }
  }

  /** Gives all files another suffix, the log last: what is left of a step tells how far it went. */
  changeSuffix(from: string, to: string): void {
    const [log, ...indexes] = this.#files();
    for (const file of [...indexes, log]) {
      file.rename(file.name.slice(0, file.name.length - from.length) + to);
    }
  }

  /**
   * Unlinks all files.
   *
   * @throws {HostError} Of a kind that does not pass: something may be left.
   */
  remove(): void {
    this.isDeleted = true;
    removeAll(this.#files());
  }

  /** The same, off the event loop. */
  unlink(): Promise<void> {
    this.isDeleted = true;
    return unlinkAll(this.#files());
  }

  async #orElse(run: () => Promise<void>, undo: () => void): Promise<void> {
    try {
      await run();
    } catch (error) {
      undo();
      throw error;
    }
  }

  async #syncIndexes(): Promise<void> {
    await this.#offsetFile.sync();
    await this.#timeFile.sync();
  }

  /** While it is active, recovery would make them again. */
  get #mustSyncTransactions(): boolean {
    return this.#isFinished && this.transactions.isUnsynced;
  }

  #files(): PooledFile[] {
    // The log goes first: indexes without a log are swept at the next start.
    return [
      this.log,
      this.#offsetFile,
      this.#timeFile,
      this.transactions.file,
    ];
  }

  get #noTimestamp(): TimeEntry {
    return { timestampMs: NO_TIMESTAMP, offset: this.baseOffset };
  }

  #preallocate(config: SegmentConfig): void {
    if (this.offsetIndex.isPreallocated) return;
    this.offsetIndex.preallocate(config["segment.index.bytes"]);
    this.timeIndex.preallocate(config["segment.index.bytes"]);
  }

  #openIndexes(): void {
    try {
      if (!this.#offsetFile.exists() || !this.#timeFile.exists()) {
        throw new CorruptFileError(this.#offsetFile.path, "missing");
      }
      this.#offsetIndex = OffsetIndex.open(
        this.#offsetFile,
        this.baseOffset,
        this.sizeBytes,
      );
      this.#timeIndex = TimeIndex.open(this.#timeFile, this.baseOffset);
    } catch (error) {
      if (!(error instanceof CorruptFileError)) throw error;
      this.#rebuildIndexes();
    }
  }

  #rebuildIndexes(): void {
    this.resetIndexes();
    const scan = this.scan(0, WHOLE_CHUNK_BYTES);
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      this.noteBatch(batch, batch.position, REBUILD_CONFIG);
    }
    this.finish();
  }

  #findLargestTimestamp(): TimeEntry {
    let largest = this.timeIndex.last ?? this.#noTimestamp;
    const scan = this.scan(this.offsetIndex.floorPosition(largest.offset));
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      if (batch.maxTimestampMs > largest.timestampMs) {
        largest = {
          timestampMs: batch.maxTimestampMs,
          offset: batch.lastOffset,
        };
      }
    }
    return largest;
  }
}

/** For indexes that are made again where the topic's configuration is not at hand. */
const REBUILD_CONFIG: SegmentConfig = {
  "index.interval.bytes": 4096,
  "segment.index.bytes": 0,
};
