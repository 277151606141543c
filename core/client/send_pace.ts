// Short pauses for a sender of many records, so that requests leave and answers
// come in: nothing else runs while records are only given.

import type { Clock } from "../host/host.ts";

/** What waits in the accumulator before a sender of many records is slowed down. */
const PACE_BYTES = 256 * 1024;
/** How much may be appended between two such pauses. */
const PACE_CREDIT_BYTES = 64 * 1024;
/** The longest of these pauses; it only has to let answers in. */
const PACE_MAX_MS = 1;

export class SendPace {
  readonly #clock: Clock;
  #bytes = 0;
  #pause: { readonly promise: Promise<void>; readonly end: () => void } | null =
    null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts what was appended. */
  appended(sizeBytes: number): void {
    this.#bytes += sizeBytes;
  }

  /** @returns A pause, where it is time for one. */
  pause(waitingBytes: number): Promise<void> | undefined {
    if (this.#bytes < PACE_CREDIT_BYTES || waitingBytes < PACE_BYTES) {
      return undefined;
    }
    if (this.#pause !== null) return this.#pause.promise;
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => {
      cancel();
      this.#pause = null;
      this.#bytes = 0;
      resolve();
    };
    const cancel = this.#clock.after(PACE_MAX_MS, end);
    this.#pause = { promise, end };
    return promise;
  }

  /** Ends a pause where enough has left meanwhile. */
  progressed(waitingBytes: number): void {
    if (this.#pause !== null && waitingBytes < PACE_BYTES / 2) {
      this.#pause.end();
    }
  }
}
