// What the offset index and the time index of a segment share: a file of
// entries of one size, ascending, to which the log adds one now and then.
//
// New entries gather in a small buffer and go to the file together, so that most
// appends cost no write here; older ones are read from the file where a search
// needs them. So an index costs a few hundred bytes of memory, however long its
// file. While its segment is active the file, once it has entries, is
// preallocated (sparse, zeroes at its end), and cut to its entries when the
// segment is closed: what a crash leaves behind is told by its size, and made
// again from the log.

import { assert } from "../base/assert.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import type { PooledFile } from "./file_pool.ts";

/** Entries that gather before they are written. */
const PENDING_MAX = 64;
/** The last steps of a search are done on this many entries in memory. */
const BLOCK_ENTRIES = 256;

const block = new DataView(new ArrayBuffer(BLOCK_ENTRIES * 16));
const blockBytes = new Uint8Array(block.buffer);

/** Where an entry is, in memory: valid until the next call. */
export interface EntryView {
  readonly view: DataView;
  readonly at: number;
}

/** Ascending entries of one size, in a file. */
export class SparseIndex {
  readonly file: PooledFile;
  readonly #entryBytes: number;
  #count: number;
  /** Entries below are in the file, the rest in `#pending`. */
  #writtenCount: number;
  #pending: DataView | null = null;
  /** Where the last search in the file ended: a reader's next one ends near it. */
  #lastFound = 0;
  /** Size that the file gets with its first write, 0 for no more than its entries. */
  #preallocatedBytes = 0;
  /** Whether the file has that size. */
  #isGrown = false;
  /** Whether what is in the file, if there is one, is none of these entries. */
  #isStale = false;
  /** Whether a call may have failed half-way, so that the file may be longer. */
  #isSizeInDoubt = false;

  /** @param count Entries that the file holds. */
  constructor(file: PooledFile, entryBytes: number, count: number) {
    this.file = file;
    this.#entryBytes = entryBytes;
    this.#count = count;
    this.#writtenCount = count;
  }

  /** An index without entries; the file is made, or emptied, before it is first written. */
  static inPlaceOf(file: PooledFile, entryBytes: number): SparseIndex {
    const index = new SparseIndex(file, entryBytes, 0);
    index.#isStale = true;
    return index;
  }

  /**
   * Entries in a closed segment's file, judged by its size.
   *
   * @throws {CorruptFileError} Where an entry is torn.
   */
  static countIn(file: PooledFile, entryBytes: number): number {
    const sizeBytes = file.size();
    if (sizeBytes % entryBytes !== 0) {
      throw new CorruptFileError(
        file.path,
        `has ${sizeBytes} bytes, need a multiple of ${entryBytes}`,
      );
    }
    return sizeBytes / entryBytes;
  }

  get count(): number {
    return this.#count;
  }

