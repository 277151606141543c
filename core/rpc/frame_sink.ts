// The way out of a connection: frames that leave in the order they were given,
// small ones together, while the one who gave them goes on.

import { KIB } from "../base/units.ts";
import type { Connection } from "../host/host.ts";

/** Frames that wait together are joined into one write of up to this size. */
const JOINED_MAX_BYTES = 16 * KIB;

/** A queue of frames in front of a connection. */
export class FrameSink {
  readonly #connection: Connection;
  readonly #onError: (error: unknown) => void;
  #waiting: Uint8Array[] = [];
  #writing: Promise<void> | null = null;

  /** @param onError Told once, when a write has failed; nothing is written after it. */
  constructor(connection: Connection, onError: (error: unknown) => void) {
    this.#connection = connection;
    this.#onError = onError;
  }

  /** Takes a frame, which nobody may change from here on. */
  write(frame: Uint8Array): void {
    this.#waiting.push(frame);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything given so far has left, or never will. */
  async flushed(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        await this.#connection.write(this.#take());
      }
    } catch (error) {
      this.#waiting = [];
      this.#onError(error);
    } finally {
      this.#writing = null;
    }
  }

  /** The next frame, or several small ones in one piece. */
  #take(): Uint8Array {
    const frames = this.#waiting;
    let count = 0, sizeBytes = 0;
    while (
      count < frames.length &&
      sizeBytes + frames[count].length <= JOINED_MAX_BYTES
    ) {
      sizeBytes += frames[count++].length;
    }
    if (count <= 1) return frames.shift()!;
    const joined = new Uint8Array(sizeBytes);
    let position = 0;
    for (const frame of frames.splice(0, count)) {
      joined.set(frame, position);
      position += frame.length;
    }
    return joined;
  }
}
