// Output buffers that connections share: one holds a buffer only while it has
// something to send, and thousands of them are silent at any time.

import { Writer } from "../../wire/writer.ts";

/** How many are kept for later. */
const KEPT_COUNT = 64;
/** One that held more than this is not kept. */
const KEPT_BYTES_MAX = 64 * 1024;

/** See the file's header. */
export class WriterPool {
  readonly #idle: Writer[] = [];

  /** An empty buffer; the caller's own until it gives it back. */
  take(): Writer {
    return this.#idle.pop() ?? new Writer();
  }

  /** Takes back what `take` gave; nobody may touch it any more. */
  give(writer: Writer): void {
    const isKept = this.#idle.length < KEPT_COUNT &&
      writer.position <= KEPT_BYTES_MAX;
    if (!isKept) return;
    writer.position = 0;
    this.#idle.push(writer);
  }
}
