// Walks the batches of a `.log` file, by their headers or by their whole bytes.

import { batchMagic } from "../record/batch_header.ts";
import {
  BATCH_PREFIX_BYTES,
  type BatchSummary,
  checksumIsValid,
  prefixFault,
  summarize,
  summaryBytes,
} from "./batch_summary.ts";

/** What a scan reads from. */
export interface ReadableFile {
  /** @returns Bytes read; less than asked only at the end of the file. */
  readAt(target: Uint8Array, position: number): number;
}

/** Where the bytes stop making batches. */
export interface ScanFault {
  readonly position: number;
  readonly reason: string;
}

/** Damaged bytes between batches that are whole. */
export interface CorruptRange {
  /** Position of the first damaged batch. */
  readonly start: number;
  /** Position where batches go on; the size of the file where they do not. */
  readonly end: number;
  /** The first offset that is lost. */
  readonly startOffset: number;
  /** The offset where records go on. */
  readonly endOffset: number;
}

/** Where to scan, and how. */
export interface ScanOptions {
  /** Position of a batch's first byte. */
  readonly from: number;
  /** Position where the scan ends; a batch across it is a fault. */
  readonly to: number;
  /** Bytes read at once; a walk by headers needs few. */
  readonly chunkBytes: number;
  /** Ranges to step over. */
  readonly leftOut?: readonly CorruptRange[];
  /**
   * Reads everything into the same memory, each byte once: views that the scan
   * gave are good until its next call only.
   */
  readonly reusesMemory?: boolean;
  /** Reads of a large batch the header only, and small ones many at once. */
  readonly skipsBodies?: boolean;
}

/** Chunk for a walk that wants a few headers. */
export const HEADER_CHUNK_BYTES = 4096;
/** Chunk for a walk over whole batches. */
export const WHOLE_CHUNK_BYTES = 512 * 1024;

/** A batch from this size on is skipped by a read of its own: that costs as much as to copy so much. */
const SKIPPED_MIN_BYTES = 16 * 1024;

/** A walk over the batches of a file, one `next` at a time. */
export class BatchScan {
  readonly #file: ReadableFile;
  readonly #to: number;
  readonly #chunkBytes: number;
  readonly #leftOut: readonly CorruptRange[];
  readonly #reusesMemory: boolean;
  readonly #skipsBodies: boolean;
  /** Size of the batch that was read last. */
  #lastSizeBytes = SKIPPED_MIN_BYTES;
  /** Holds the window, where it is used again. */
  #memory: Uint8Array = EMPTY;
  #position: number;
  #nextPosition: number;
  #window: Uint8Array = EMPTY;
  /** The file's position of the window's first byte. */
  #windowStart = 0;
  #fault: ScanFault | null = null;

  constructor(file: ReadableFile, options: ScanOptions) {
    this.#file = file;
    this.#position = options.from;
    this.#nextPosition = options.from;
    this.#to = options.to;
    this.#chunkBytes = options.chunkBytes;
    this.#leftOut = options.leftOut ?? [];
    this.#reusesMemory = options.reusesMemory ?? false;
    this.#skipsBodies = options.skipsBodies ?? false;
  }

  /** Why `next` gave `null`; `null` where the end was reached. */
  get fault(): ScanFault | null {
    return this.#fault;
  }

  /** Where the next batch starts. */
  get position(): number {
    return this.#nextPosition;
  }

  /** Goes on at another place, as after a batch that is to be left out. */
  skipTo(position: number): void {
    this.#nextPosition = position;
    this.#fault = null;
  }

  /**
   * The next batch, by its header; `null` at the end, or at a fault.
   * Markers in control batches are read with `whole` only.
   */
  next(whole = false): BatchSummary | null {
    for (const range of this.#leftOut) {
      if (range.start === this.#nextPosition) this.#nextPosition = range.end;
    }
    const position = this.#position = this.#nextPosition;
    const availableBytes = this.#to - position;
    if (availableBytes <= 0 || this.#fault !== null) return null;
    if (availableBytes < BATCH_PREFIX_BYTES) {
      return this.#fail(`${availableBytes} bytes are no batch`);
    }
    let at = this.#require(position, BATCH_PREFIX_BYTES);
    if (at < 0) return this.#fail("the file ends inside of a batch");
    const fault = prefixFault(this.#window, at, availableBytes);
    if (fault !== null) return this.#fail(fault);
    const magic = batchMagic(this.#window, at);
    at = this.#require(position, summaryBytes(magic));
    if (at < 0) return this.#fail("the file ends inside of a batch");
    const brief = summarize(this.#window, at, position, false);
    this.#nextPosition = position + brief.sizeBytes;
    this.#lastSizeBytes = brief.sizeBytes;
    if (!whole || !brief.isControl) return brief;
    at = this.#require(position, brief.sizeBytes);
    if (at < 0) return this.#fail("the file ends inside of a batch");
    // A broken control record is the checksum's to find; here it says nothing.
    if (!checksumIsValid(this.#window, at)) return brief;
    return summarize(this.#window, at, position, true);
  }

  /**
   * All bytes of the batch that `next` gave last, as a view until the next call;
   * `null` where the file ends inside of it.
   */
  bytes(batch: BatchSummary): Uint8Array | null {
    const at = this.#require(batch.position, batch.sizeBytes);
    return at < 0 ? null : this.#window.subarray(at, at + batch.sizeBytes);
  }

  #fail(reason: string): null {
    this.#fault = { position: this.#position, reason };
    this.#nextPosition = this.#position;
    return null;
  }

  /** Has bytes in the window; @returns where, -1 where the file ends before. */
  #require(position: number, sizeBytes: number): number {
    const at = position - this.#windowStart;
    if (at >= 0 && at + sizeBytes <= this.#window.length) return at;
    const isSkipping = this.#skipsBodies &&
      this.#lastSizeBytes >= SKIPPED_MIN_BYTES;
    const chunkBytes = isSkipping ? HEADER_CHUNK_BYTES : this.#chunkBytes;
    const wanted = Math.min(
      Math.max(sizeBytes, chunkBytes),
      this.#to - position,
    );
    const kept = this.#reusesMemory ? this.#keep(at, wanted) : EMPTY;
    // Fresh memory, else: views of what was before may still be in use.
    const memory = this.#reusesMemory ? this.#memory : new Uint8Array(wanted);
    const count = kept.length + this.#file.readAt(
      memory.subarray(kept.length, wanted),
      position + kept.length,
    );
    this.#window = memory.subarray(0, count);
    this.#windowStart = position;
    return count < sizeBytes ? -1 : 0;
  }

  /** Moves what the window has from a place on to the front of the memory, which has room for `wanted` bytes then. */
  #keep(at: number, wanted: number): Uint8Array {
    const kept = at >= 0 && at < this.#window.length
      ? this.#window.subarray(at)
      : EMPTY;
    if (this.#memory.length < wanted) this.#memory = new Uint8Array(wanted);
    this.#memory.set(kept);
    return kept;
  }
}

const EMPTY = new Uint8Array(0);
