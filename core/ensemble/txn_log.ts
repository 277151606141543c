// The transaction log's files, `log.<zxid of the first entry in hex>`.
//
//   FileHeader: int "ZKLG", int version 2, long dbid
//   then entries: long Adler-32 of the payload, int size, payload, byte 0x42
//   then zeroes to the end: the file grows in steps, ahead of what is written
//
// An entry that does not check ends the log. That is a torn write where nothing
// was acknowledged behind it; `recovery.ts` decides whether it can be one.
//
// Source: ZooKeeper 3.8; checked against testdata/quorum/.

import { adler32 } from "../base/adler32.ts";
import { KIB, MIB } from "../base/units.ts";
import type { Disk, File } from "../host/host.ts";
import { DecodeError } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { decodeTxn, encodeTxn, type LoggedTxn } from "./txn.ts";

const MAGIC = 0x5a4b4c47;
const VERSION = 2;
const HEADER_BYTES = 16;
/** Checksum and size before a payload, the mark after it. */
const ENTRY_FRAME_BYTES = 13;
const ENTRY_END = 0x42;
/** How far a file is grown ahead, sparse; ZooKeeper takes 64 MiB. */
const GROWTH_BYTES = 256 * KIB;
/** The largest payload believed: ZooKeeper's request limit with room for a multi's frame. */
export const ENTRY_BYTES_MAX = 64 * MIB;

/** The zxid in a file's name, or null where the name is another kind's. */
export function zxidOfName(name: string, prefix: string): bigint | null {
  const match = /^([a-z]+)\.([0-9a-f]{1,16})$/.exec(name);
  if (match === null || match[1] !== prefix) return null;
  return BigInt.asIntN(64, BigInt(`0x${match[2]}`));
}

/** A file's name for a zxid. */
export function nameOfZxid(prefix: string, zxid: bigint): string {
  return `${prefix}.${BigInt.asUintN(64, zxid).toString(16)}`;
}

/** The bytes of a transaction: what an entry frames, and what servers send each other. */
export function encodePayload(logged: LoggedTxn): Uint8Array {
  // Put together where there is room: what is kept is no larger than it must be.
  payload.position = 0;
  encodeTxn(payload, logged);
  return payload.written().slice();
}

/** Shared by all: a payload is copied out before the next is made. */
const payload = new Writer();

/** Adds an entry as the file has it. */
export function encodeEntry(writer: Writer, bytes: Uint8Array): void {
  writer.reserve(bytes.length + ENTRY_FRAME_BYTES);
  writer.int64(adler32(bytes));
  writer.int32(bytes.length);
  writer.raw(bytes);
  writer.int8(ENTRY_END);
}

/** What a log file holds. */
export interface LogContents {
  readonly entries: readonly LoggedTxn[];
  /** Position after the last good entry. */
  readonly endPosition: number;
  /** `damaged`: what follows the last good entry is neither the end nor zeroes. */
  readonly tail: "clean" | "damaged";
  /** Where a good entry begins beyond the damage, or null: evidence that it is no torn tail. */
  readonly resumesAt: number | null;
}

/**
 * Reads a whole log file; buffers of an entry are views of its own copy.
 *
 * A file shorter than its header is empty with a damaged tail.
 */
export function readLog(bytes: Uint8Array): LogContents {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: LoggedTxn[] = [];
  if (!hasHeader(view)) {
    const tail = isZero(bytes, 0) ? "clean" : "damaged";
    return { entries, endPosition: 0, tail, resumesAt: null };
  }
  let position = HEADER_BYTES;
  for (;;) {
    const entry = entryAt(bytes, view, position);
    if (entry === null) break;
    entries.push(entry.logged);
    position = entry.endPosition;
  }
  if (isZero(bytes, position)) {
    return { entries, endPosition: position, tail: "clean", resumesAt: null };
  }
  const resumesAt = findEntry(bytes, view, position + 1);
  return { entries, endPosition: position, tail: "damaged", resumesAt };
}

