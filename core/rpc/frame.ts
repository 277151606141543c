// Frames: how requests and responses are told apart on a byte stream.
//
//   size: int32 (big endian), the number of bytes that follow
//   size bytes: a header and a body
//
// The reader never reuses memory that it has given out, so a frame is the
// caller's to keep. It allocates what a peer announces only up to a bound, and
// beyond that in step with the bytes that have really come.
//
// Source: Kafka documentation, "Protocol: Network".

import { type Connection, HostError } from "../host/host.ts";

/** Size of the number in front of a frame. */
export const FRAME_PREFIX_BYTES = 4;

/** The first read of a connection: enough for a handshake, and cheap where thousands idle. */
const READ_AHEAD_MIN_BYTES = 1024;
const READ_AHEAD_MAX_BYTES = 128 * 1024;

/** What an announced size may cost before its bytes are there. */
const ALLOCATE_AHEAD_BYTES = 1024 * 1024;

/** A size that no frame may have; the stream cannot be read any further. */
export class FrameError extends Error {
  override readonly name = "FrameError";
  constructor(readonly sizeBytes: number, message: string) {
    super(message);
  }
}

export interface FrameReaderOptions {
  /** The largest frame that is accepted, without its prefix. */
  readonly frameMaxBytes: number;
  /** What the limit is called in errors; such as `socket.request.max.bytes`. */
  readonly limitName?: string;
  /**
   * Announced sizes up to this are allocated at once; larger buffers double as
   * bytes arrive. A client trusts its broker with more than a broker its clients.
   */
  readonly allocateAheadBytes?: number;
}

/** Cuts the bytes of a connection into frames. */
export class FrameReader {
  readonly #connection: Connection;
  readonly #frameMaxBytes: number;
  readonly #limitName: string;
  readonly #allocateAheadBytes: number;
  /** `#buffer[#start…#end)` are bytes read and not yet given out. */
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #readAheadBytes = READ_AHEAD_MIN_BYTES;
  #receivedBytes = 0;

  constructor(connection: Connection, options: FrameReaderOptions) {
    this.#connection = connection;
    this.#frameMaxBytes = options.frameMaxBytes;
    this.#limitName = options.limitName ?? "the limit";
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
    if (sizeBytes <= 0) {
      return new FrameError(
        sizeBytes,
        `${peer} sent an invalid frame size ${sizeBytes}`,
      );
    }
    return new FrameError(
      sizeBytes,
      `${peer} sent a frame of ${sizeBytes} bytes, which exceeds ` +
        `${this.#limitName}=${this.#frameMaxBytes}${guess(sizeBytes)}`,
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

/** What a huge size in front of a "frame" usually means. */
function guess(sizeBytes: number): string {
  const text = String.fromCharCode(
    sizeBytes >>> 24 & 0xff,
    sizeBytes >>> 16 & 0xff,
    sizeBytes >>> 8 & 0xff,
    sizeBytes & 0xff,
  );
  if (/^(GET |POST|PUT |HEAD|HTTP|OPTI|DELE|PATC)/.test(text)) {
    return " (looks like HTTP)";
  }
  // A TLS record: handshake (22) or alert (21), then version 3.x.
  if (/^[\x15\x16]\x03[\x00-\x04]/.test(text)) {
    return " (looks like TLS on a plaintext listener)";
  }
  return "";
}
