// Deadlines of a shard. Each name has one timer on the clock, which is only ever
// brought forward: a deadline that moves away costs nothing, the timer fires
// early and is set again. Ten thousand members that say that they live are then
// no timers started and stopped.

import type { Clock } from "../host/host.ts";

interface Timer {
  readonly atMs: number;
  readonly cancel: () => void;
}

export class ShardTimers {
  readonly #clock: Clock;
  readonly #timers = new Map<string, Timer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Makes sure that `run` is called at a moment of the monotonic clock, or before.
   * Whoever is called looks what is due, and calls this again for what is not.
   *
   * @param atMs `Infinity` asks for nothing.
   */
  ensure(name: string, atMs: number, run: () => void): void {
    const current = this.#timers.get(name);
    if (atMs === Infinity || (current !== undefined && current.atMs <= atMs)) {
      return;
    }
    current?.cancel();
    const delayMs = Math.max(0, atMs - this.#clock.monotonicMs());
    const cancel = this.#clock.after(delayMs, () => {
      this.#timers.delete(name);
      run();
    });
    this.#timers.set(name, { atMs, cancel });
  }

  cancel(name: string): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }

  cancelAll(): void {
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
  }
}
