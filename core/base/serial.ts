// The one queue of kq: asynchronous jobs that must not overlap run one after
// another, in the order they were given.

/** Runs jobs one at a time; one that fails does not stop those behind it. */
export class Serial {
  #tail: Promise<void> = Promise.resolve();
  #waitingCount = 0;

  /** Jobs given and not finished. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** Runs `job` when all before it have ended; gives what it gives, or throws. */
  run<T>(job: () => T | Promise<T>): Promise<T> {
    this.#waitingCount += 1;
    const result = this.#tail.then(job);
    const settle = () => {
      this.#waitingCount -= 1;
    };
    this.#tail = result.then(settle, settle);
    return result;
  }

  /** Resolves when all jobs given so far have ended, well or not. */
  idle(): Promise<void> {
    return this.#tail;
  }
}
