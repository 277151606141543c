// One fsync for many: of a folder in which many partitions made names, of which
// each must know its own to be durable.

import { finalSync } from "./final_sync.ts";

/** Lets those who ask while a sync is under way share the next one. */
export class SharedSync {
  readonly #sync: () => Promise<void>;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /**
   * Resolves when a sync that began after this call has ended.
   *
   * @throws {HostError} Of no kind that could pass.
   */
  run(): Promise<void> {
    if (this.#running === null) return this.#start();
    // The one under way may have begun before the caller's names were made.
    return this.#next ??= this.#running.catch(() => {}).then(() => {
      this.#next = null;
      return this.#start();
    });
  }

  #start(): Promise<void> {
    const running = finalSync(this.#sync).finally(() => {
      if (this.#running === running) this.#running = null;
    });
    // Whoever waits sees the failure.
    running.catch(() => {});
    return this.#running = running;
  }
}
