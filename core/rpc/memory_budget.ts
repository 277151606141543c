// Keeps what all clients together make a server hold below a limit.
//
// Memory is counted as it is taken, not as it is announced. Who finds the budget
// spent waits; but one waiter at a time, the elder, goes on regardless, or frames
// that have half come would wait for each other for ever.

/** Turns at a scarce amount of memory. */
export class MemoryBudget {
  #elder: object | null = null;
  readonly #waiting: { readonly who: object; readonly go: () => void }[] = [];
  readonly #isSpent: () => boolean;

  /** @param isSpent Whether more is held now than should be. */
  constructor(isSpent: () => boolean) {
    this.#isSpent = isSpent;
  }

  /** `null` where `who` may take memory now; else resolves when it may. */
  turn(who: object): Promise<void> | null {
    if (!this.#isSpent() || this.#elder === who) return null;
    if (this.#elder === null) {
      this.#elder = who;
      return null;
    }
    return new Promise((go) => this.#waiting.push({ who, go }));
  }

  /** Tells that `who` has given memory back, or gone: others may have a turn. */
  gaveBack(who: object): void {
    if (this.#elder === who) this.#elder = null;
    while (this.#waiting.length > 0) {
      if (this.#isSpent()) {
        if (this.#elder !== null) return;
        this.#elder = this.#waiting[0].who;
      }
      this.#waiting.shift()!.go();
    }
  }

  /** Lets go of one that waits, since its connection ends. */
  cancel(who: object): void {
    const index = this.#waiting.findIndex((waiter) => waiter.who === who);
    if (index >= 0) this.#waiting.splice(index, 1)[0].go();
    this.gaveBack(who);
  }
}
