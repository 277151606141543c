// Cuts what a client sends into frames, each an int32 size and that many bytes.
// Unlike `FrameStream`, which gives its frames away, this reader lends them from
// pooled memory, since a server has thousands of connections and one memory.
//
//   size: int32, big endian   at least 1, at most `frameMaxBytes`
//   payload: size bytes
//
// Bytes are read straight into the buffer that the frames are views of, so the
// only copy is the one from the socket; what is left of a frame at the end of a
// full buffer moves once. A connection that is still holds `IDLE_BYTES`; one that
// fills its buffer gets a larger one, from the pool. A frame's declared size
// alone gets no memory: the buffer grows with the bytes that have come.
//
// Source: Kafka protocol guide, "Protocol Primitive Types" and "Common Request
// and Response Structure".

import { assert } from "../base/assert.ts";
import { KIB, MIB } from "../base/units.ts";
import { type BufferPool, sizeClass } from "./buffer_pool.ts";

/** What a connection without traffic holds. */
export const IDLE_BYTES = 2 * KIB;

/** The most that a declared size alone may claim. */
const TRUSTED_BYTES = 16 * KIB;

/** What `busyBytes` is where nobody says otherwise. */
const BUSY_BYTES = 256 * KIB;

/** The same for `scarceBytes`. */
const SCARCE_BYTES = 64 * MIB;

/** How often in a row a large buffer may be used little before it goes. */
const LOW_USE_MAX = 16;

/** A stream that is not made of frames, or whose frames make no sense: its connection must end. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** One frame; its bytes are valid until `release`. */
export interface Frame {
  /** The payload, without the size; a view of the connection's buffer. */
  readonly bytes: Uint8Array;
  /** Says that nobody reads the bytes any more; once. */
  release(): void;
}

/** A buffer and how many of its frames are in use. */
class Chunk {
  frames = 0;
  isCurrent = true;
  constructor(readonly buffer: Uint8Array, readonly isPooled: boolean) {}
}

export interface FrameReaderOptions {
  /** The configuration key of the largest frame, for messages. */
  readonly limitName?: string;
  /** The read buffer of a busy connection, unless its frames are larger. */
  readonly busyBytes?: number;
  /** With more than this lent by the pool, connections that wait for a frame hold little. */
  readonly scarceBytes?: number;
}

/** The reading side of one connection. */
export class FrameReader {
  readonly #pool: BufferPool;
  readonly #frameMaxBytes: number;
  readonly #limitName: string;
  readonly #busyBytes: number;
  readonly #scarceBytes: number;
  #chunk: Chunk;
  /** Bytes of the stream not yet taken lie at [#start, #end) of the chunk. */
  #start = 0;
  #end = 0;
  #wantsMore = false;
  #lowUseCount = 0;

  constructor(
    pool: BufferPool,
    frameMaxBytes: number,
    options: FrameReaderOptions = {},
  ) {
    this.#pool = pool;
    this.#frameMaxBytes = frameMaxBytes;
    this.#limitName = options.limitName ?? "socket.request.max.bytes";
    this.#busyBytes = options.busyBytes ?? BUSY_BYTES;
    this.#scarceBytes = options.scarceBytes ?? SCARCE_BYTES;
    this.#chunk = idleChunk();
  }

  /** True where a frame has begun and not ended. */
  get isInsideFrame(): boolean {
    return this.#start < this.#end;
  }

  /** True where the next `room` must take a buffer from the pool. */
  get needsMemory(): boolean {
    return this.#nextCapacity() > this.#chunk.buffer.length;
  }

