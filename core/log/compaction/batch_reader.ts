// Reads the batches of a segment one after another, whole, through one buffer
// that serves again and again: a run of the cleaner reads gigabytes.

import { batchSize } from "../../record/batch_header.ts";
import { BATCH_PREFIX_BYTES, prefixFault } from "../batch_summary.ts";
import { CorruptFileError } from "../corrupt_file_error.ts";
import type { Segment } from "../segment.ts";

/** A walk over whole batches; `bytes` from `start` to `end` is the batch that `next` went to. */
export class BatchReader {
  /** The buffer: valid until the next call of `next`. */
  bytes: Uint8Array;
  start = 0;
  end = 0;
  /** Bytes read from files so far. */
  readBytes = 0;
  readonly #usualBuffer: Uint8Array;
  #segment: Segment | null = null;
  /** Of the batch at `start`, in the file. */
  #position = 0;
  /** Bytes of the file that are in the buffer, from its first byte on. */
  #filledBytes = 0;

  /** @param bufferBytes Read at once; a larger batch gets a larger buffer, until the next segment. */
  constructor(bufferBytes: number) {
    this.bytes = this.#usualBuffer = new Uint8Array(
      Math.max(bufferBytes, BUFFER_BYTES_MIN),
    );
  }

  /** Goes before the batch at a position of a segment. */
  open(segment: Segment, position: number): void {
    this.#segment = segment;
    this.#position = position;
    this.#filledBytes = 0;
    this.bytes = this.#usualBuffer;
    this.start = this.end = 0;
  }

  /**
   * Goes to the next batch.
   *
   * @returns False at the end of the segment.
   * @throws {CorruptFileError} Where the bytes are no batch.
   */
  next(): boolean {
    const segment = this.#segment!;
    this.#position += this.end - this.start;
    this.start = this.end;
    const availableBytes = segment.sizeBytes - this.#position;
    if (availableBytes <= 0) return false;
    this.#require(Math.min(BATCH_PREFIX_BYTES, availableBytes));
    const fault = availableBytes < BATCH_PREFIX_BYTES
      ? `${availableBytes} bytes are no batch`
      : prefixFault(this.bytes, this.start, availableBytes);
    if (fault !== null) throw this.fault(fault);
    const sizeBytes = batchSize(this.bytes, this.start);
    this.#require(sizeBytes);
    this.end = this.start + sizeBytes;
    return true;
  }

  /** An error that names the present batch. */
  fault(reason: string): CorruptFileError {
    return faultIn(this.#segment!, this.#position, reason);
  }

  #require(sizeBytes: number): void {
    if (this.start + sizeBytes <= this.#filledBytes) return;
    const kept = this.#filledBytes - this.start;
    if (sizeBytes > this.bytes.length) {
      const larger = new Uint8Array(sizeBytes);
      larger.set(this.bytes.subarray(this.start, this.#filledBytes));
      this.bytes = larger;
    } else this.bytes.copyWithin(0, this.start, this.#filledBytes);
    this.start = this.end = 0;
    const segment = this.#segment!;
    const from = this.#position + kept;
    const to = Math.min(
      this.#position + this.bytes.length,
      segment.sizeBytes,
    );
    const count = segment.log.readAt(
      this.bytes.subarray(kept, kept + to - from),
      from,
    );
    this.readBytes += count;
    this.#filledBytes = kept + count;
    if (this.#filledBytes < sizeBytes) {
      throw this.fault("the file ends inside of a batch");
    }
  }
}

/** An error that names a place in a segment. */
export function faultIn(
  segment: Segment,
  position: number,
  reason: string,
): CorruptFileError {
  return new CorruptFileError(
    segment.log.path,
    `at position ${position}: ${reason}`,
  );
}

const BUFFER_BYTES_MIN = 4096;
