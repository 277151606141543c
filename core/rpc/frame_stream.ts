// Frames as a client reads them: an int32 size and that many bytes, each frame the
// caller's to keep.
//
//   size: int32, big endian
//   payload: size bytes
//
// Record batches of a fetch answer are handed on as views of the frame, for as
// long as the application likes; so no memory is pooled, and none that was given
// out is written again. What a peer announces is allocated at once only up to a
// bound, and beyond that in step with the bytes that have really come.
//
// Source: Kafka documentation, "Protocol: Network".

import { type Connection, HostError } from "../host/host.ts";
import { FrameError } from "./frame_reader.ts";

/** Size of the number in front of a frame. */
export const FRAME_PREFIX_BYTES = 4;

/** The first read of a connection: enough for a handshake, and cheap where thousands idle. */
const READ_AHEAD_MIN_BYTES = 1024;
const READ_AHEAD_MAX_BYTES = 128 * 1024;

/** What an announced size may cost before its bytes are there. */
const ALLOCATE_AHEAD_BYTES = 1024 * 1024;

export interface FrameStreamOptions {
  /** The largest frame that is accepted, without its prefix. */
  readonly frameMaxBytes: number;
  /** Announced sizes up to this are allocated at once; larger buffers double as bytes arrive. */
  readonly allocateAheadBytes?: number;
}

/** Cuts the bytes of a connection into frames. */
export class FrameStream {
  readonly #connection: Connection;
  readonly #frameMaxBytes: number;
  readonly #allocateAheadBytes: number;
  /** `#buffer[#start…#end)` are bytes read and not yet given out. */
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #readAheadBytes = READ_AHEAD_MIN_BYTES;
  #receivedBytes = 0;

  constructor(connection: Connection, options: FrameStreamOptions) {
    this.#connection = connection;
    this.#frameMaxBytes = options.frameMaxBytes;
    this.#allocateAheadBytes = options.allocateAheadBytes ??
      ALLOCATE_AHEAD_BYTES;
  }

  /** All bytes read so far, prefixes included. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** True where a part of the next frame has come. */
  get isInsideFrame(): boolean {
    return this.#end > this.#start;
  }

  /**
   * The next frame that is already here in full, without its prefix; `null`
   * where there is none.
   *
   * @throws {FrameError} Where the announced size is impossible.
   */
  take(): Uint8Array | null {
    const sizeBytes = this.#announcedBytes();
    if (sizeBytes < 0) return null;
    const start = this.#start + FRAME_PREFIX_BYTES;
    if (this.#end - start < sizeBytes) return null;
    this.#start = start + sizeBytes;
    return this.#buffer.subarray(start, start + sizeBytes);
  }

  /**
   * Waits for the next frame, without its prefix; `null` when the peer has ended
   * the stream between two frames. One call at a time.
   *
   * @throws {FrameError} Where the announced size is impossible.
   * @throws {HostError} `reset` where the stream ends inside a frame.
   */
  async next(): Promise<Uint8Array | null> {
    for (;;) {
      const frame = this.take();
      if (frame !== null) return frame;
      this.#makeRoom();
      const target = this.#buffer.subarray(this.#end);
      const count = await this.#connection.read(target);
      if (count === null) {
        if (!this.isInsideFrame) return null;
        throw new HostError(
          "reset",
          `${this.#connection.peer} closed the connection inside a frame`,
        );
      }
      this.#end += count;
      this.#receivedBytes += count;
      if (count === target.length) {
        this.#readAheadBytes = Math.min(
          this.#readAheadBytes * 4,
          READ_AHEAD_MAX_BYTES,
        );
      }
    }
  }

  /** The size in front of what is buffered, or -1 while the prefix is not complete. */
  #announcedBytes(): number {
    if (this.#end - this.#start < FRAME_PREFIX_BYTES) return -1;
    const bytes = this.#buffer, at = this.#start;
    const sizeBytes = bytes[at] << 24 | bytes[at + 1] << 16 |
      bytes[at + 2] << 8 | bytes[at + 3];
    if (sizeBytes > 0 && sizeBytes <= this.#frameMaxBytes) return sizeBytes;
    throw this.#impossible(sizeBytes);
  }

  #impossible(sizeBytes: number): FrameError {
    const peer = this.#connection.peer;
    return new FrameError(
      sizeBytes <= 0
        ? `${peer} sent an invalid frame size ${sizeBytes}`
        : `${peer} sent a frame of ${sizeBytes} bytes, more than ` +
          `${this.#frameMaxBytes}${guess(sizeBytes)}`,
    );
  }

  /**
   * Makes sure that bytes can be read behind `#end`: into what is left of the
   * buffer, or into a new one that starts with the unfinished frame.
   */
  #makeRoom(): void {
    const pendingBytes = this.#end - this.#start;
    const announced = this.#announcedBytes();
    const wholeBytes = announced < 0
      ? FRAME_PREFIX_BYTES
      : FRAME_PREFIX_BYTES + announced;
    const fits = this.#start + wholeBytes <= this.#buffer.length;
    if (fits && this.#end < this.#buffer.length) return;
    if (!fits && this.#end < this.#buffer.length && announced >= 0) {
      // A large frame that grows in steps: fill the step first.
      if (this.#start === 0 && wholeBytes > this.#allocateAheadBytes) return;
    }
    const ahead = Math.max(this.#allocateAheadBytes, 2 * pendingBytes);
    const sizeBytes = Math.max(
      Math.min(wholeBytes, ahead),
      this.#readAheadBytes,
    );
    const buffer = new Uint8Array(sizeBytes);
    buffer.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = buffer;
    this.#start = 0;
    this.#end = pendingBytes;
  }
}

/** What a huge size in front of a "frame" usually means: not a Kafka listener. */
function guess(sizeBytes: number): string {
  if (sizeBytes === 0x48545450) return " (looks like HTTP)";
  // A TLS record starts with its type (21 alert, 22 handshake) and version 3.x.
  const isTls = sizeBytes >>> 24 === 21 || sizeBytes >>> 24 === 22;
  if (isTls && (sizeBytes >>> 16 & 0xff) === 3) return " (looks like TLS)";
  return "";
}
