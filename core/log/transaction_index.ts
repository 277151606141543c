// The transactions that were aborted in one segment, for readers that want only
// what was committed. A segment without any has no such file.
//
// On disk, entries of 34 bytes, big endian, in order of lastOffset:
//   version: int16 = 0
//   producerId: int64
//   firstOffset: int64        of the transaction
//   lastOffset: int64         of its abort marker
//   lastStableOffset: int64   first offset undecided after this abort
//
// Source: KIP-98; observed in testdata/log/kafka-data.tar.gz, tx-0.

import { concatBytes } from "../base/bytes.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import type { PooledFile } from "./file_pool.ts";

/** Size of one entry, in bytes. */
export const TRANSACTION_ENTRY_BYTES = 34;
const VERSION = 0;

/** A transaction that a reader of committed records must skip. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

/** Offsets that a fetch covers; `end` exclusive. */
export interface OffsetRange {
  readonly start: number;
  readonly end: number;
}

/** The aborted transactions of one segment, read when first asked for. */
export class TransactionIndex {
  readonly file: PooledFile;
  #entries: AbortedTransaction[] | null = null;
  /** Entries that are in the file; those after them wait for `flush`. */
  #writtenCount = 0;
  #isUnsynced = false;
  /** Whether a write that failed may have left a piece of an entry. */
  #isTorn = false;
  /** Whether the folder may not know its name after a crash. */
  isNew = false;

  constructor(file: PooledFile) {
    this.file = file;
  }

  /** Whether entries were written, or cut off, since the last sync. */
  get isUnsynced(): boolean {
    return this.#isUnsynced;
  }

  /** An index of a segment that has no such file. */
  static without(file: PooledFile): TransactionIndex {
    const index = new TransactionIndex(file);
    index.#entries = [];
    return index;
  }

  /** @throws {CorruptFileError} Where the file makes no sense. */
  get entries(): readonly AbortedTransaction[] {
    return this.#entries ??= this.#read();
  }

  /** Adds an entry; `flush` writes it. */
  append(entry: AbortedTransaction): void {
    (this.#entries ??= this.#read()).push(entry);
  }

  /** Writes the entries that were added. */
  flush(): void {
    if (this.#entries === null) return;
    const waiting = this.#entries.slice(this.#writtenCount);
    if (waiting.length === 0) return;
    this.#isUnsynced = true;
    if (this.#writtenCount === 0) this.isNew = true;
    this.file.create();
    this.#isTorn = true;
    this.file.writeAt(
      concatBytes(waiting.map(encodeAbortedTransaction)),
      this.#writtenCount * TRANSACTION_ENTRY_BYTES,
    );
    this.#isTorn = false;
    this.#writtenCount = this.#entries.length;
  }

  /**
   * Adds to `found` the transactions that concern a range.
   *
   * @returns True where later segments have no more of them.
   */
  collect(range: OffsetRange, found: AbortedTransaction[]): boolean {
    for (const entry of this.entries) {
      if (entry.lastOffset >= range.start && entry.firstOffset < range.end) {
        found.push(entry);
      }
      if (entry.lastStableOffset >= range.end) return true;
    }
    return false;
  }

  /** Drops the transactions that ended at or after an offset. */
  truncate(offset: number): void {
    const entries = this.entries;
    const kept = entries.filter((entry) => entry.lastOffset < offset);
    if (kept.length === entries.length) return;
    const writtenCount = Math.min(kept.length, this.#writtenCount);
    if (writtenCount < this.#writtenCount || this.#isTorn) {
      this.#isUnsynced = true;
      this.file.truncate(writtenCount * TRANSACTION_ENTRY_BYTES);
      this.#writtenCount = writtenCount;
      this.#isTorn = false;
    }
    this.#entries = kept;
  }

  /** Empties the index, whatever was in it. */
  reset(): void {
    const isEmpty = this.#entries?.length === 0 && this.#writtenCount === 0;
    if (!isEmpty) this.file.remove();
    this.#entries = [];
    this.#writtenCount = 0;
    this.#isTorn = false;
    this.#isUnsynced = false;
  }

  /** Makes what was flushed survive a crash; the file's name needs a sync of the folder. */
  async sync(): Promise<void> {
    if (!this.#isUnsynced) return;
    this.#isUnsynced = false;
    try {
      await this.file.sync();
    } catch (error) {
      this.#isUnsynced = true;
      throw error;
    }
  }

  #read(): AbortedTransaction[] {
    const sizeBytes = this.file.size();
    if (sizeBytes === 0) return [];
    const bytes = new Uint8Array(sizeBytes);
    const count = this.file.readAt(bytes, 0);
    const entries = decodeTransactionIndex(
      this.file.path,
      bytes.subarray(0, count),
    );
    this.#writtenCount = entries.length;
    return entries;
  }
}

export function encodeAbortedTransaction(
  entry: AbortedTransaction,
): Uint8Array {
  const bytes = new Uint8Array(TRANSACTION_ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, VERSION);
  view.setBigInt64(2, BigInt(entry.producerId));
  view.setBigInt64(10, BigInt(entry.firstOffset));
  view.setBigInt64(18, BigInt(entry.lastOffset));
  view.setBigInt64(26, BigInt(entry.lastStableOffset));
  return bytes;
}

/** @throws {CorruptFileError} Where an entry is torn, of another version, or out of order. */
export function decodeTransactionIndex(
  path: string,
  bytes: Uint8Array,
): AbortedTransaction[] {
  if (bytes.length % TRANSACTION_ENTRY_BYTES !== 0) {
    throw new CorruptFileError(
      path,
      `has ${bytes.length} bytes, need a multiple of ${TRANSACTION_ENTRY_BYTES}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: AbortedTransaction[] = [];
  let lastOffset = -1;
  for (let at = 0; at < bytes.length; at += TRANSACTION_ENTRY_BYTES) {
    const entry = {
      producerId: Number(view.getBigInt64(at + 2)),
      firstOffset: Number(view.getBigInt64(at + 10)),
      lastOffset: Number(view.getBigInt64(at + 18)),
      lastStableOffset: Number(view.getBigInt64(at + 26)),
    };
    const isPossible = view.getInt16(at) === VERSION &&
      entry.lastOffset > lastOffset && entry.firstOffset <= entry.lastOffset;
    if (!isPossible) {
      throw new CorruptFileError(path, `bad entry at position ${at}`);
    }
    lastOffset = entry.lastOffset;
    entries.push(entry);
  }
  return entries;
}