/** Position after the last entry of a log file that is not after a transaction. */
export function logEndAfter(bytes: Uint8Array, zxid: bigint): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = hasHeader(view) ? HEADER_BYTES : 0;
  while (position > 0) {
    const entry = entryAt(bytes, view, position);
    if (entry === null || entry.logged.context.zxid > zxid) break;
    position = entry.endPosition;
  }
  return position;
}

/** Whether only padding follows; a file of ZooKeeper's may have 64 MiB of it. */
function isZero(bytes: Uint8Array, position: number): boolean {
  let at = position;
  while (at < bytes.length && bytes[at] === 0) at++;
  return at >= bytes.length;
}

function hasHeader(view: DataView): boolean {
  return view.byteLength >= HEADER_BYTES && view.getInt32(0) === MAGIC &&
    view.getInt32(4) === VERSION;
}

function entryAt(
  bytes: Uint8Array,
  view: DataView,
  position: number,
): { logged: LoggedTxn; endPosition: number } | null {
  if (position + ENTRY_FRAME_BYTES > bytes.length) return null;
  const size = view.getInt32(position + 8);
  if (size <= 0 || size > ENTRY_BYTES_MAX) return null;
  const endPosition = position + ENTRY_FRAME_BYTES + size;
  if (endPosition > bytes.length || bytes[endPosition - 1] !== ENTRY_END) {
    return null;
  }
  if (view.getInt32(position) !== 0) return null;
  const payload = bytes.subarray(position + 12, endPosition - 1);
  if (adler32(payload) !== view.getUint32(position + 4)) return null;
  try {
    return { logged: decodeTxn(payload.slice()), endPosition };
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

function findEntry(
  bytes: Uint8Array,
  view: DataView,
  from: number,
): number | null {
  for (let at = from; at + ENTRY_FRAME_BYTES <= bytes.length; at++) {
    if (entryAt(bytes, view, at) !== null) return at;
  }
  return null;
}

/** A log file that is written to. */
export class TxnLogFile {
  readonly #file: File;
  #position: number;
  #sizeBytes: number;

  private constructor(file: File, position: number) {
    this.#file = file;
    this.#position = position;
    this.#sizeBytes = file.size();
  }

  /** Makes a file for entries from a zxid on; its name is durable when this resolves. */
  static async create(
    disk: Disk,
    directory: string,
    zxid: bigint,
  ): Promise<TxnLogFile> {
    const path = `${directory}/${nameOfZxid("log", zxid)}`;
    const log = new TxnLogFile(disk.open(path, "create"), 0);
    log.#file.truncate(0);
    const header = new Writer();
    header.int32(MAGIC);
    header.int32(VERSION);
    header.bigInt64(0n);
    log.append(header.written());
    await disk.syncDirectory(directory);
    return log;
  }

  /**
   * Goes on with a file where its last good entry ends; a torn tail is cut off.
   * What a killed process has left is in the page cache only: it is durable when
   * this resolves.
   */
  static async resume(
    disk: Disk,
    path: string,
    { endPosition, isTorn }: { endPosition: number; isTorn: boolean },
  ): Promise<TxnLogFile> {
    const log = new TxnLogFile(disk.open(path, "write"), endPosition);
    if (isTorn) {
      log.#file.truncate(endPosition);
      log.#sizeBytes = endPosition;
    }
    // What was cut must not come back behind what is written next, either.
    await log.#file.sync();
    return log;
  }

  get path(): string {
    return this.#file.path;
  }

  /** Bytes written so far, padding left out. */
  get position(): number {
    return this.#position;
  }

  /** Adds encoded entries; they are durable after the next `sync`. */
  append(entries: Uint8Array): void {
    const end = this.#position + entries.length;
    if (end > this.#sizeBytes) {
      this.#sizeBytes = Math.ceil((end + 1) / GROWTH_BYTES) * GROWTH_BYTES;
      this.#file.truncate(this.#sizeBytes);
    }
    this.#file.writeAt(entries, this.#position);
    this.#position = end;
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }
}
