// Waiting that can be cut short: for news, and for the end.

import type { Clock } from "../../host/host.ts";

/** All who wait. */
export class Rests {
  readonly #clock: Clock;
  readonly #ends = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits, at most until `endAll`. */
  rest(delayMs: number): Promise<void> {
    return new Promise((done) => {
      const end = () => {
        this.#ends.delete(end);
        cancel();
        done();
      };
      const cancel = this.#clock.after(delayMs, end);
      this.#ends.add(end);
    });
  }

  endAll(): void {
    for (const end of [...this.#ends]) end();
  }
}
