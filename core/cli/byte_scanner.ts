// Bytes of a stream, taken until a mark or by count.

import { NO_BYTES } from "../base/bytes.ts";

/** Gives the next bytes of a stream; `null` at its end. */
export type ReadChunk = () => Promise<Uint8Array | null>;

/** Reads a stream piece by piece; what it gives belongs to the caller. */
export class ByteScanner {
  readonly #read: ReadChunk;
  /** What is left stands from `#position` to `#end`; behind it is room. */
  #buffer: Uint8Array = NO_BYTES;
  #position = 0;
  #end = 0;
  #isEnded = false;

  constructor(read: ReadChunk) {
    this.#read = read;
  }

  /** True where no byte is left. */
  async atEnd(): Promise<boolean> {
    return this.#size() === 0 && !await this.#fill();
  }

  /**
   * Takes the bytes before a mark of one byte, and the mark, where both are here
   * already; `null` where the stream has to be read.
   */
  untilBuffered(mark: number): Uint8Array | null {
    const at = this.#buffer.indexOf(mark, this.#position);
    if (at === -1 || at >= this.#end) return null;
    const bytes = this.#take(at - this.#position);
    this.#position++;
    return bytes;
  }

  /**
   * Takes the bytes before a mark, and the mark.
   *
   * @returns The bytes; `found` is false where the stream ended without it.
   */
  async until(
    mark: Uint8Array,
  ): Promise<{ bytes: Uint8Array; found: boolean }> {
    let searched = 0;
    for (;;) {
      const at = indexOf(
        this.#buffer.subarray(0, this.#end),
        mark,
        this.#position + Math.max(0, searched - mark.length + 1),
      );
      if (at !== -1) {
        const bytes = this.#take(at - this.#position);
        this.#position += mark.length;
        return { bytes, found: true };
      }
      searched = this.#size();
      if (!await this.#fill()) {
        return { bytes: this.#take(this.#size()), found: false };
      }
    }
  }

  /** Takes `count` bytes; fewer only where the stream ends. */
  async exactly(count: number): Promise<Uint8Array> {
    while (this.#size() < count && await this.#fill());
    return this.#take(Math.min(count, this.#size()));
  }

  /** Takes all that is left. */
  async rest(): Promise<Uint8Array> {
    while (await this.#fill());
    return this.#take(this.#size());
  }

  /** The next byte, which stays; `null` at the end. */
  async peek(): Promise<number | null> {
    if (await this.atEnd()) return null;
    return this.#buffer[this.#position];
  }

  /** Takes bytes as long as `goesOn` says so of each. */
  async while(goesOn: (byte: number) => boolean): Promise<Uint8Array> {
    let count = 0;
    for (;;) {
      while (count < this.#size()) {
        if (!goesOn(this.#buffer[this.#position + count])) {
          return this.#take(count);
        }
        count++;
      }
      if (!await this.#fill()) return this.#take(count);
    }
  }

  #size(): number {
    return this.#end - this.#position;
  }

  #take(count: number): Uint8Array {
    const bytes = this.#buffer.slice(this.#position, this.#position + count);
    this.#position += count;
    return bytes;
  }

  async #fill(): Promise<boolean> {
    if (this.#isEnded) return false;
    let chunk = await this.#read();
    while (chunk !== null && chunk.length === 0) chunk = await this.#read();
    if (chunk === null) {
      this.#isEnded = true;
      return false;
    }
    this.#makeRoom(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
    return true;
  }

  // Doubling keeps the cost of a large piece in proportion to its size.
  #makeRoom(sizeBytes: number): void {
    const leftBytes = this.#size();
    if (this.#end + sizeBytes <= this.#buffer.length) return;
    const target = leftBytes + sizeBytes <= this.#buffer.length
      ? this.#buffer
      : new Uint8Array(2 * (leftBytes + sizeBytes));
    target.set(this.#buffer.subarray(this.#position, this.#end));
    this.#buffer = target;
    this.#position = 0;
    this.#end = leftBytes;
  }
}

function indexOf(
  bytes: Uint8Array,
  mark: Uint8Array,
  from: number,
): number {
  for (
    let at = bytes.indexOf(mark[0], from);
    at !== -1;
    at = bytes.indexOf(mark[0], at + 1)
  ) {
    if (at + mark.length > bytes.length) return -1;
    let size = 1;
    while (size < mark.length && bytes[at + size] === mark[size]) size++;
    if (size === mark.length) return at;
  }
  return -1;
}

/** A scanner over bytes that are there already. */
export function scannerOf(bytes: Uint8Array): ByteScanner {
  let isRead = false;
  return new ByteScanner(() => {
    const chunk = isRead ? null : bytes;
    isRead = true;
    return Promise.resolve(chunk);
  });
}
