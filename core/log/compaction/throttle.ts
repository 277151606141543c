// Keeps the cleaners together below a number of bytes a second, by telling them
// how long to wait after each turn. The rate may change while one waits.
//
// Source: Kafka documentation, `log.cleaner.io.max.bytes.per.second`.

import type { Clock } from "../../host/host.ts";

/** A rate that all cleaners share. */
export class Throttle {
  readonly #clock: Clock;
  readonly #bytesPerSecond: () => number;
  /** Bytes moved that the rate has not allowed yet. */
  #debtBytes = 0;
  #updatedMs: number;

  /** @param bytesPerSecond Read each time. */
  constructor(clock: Clock, bytesPerSecond: () => number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#updatedMs = clock.monotonicMs();
  }

  /** Notes bytes that were read or written. */
  add(byteCount: number): void {
    this.#pay();
    this.#debtBytes += byteCount;
  }

  /** How long to wait, at the rate of now, before more may be moved. */
  get delayMs(): number {
    this.#pay();
    return this.#debtBytes / this.#bytesPerMs;
  }

  get #bytesPerMs(): number {
    return Math.max(1, this.#bytesPerSecond()) / 1000;
  }

  #pay(): void {
    const nowMs = this.#clock.monotonicMs();
    const paidBytes = (nowMs - this.#updatedMs) * this.#bytesPerMs;
    this.#debtBytes = Math.max(0, this.#debtBytes - paidBytes);
    this.#updatedMs = nowMs;
  }
}
