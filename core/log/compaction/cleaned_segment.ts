// The segment that a run of the cleaner writes: batches gather in one buffer that
// serves again and again, and go to `.log.cleaned` together.

import { writeBatchHeader } from "../../record/batch_header.ts";
import type { BatchHeaderFields } from "../../record/batch_header.ts";
import { type BatchSummary, summarize } from "../batch_summary.ts";
import { RELATIVE_OFFSET_MAX } from "../offset_index.ts";
import type { Segment, SegmentConfig } from "../segment.ts";

/** The end of a segment that is being made. */
export class CleanedSegment {
  readonly segment: Segment;
  readonly #config: SegmentConfig;
  #buffer: Uint8Array;
  #usedBytes = 0;
  #batches: BatchSummary[] = [];
  #writtenBytes = 0;

  /** @param buffer Used until `flush`. */
  constructor(segment: Segment, config: SegmentConfig, buffer: Uint8Array) {
    this.segment = segment;
    // Its index files are not preallocated: they are whole when it is in the log.
    this.#config = {
      "index.interval.bytes": config["index.interval.bytes"],
      "segment.index.bytes": 0,
    };
    this.#buffer = buffer;
  }

  /** Bytes written to the file so far. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Adds a whole batch, as it is. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const at = this.#reserve(end - start);
    this.#buffer.set(bytes.subarray(start, end), at);
    this.#note(at);
  }

  /** Adds a batch of magic 2 of which `fill` writes what follows the header. */
  build(
    sizeBytes: number,
    fields: BatchHeaderFields,
    fill: (target: Uint8Array) => void,
  ): void {
    const at = this.#reserve(sizeBytes);
    const batch = this.#buffer.subarray(at, at + sizeBytes);
    fill(batch);
    writeBatchHeader(batch, fields);
    this.#note(at);
  }

  /** Writes what has gathered. */
  flush(): void {
    if (this.#usedBytes === 0) return;
    this.segment.append(
      this.#buffer.subarray(0, this.#usedBytes),
      this.#batches,
      this.#config,
    );
    this.#writtenBytes += this.#usedBytes;
    this.#usedBytes = 0;
    this.#batches = [];
  }

  #note(at: number): void {
    const batch = summarize(this.#buffer, at, at, false);
    if (!this.segment.fits(batch.lastOffset)) {
      throw new RangeError(
        `Offset ${batch.lastOffset} does not fit the segment "${this.segment.log.path}"`,
      );
    }
    this.#batches.push(batch);
  }

  /** Room for a batch in the buffer; @returns where. */
  #reserve(sizeBytes: number): number {
    if (this.#usedBytes + sizeBytes > this.#buffer.length) {
      this.flush();
      if (sizeBytes > this.#buffer.length) {
        this.#buffer = new Uint8Array(sizeBytes);
      }
    }
    const at = this.#usedBytes;
    const end = this.segment.sizeBytes + at + sizeBytes;
    // Tombstones get a little longer with their date of removal.
    if (end > RELATIVE_OFFSET_MAX) {
      throw new RangeError(
        `"${this.segment.log.path}" would be longer than ${RELATIVE_OFFSET_MAX} bytes; lower "segment.bytes" of the topic`,
      );
    }
    this.#usedBytes += sizeBytes;
    return at;
  }
}
