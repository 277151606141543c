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

  constructor(file: PooledFile) {
    this.file = file;
  }

  /** @throws {CorruptFileError} Where the file makes no sense. */
  get entries(): readonly AbortedTransaction[] {
    return this.#entries ??= this.#read();
  }

  append(entry: AbortedTransaction): void {
    const entries = this.#entries ??= this.#read();
    const bytes = encodeAbortedTransaction(entry);
    this.file.create();
    this.file.writeAt(bytes, entries.length * TRANSACTION_ENTRY_BYTES);
    entries.push(entry);
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
    this.file.truncate(kept.length * TRANSACTION_ENTRY_BYTES);
    this.#entries = kept;
  }

  /** Empties the index, whatever was in it. */
  reset(): void {
    this.file.remove();
    this.#entries = [];
  }

  #read(): AbortedTransaction[] {
    const sizeBytes = this.file.size();
    if (sizeBytes === 0) return [];
    const bytes = new Uint8Array(sizeBytes);
    const count = this.file.readAt(bytes, 0);
    return decodeTransactionIndex(this.file.path, bytes.subarray(0, count));
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
