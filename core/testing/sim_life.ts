// One life of a simulated process: from its start to its crash. Code of a life
// that is over may still be on the stack; whatever it asks of the world is
// refused, so that it cannot touch the life after it.

import type { SimLoop } from "./sim_loop.ts";

/** The process has crashed: no error to recover from, but the end of what ran. */
export class SimCrash extends Error {
  override readonly name = "SimCrash";
}

export class SimLife {
  isOver = false;
  /** Until then its event loop is held up: what happens meanwhile it learns afterwards. */
  stalledUntilMs = 0;

  /** Runs `run` at once, or when the event loop goes on. */
  whenAwake(loop: SimLoop, run: () => void): void {
    const waitMs = this.stalledUntilMs - loop.nowMs;
    if (waitMs <= 0) run();
    else loop.schedule(waitMs, () => this.whenAwake(loop, run));
  }

  /** @throws {SimCrash} Where this life is over. */
  mustGoOn(): void {
    if (this.isOver) {
      throw new SimCrash(
        "This simulated process has crashed; after restart() take `host` anew",
      );
    }
  }
}

/** What a dead process waits for: it never comes. */
export function never<T>(): Promise<T> {
  return new Promise(() => {});
}
