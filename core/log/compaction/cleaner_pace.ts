// How long a cleaner works in one piece, and how long it rests then: nobody else
// is served meanwhile. While requests come, its turns are short and its rests as
// long as they; a broker that has nothing else to do gives it most of its time.

import { type Clock, sleep } from "../../host/host.ts";

/** The turns of one run. */
export class CleanerPace {
  readonly #clock: Clock;
  readonly #activity: () => number;
  #isBusy = false;

  /** @param activity Any number that changes whenever the broker has served somebody. */
  constructor(clock: Clock, activity: () => number) {
    this.#clock = clock;
    this.#activity = activity;
  }

  /** How long the next turn may take. */
  get turnMs(): number {
    return this.#isBusy ? BUSY_TURN_MS : IDLE_TURN_MS;
  }

  /** Lets the others have their turn. */
  async rest(): Promise<void> {
    const before = this.#activity();
    // A timer comes after what has arrived by now.
    await sleep(this.#clock, this.#isBusy ? BUSY_REST_MS : 0);
    this.#isBusy = this.#activity() !== before;
  }
}

const IDLE_TURN_MS = 7;
const BUSY_TURN_MS = 2;
const BUSY_REST_MS = 2;
