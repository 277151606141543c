// How long a cleaner works in one piece, and how long it rests then: nobody else
// is served meanwhile. While requests come, its turns are short and its rests as
// long as they; a broker that has nothing else to do gives it most of its time.

import { type Clock, giveWay, sleep } from "../../host/host.ts";

/** The turns of one run. */
export class CleanerPace {
  readonly #clock: Clock;
  readonly #activity: () => number;
  /** When somebody was last found to have been served. */
  #servedMs = -Infinity;

  /** @param activity Any number that changes whenever the broker has served somebody. */
  constructor(clock: Clock, activity: () => number) {
    this.#clock = clock;
    this.#activity = activity;
  }

  /** How long the next turn may take. */
  get turnMs(): number {
    return this.#isBusy() ? BUSY_TURN_MS : IDLE_TURN_MS;
  }

  /** Lets the others have their turn. */
  async rest(): Promise<void> {
    const before = this.#activity();
    if (this.#isBusy()) await sleep(this.#clock, BUSY_REST_MS);
    else await giveWay(this.#clock);
    if (this.#activity() !== before) {
      this.#servedMs = this.#clock.monotonicMs();
    }
  }

  #isBusy(): boolean {
    return this.#clock.monotonicMs() - this.#servedMs < BUSY_MS;
  }
}

/** One who sends something soon sends more. */
const BUSY_MS = 100;
const IDLE_TURN_MS = 7;
const BUSY_TURN_MS = 2;
const BUSY_REST_MS = 2;