  /** Room for one more entry at the end; the caller writes it at once. */
  add(): EntryView {
    if (this.#count - this.#writtenCount === PENDING_MAX) this.flush();
    this.#pending ??= new DataView(
      new ArrayBuffer(PENDING_MAX * this.#entryBytes),
    );
    const at = (this.#count - this.#writtenCount) * this.#entryBytes;
    this.#count++;
    return { view: this.#pending, at };
  }

  /** The entry at a place; valid until the next call. */
  entry(index: number): EntryView {
    assert(index >= 0 && index < this.#count, `No index entry ${index}`);
    if (index >= this.#writtenCount) {
      const at = (index - this.#writtenCount) * this.#entryBytes;
      return { view: this.#pending!, at };
    }
    this.#read(index, 1);
    return { view: block, at: 0 };
  }

  /**
   * Finds the last entry whose key is at or below a target.
   *
   * @param key Reads the key of an entry; keys ascend.
   * @returns Its place, -1 where all keys are above.
   */
  floor(target: number, key: (view: DataView, at: number) => number): number {
    const size = this.#entryBytes;
    let low = 0;
    let high = this.#count;
    const pending = this.#pending;
    if (
      pending !== null && this.#count > this.#writtenCount &&
      key(pending, 0) <= target
    ) low = this.#writtenCount + 1;
    else high = Math.min(high, this.#writtenCount);
    // Invariant: entries before `low` are at or below the target, those from
    // `high` on above it; between them all are pending, or all in the file.
    if (low > this.#writtenCount) {
      while (low < high) {
        const middle = (low + high) >>> 1;
        const at = (middle - this.#writtenCount) * size;
        if (key(pending!, at) <= target) low = middle + 1;
        else high = middle;
      }
      return low - 1;
    }
    if (high - low > BLOCK_ENTRIES) {
      const first = Math.min(this.#lastFound, high - BLOCK_ENTRIES);
      this.#read(first, BLOCK_ENTRIES);
      const last = first + BLOCK_ENTRIES - 1;
      const isInside = key(block, 0) <= target &&
        target < key(block, (last - first) * size);
      if (isInside) return this.#floorInBlock(first, last, target, key);
    }
    while (high - low > BLOCK_ENTRIES) {
      const middle = (low + high) >>> 1;
      this.#read(middle, 1);
      if (key(block, 0) <= target) low = middle + 1;
      else high = middle;
    }
    if (low === high) return low - 1;
    this.#read(low, high - low);
    return this.#floorInBlock(low, high, target, key);
  }

  /** The rest of a search, between entries that `block` holds from `first` on. */
  #floorInBlock(
    first: number,
    end: number,
    target: number,
    key: (view: DataView, at: number) => number,
  ): number {
    let low = first;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = (middle - first) * this.#entryBytes;
      if (key(block, at) <= target) low = middle + 1;
      else high = middle;
    }
    this.#lastFound = Math.max(0, low - 1);
    return low - 1;
  }

  /** Drops the entries from a place on. */
  truncate(count: number): void {
    if (count >= this.#count) return;
    this.#lastFound = 0;
    if (count < this.#writtenCount) {
      // Preallocated zeroes must follow the last entry, not old entries.
      this.file.truncate(count * this.#entryBytes);
      if (this.#isGrown) this.file.truncate(this.#preallocatedBytes);
      this.#writtenCount = count;
    }
    this.#count = count;
  }

  /** Writes the gathered entries to the file. */
  flush(): void {
    const count = this.#count - this.#writtenCount;
    if (count === 0) return;
    this.#clearFile();
    if (this.#preallocatedBytes > 0 && !this.#isGrown) {
      this.#isGrown = true;
      this.file.truncate(this.#preallocatedBytes);
    }
    const wasInDoubt = this.#isSizeInDoubt;
    this.#isSizeInDoubt = true;
    const bytes = new Uint8Array(
      this.#pending!.buffer,
      0,
      count * this.#entryBytes,
    );
    this.file.writeAt(bytes, this.#writtenCount * this.#entryBytes);
    this.#writtenCount = this.#count;
    this.#isSizeInDoubt = wasInDoubt;
  }

  /** Has the file grown with zeroes, as an active segment's is, when it is first written; 0 leaves it as it is. */
  preallocate(sizeBytes: number): void {
    if (sizeBytes === 0) return;
    const whole = Math.max(
      sizeBytes - sizeBytes % this.#entryBytes,
      this.#count * this.#entryBytes,
    );
    if (this.#preallocatedBytes >= whole) return;
    this.#preallocatedBytes = whole;
    this.#isGrown = false;
  }

  get isPreallocated(): boolean {
    return this.#preallocatedBytes > 0;
  }

  /** Writes what is gathered and cuts the file to its entries. */
  trim(): void {
    if (this.#isStale && this.#count > 0) {
      // Written over: file systems flush a file at once that was emptied first.
      this.file.create();
      this.#isStale = false;
      this.#isSizeInDoubt = true;
    }
    this.#clearFile();
    this.#isSizeInDoubt ||= this.#isGrown;
    this.#preallocatedBytes = 0;
    this.#isGrown = false;
    this.flush();
    if (this.#isSizeInDoubt) {
      this.file.truncate(this.#count * this.#entryBytes);
      this.#isSizeInDoubt = false;
    }
    this.#pending = null;
  }

  #clearFile(): void {
    if (!this.#isStale) return;
    this.file.create();
    this.file.truncate(0);
    this.#isStale = false;
  }

  #read(index: number, count: number): void {
    const size = this.#entryBytes;
    const target = blockBytes.subarray(0, count * size);
    const read = this.file.readAt(target, index * size);
    if (read !== target.length) {
      throw new CorruptFileError(
        this.file.path,
        `ends inside of entry ${index + Math.floor(read / size)}`,
      );
    }
  }
}
