// The growing output of a decompressor: it never holds more than the caller's
// limit, and grows with what was really inflated, never from a declared size.

import { tooLarge } from "./compress_error.ts";

const START_BYTES = 16 * 1024;

/** Bytes inflated so far; `bytes` may be replaced by `reserve`. */
export class OutputBuffer {
  bytes: Uint8Array<ArrayBuffer>;
  /** Bytes in use, from the start. */
  sizeBytes = 0;
  readonly #codec: string;
  readonly #maxBytes: number;

  /** @param expectedBytes Only a guess, for the first allocation. */
  constructor(codec: string, maxBytes: number, expectedBytes: number) {
    this.#codec = codec;
    this.#maxBytes = maxBytes;
    this.bytes = new Uint8Array(
      Math.min(maxBytes, Math.max(START_BYTES, expectedBytes)),
    );
  }

  /**
   * Makes room for `count` more bytes.
   *
   * @throws {CompressError} `tooLarge` where they would pass the limit.
   */
  reserve(count: number): void {
    const needed = this.sizeBytes + count;
    if (needed <= this.bytes.length) return;
    if (needed > this.#maxBytes) throw tooLarge(this.#codec, this.#maxBytes);
    const grown = new Uint8Array(
      Math.min(this.#maxBytes, Math.max(needed, this.bytes.length * 2)),
    );
    grown.set(this.bytes.subarray(0, this.sizeBytes));
    this.bytes = grown;
  }

  /** Adds bytes; there need be no room yet. */
  append(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.sizeBytes);
    this.sizeBytes += source.length;
  }

  /** What was inflated; a view. */
  result(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.sizeBytes);
  }
}
