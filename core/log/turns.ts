// Work of many logs that comes due at one time, done a few milliseconds at a time,
// between which everybody else has their turn.

import { type Clock, sleep } from "../host/host.ts";

/** A queue of short pieces of work. */
export class Turns {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #isRunning = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Does `work`, now or in a later turn; gives what it gives, or throws. */
  run<T>(work: () => T | Promise<T>): Promise<T> {
    const done = new Promise<T>((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
    if (!this.#isRunning) void this.#runAll();
    return done;
  }

  async #runAll(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const endMs = this.#clock.monotonicMs() + TURN_MS;
      let count = 0;
      do {
        this.#waiting[count++]();
      } while (
        count < this.#waiting.length && this.#clock.monotonicMs() < endMs
      );
      this.#waiting.splice(0, count);
      // Those who ask while this turn lasts wait for the next one.
      await sleep(this.#clock, 0);
    }
    this.#isRunning = false;
  }
}

const TURN_MS = 4;