  /** Where the next bytes of the stream belong; never empty. Holds until `received`. */
  room(): Uint8Array {
    const capacity = this.#nextCapacity();
    const { buffer, frames } = this.#chunk;
    if (capacity !== buffer.length || (frames > 0 && this.#mustMove())) {
      this.#replaceChunk(capacity);
    } else if (frames === 0 && (this.#mustMove() || !this.isInsideFrame)) {
      buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#chunk.buffer.subarray(this.#end);
  }

  /** Tells that `count` bytes are now in what `room` gave. */
  received(count: number): void {
    const capacity = this.#chunk.buffer.length;
    this.#end += count;
    assert(this.#end <= capacity, "More bytes were read than there was room");
    this.#wantsMore = this.#end === capacity && capacity < this.#busyBytes;
    this.#lowUseCount = count * 8 < capacity ? this.#lowUseCount + 1 : 0;
  }

  /**
   * The next whole frame, `null` where its end has not come yet.
   *
   * @throws {FrameError} Where the size is not positive or over the limit.
   */
  next(): Frame | null {
    const payloadBytes = this.#payloadBytes();
    if (payloadBytes === null) return null;
    const payload = this.#start + 4;
    if (payload + payloadBytes > this.#end) return null;
    const chunk = this.#chunk;
    this.#start = payload + payloadBytes;
    if (payloadBytes * 4 > chunk.buffer.length) this.#lowUseCount = 0;
    chunk.frames++;
    return {
      bytes: chunk.buffer.subarray(payload, this.#start),
      release: () => this.#release(chunk),
    };
  }

  /** Gives the buffer back, as soon as the last frame is released. */
  close(): void {
    this.#start = this.#end = 0;
    this.#leave(this.#chunk);
    this.#chunk = new Chunk(new Uint8Array(0), false);
  }

  /** The size that the next frame declares; `null` before its four bytes. */
  #payloadBytes(): number | null {
    if (this.#end - this.#start < 4) return null;
    const size = readSize(this.#chunk.buffer, this.#start);
    if (size <= 0 || size > this.#frameMaxBytes) {
      const first = this.#chunk.buffer.subarray(this.#start, this.#start + 4);
      throw new FrameError(
        describeBadSize(
          size,
          first,
          `${this.#limitName}=${this.#frameMaxBytes}`,
        ),
      );
    }
    return size;
  }

  /** How large the buffer has to be for what comes next. */
  #nextCapacity(): number {
    const { length } = this.#chunk.buffer;
    const heldBytes = this.#end - this.#start;
    const isScarce = this.#pool.lentBytes > this.#scarceBytes;
    if (heldBytes === 0 && (isScarce || this.#lowUseCount >= LOW_USE_MAX)) {
      return IDLE_BYTES;
    }
    const wantedBytes = this.#wantsMore && !isScarce
      ? Math.min(Math.max(TRUSTED_BYTES, length * 4), this.#busyBytes)
      : length;
    const frameBytes = this.#frameBytes();
    if (frameBytes <= wantedBytes) return wantedBytes;
    if (heldBytes < length && this.#chunk.frames === 0) {
      return length; // No more memory before the buffer is full.
    }
    const grownBytes = Math.max(TRUSTED_BYTES, heldBytes * 4);
    return sizeClass(Math.min(frameBytes, grownBytes));
  }

  /** The whole size of the frame that has begun, or of what must come to know it. */
  #frameBytes(): number {
    return this.#end - this.#start < 4
      ? 4
      : 4 + readSize(this.#chunk.buffer, this.#start);
  }

  /** True where the frame that has begun cannot end where it lies. */
  #mustMove(): boolean {
    const { length } = this.#chunk.buffer;
    const frameBytes = this.#frameBytes();
    return this.#end === length ||
      (!this.isInsideFrame && this.#end * 2 > length) ||
      (frameBytes <= length && this.#start + frameBytes > length);
  }

  #replaceChunk(capacity: number): void {
    const old = this.#chunk;
    const held = old.buffer.subarray(this.#start, this.#end);
    this.#chunk = capacity <= IDLE_BYTES
      ? idleChunk()
      : new Chunk(this.#pool.take(capacity), true);
    this.#chunk.buffer.set(held);
    this.#end = held.length;
    this.#start = 0;
    this.#lowUseCount = 0;
    this.#wantsMore = false;
    this.#leave(old);
  }

  #leave(chunk: Chunk): void {
    chunk.isCurrent = false;
    if (chunk.isPooled && chunk.frames === 0) this.#pool.give(chunk.buffer);
  }

  #release(chunk: Chunk): void {
    assert(chunk.frames > 0, "A frame was released twice");
    chunk.frames--;
    if (chunk.frames === 0 && !chunk.isCurrent && chunk.isPooled) {
      this.#pool.give(chunk.buffer);
    }
  }
}

function idleChunk(): Chunk {
  return new Chunk(new Uint8Array(IDLE_BYTES), false);
}

function readSize(bytes: Uint8Array, position: number): number {
  return bytes[position] << 24 | bytes[position + 1] << 16 |
    bytes[position + 2] << 8 | bytes[position + 3];
}

const HTTP_METHODS = ["GET ", "POST", "PUT ", "HEAD", "DELE", "OPTI", "CONN"];

function describeBadSize(
  size: number,
  first: Uint8Array,
  limit: string,
): string {
  const text = String.fromCharCode(...first);
  const hint = HTTP_METHODS.includes(text)
    ? " (looks like HTTP: this is a Kafka listener)"
    : first[0] === 0x16 && first[1] === 0x03
    ? " (looks like TLS on a plaintext listener)"
    : text === "SSH-"
    ? " (looks like SSH)"
    : "";
  return size <= 0
    ? `invalid frame size ${size}${hint}`
    : `frame of ${size} bytes exceeds ${limit}${hint}`;
}
