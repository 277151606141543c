// The sparse index beside each segment: from an offset to a place in its `.log`.
//
// On disk, ascending entries of 8 bytes, big endian, with no header:
//   relativeOffset: int32   the batch's last offset, minus the segment's base
//   position: int32         where the batch starts in the `.log`, in bytes
// An entry is added each `index.interval.bytes`, so a lookup finds where to
// start scanning, not the record itself.
//
// Source: Kafka documentation, "Implementation: Log"; checked against the
// segments that Kafka wrote in testdata/log/.

import { assert } from "../base/assert.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import type { PooledFile } from "./file_pool.ts";
import { SparseIndex } from "./sparse_index.ts";

/** Size of one entry, in bytes. */
export const OFFSET_ENTRY_BYTES = 8;

/** The largest offset minus base offset that an entry can hold. */
export const RELATIVE_OFFSET_MAX = 2 ** 31 - 1;

/** One entry: a batch by its last offset. */
export interface OffsetEntry {
  readonly offset: number;
  readonly position: number;
}

/** The offset index of one segment. */
export class OffsetIndex {
  readonly #entries: SparseIndex;
  readonly #baseOffset: number;

  private constructor(entries: SparseIndex, baseOffset: number) {
    this.#entries = entries;
    this.#baseOffset = baseOffset;
  }

  /** An index without entries; the file is made, or emptied. */
  static create(file: PooledFile, baseOffset: number): OffsetIndex {
    file.create();
    file.truncate(0);
    const entries = new SparseIndex(file, OFFSET_ENTRY_BYTES, 0);
    return new OffsetIndex(entries, baseOffset);
  }

  /** An index without entries; what is in the file goes when it is first written. */
  static inPlaceOf(file: PooledFile, baseOffset: number): OffsetIndex {
    const entries = SparseIndex.inPlaceOf(file, OFFSET_ENTRY_BYTES);
    return new OffsetIndex(entries, baseOffset);
  }

  /**
   * The index of a segment that was closed.
   *
   * @param logSizeBytes Size of the `.log`, which all positions are below.
   * @throws {CorruptFileError} Where the file is torn, or its last entry cannot be.
   */
  static open(
    file: PooledFile,
    baseOffset: number,
    logSizeBytes: number,
  ): OffsetIndex {
    const count = SparseIndex.countIn(file, OFFSET_ENTRY_BYTES);
    const entries = new SparseIndex(file, OFFSET_ENTRY_BYTES, count);
    const index = new OffsetIndex(entries, baseOffset);
    const last = index.last;
    // Preallocated zeroes that a crash left look like an entry at the base.
    const isPossible = last === null ||
      (last.offset >= baseOffset && last.position < logSizeBytes &&
        (last.position > 0 || count === 1) &&
        (last.offset > baseOffset || count === 1));
    if (!isPossible) {
      throw new CorruptFileError(file.path, "its last entry cannot be");
    }
    return index;
  }

  get count(): number {
    return this.#entries.count;
  }

  get last(): OffsetEntry | null {
    return this.count === 0 ? null : this.entry(this.count - 1);
  }

  entry(index: number): OffsetEntry {
    const { view, at } = this.#entries.entry(index);
    return {
      offset: this.#baseOffset + view.getInt32(at),
      position: view.getInt32(at + 4),
    };
  }

  /** @param offset The last offset of the batch at `position`; above all before it. */
  append(offset: number, position: number): void {
    const relative = offset - this.#baseOffset;
    assert(
      relative >= 0 && relative <= RELATIVE_OFFSET_MAX,
      `Offset ${offset} does not fit a segment from ${this.#baseOffset}`,
    );
    const { view, at } = this.#entries.add();
    view.setInt32(at, relative);
    view.setInt32(at + 4, position);
  }

  /**
   * Where to start scanning to meet an offset.
   *
   * @returns The position of the last indexed batch that ends at or before the
   * offset; 0 where no entry does.
   */
  floorPosition(offset: number): number {
    const index = this.#entries.floor(offset - this.#baseOffset, keyOfOffset);
    return index === -1 ? 0 : this.entry(index).position;
  }

  /** An offset that all batches before a position are below; `null` where the index does not reach it. */
  offsetAfterPosition(position: number): number | null {
    const index = this.#entries.floor(position - 1, keyOfPosition) + 1;
    return index >= this.count ? null : this.entry(index).offset;
  }

  isFull(indexSizeMaxBytes: number): boolean {
    return this.count >= Math.floor(indexSizeMaxBytes / OFFSET_ENTRY_BYTES);
  }

  /** Drops the entries of batches that end at or after an offset. */
  truncate(offset: number): void {
    const relative = offset - this.#baseOffset;
    this.#entries.truncate(this.#entries.floor(relative - 1, keyOfOffset) + 1);
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

function keyOfOffset(view: DataView, at: number): number {
  return view.getInt32(at);
}

function keyOfPosition(view: DataView, at: number): number {
  return view.getInt32(at + 4);
}
