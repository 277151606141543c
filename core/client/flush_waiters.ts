// Who waits until the batches of a moment are done.

import type { Accumulator } from "./accumulator.ts";

interface Waiter {
  /** Of the last batch that is waited for. */
  readonly serial: number;
  readonly resolve: () => void;
}

export class FlushWaiters {
  readonly #accumulator: Accumulator;
  #waiters: Waiter[] = [];

  constructor(accumulator: Accumulator) {
    this.#accumulator = accumulator;
  }

  /** Resolves when all batches up to a serial number are done. */
  wait(serial: number): Promise<void> {
    if (this.#accumulator.isDoneUpTo(serial)) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ serial, resolve }));
  }

  /** Some batches are done. */
  progressed(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (this.#accumulator.isDoneUpTo(waiter.serial)) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }
}
