// The sparse index from a timestamp to an offset, beside each segment.
//
// On disk, entries of 12 bytes, big endian, with no header:
//   timestamp: int64       the largest timestamp of the segment so far
//   relativeOffset: int32  last offset of the batch that brought it, minus base
// Timestamps rise strictly. An entry may be added with each one of the offset
// index; the last one, added when the segment is closed, is the segment's
// largest timestamp.
//
// Source: KIP-33; checked against the segments that Kafka wrote in testdata/log/.

import { CorruptFileError } from "./corrupt_file_error.ts";
import type { PooledFile } from "./file_pool.ts";
import { SparseIndex } from "./sparse_index.ts";

/** Size of one entry, in bytes. */
export const TIME_ENTRY_BYTES = 12;

/** Stands for no timestamp. */
export const NO_TIMESTAMP = -1;

/** A timestamp, and the last offset of the first batch that reached it. */
export interface TimeEntry {
  readonly timestampMs: number;
  readonly offset: number;
}

/** The time index of one segment. */
export class TimeIndex {
  readonly #entries: SparseIndex;
  readonly #baseOffset: number;

  private constructor(entries: SparseIndex, baseOffset: number) {
    this.#entries = entries;
    this.#baseOffset = baseOffset;
  }

  /** An index without entries; the file is made, or emptied. */
  static create(file: PooledFile, baseOffset: number): TimeIndex {
    file.create();
    file.truncate(0);
    const entries = new SparseIndex(file, TIME_ENTRY_BYTES, 0);
    return new TimeIndex(entries, baseOffset);
  }

  /** An index without entries; what is in the file goes when it is first written. */
  static inPlaceOf(file: PooledFile, baseOffset: number): TimeIndex {
    const entries = SparseIndex.inPlaceOf(file, TIME_ENTRY_BYTES);
    return new TimeIndex(entries, baseOffset);
  }

  /**
   * The index of a segment that was closed.
   *
   * @throws {CorruptFileError} Where the file is torn, or its last entry cannot be.
   */
  static open(file: PooledFile, baseOffset: number): TimeIndex {
    const count = SparseIndex.countIn(file, TIME_ENTRY_BYTES);
    const entries = new SparseIndex(file, TIME_ENTRY_BYTES, count);
    const index = new TimeIndex(entries, baseOffset);
    const last = index.last;
    if (last === null) return index;
    const first = index.entry(0);
    const isPossible = last.offset >= first.offset &&
      (count === 1 || last.timestampMs > first.timestampMs);
    if (!isPossible || last.offset < baseOffset) {
      throw new CorruptFileError(file.path, "its last entry cannot be");
    }
    return index;
  }

  get count(): number {
    return this.#entries.count;
  }

  get last(): TimeEntry | null {
    return this.count === 0 ? null : this.entry(this.count - 1);
  }

  entry(index: number): TimeEntry {
    const { view, at } = this.#entries.entry(index);
    return {
      timestampMs: readTimestamp(view, at),
      offset: this.#baseOffset + view.getInt32(at + 8),
    };
  }

  /** Adds an entry where its timestamp is above the last one's. */
  maybeAppend(timestampMs: number, offset: number): void {
    const last = this.last;
    if (timestampMs <= (last?.timestampMs ?? NO_TIMESTAMP)) return;
    const { view, at } = this.#entries.add();
    view.setInt32(at, Math.floor(timestampMs / 2 ** 32));
    view.setUint32(at + 4, timestampMs % 2 ** 32);
    view.setInt32(at + 8, offset - this.#baseOffset);
  }

  /** The last entry at or below a timestamp; `null` where all are above. */
  floor(timestampMs: number): TimeEntry | null {
    const index = this.#entries.floor(timestampMs, readTimestamp);
    return index === -1 ? null : this.entry(index);
  }

  /** One place is kept for the entry of the closing segment. */
  isFull(indexSizeMaxBytes: number): boolean {
    return this.count >= Math.floor(indexSizeMaxBytes / TIME_ENTRY_BYTES) - 1;
  }

  /** Drops the entries of batches that end at or after an offset. */
  truncate(offset: number): void {
    const relative = offset - this.#baseOffset;
    this.#entries.truncate(
      this.#entries.floor(relative - 1, readRelativeOffset) + 1,
    );
  }

  flush(): void {
    this.#entries.flush();
  }

  preallocate(sizeBytes: number): void {
    this.#entries.preallocate(sizeBytes);
  }

  get isPreallocated(): boolean {
    return this.#entries.isPreallocated;
  }

  trim(): void {
    this.#entries.trim();
  }
}

function readTimestamp(view: DataView, at: number): number {
  return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
}

function readRelativeOffset(view: DataView, at: number): number {
  return view.getInt32(at + 8);
}
