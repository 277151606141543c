// The clock of one simulated node: virtual time, seen through a quartz of its
// own that may run fast or slow, and a calendar that may jump.

import type { Clock } from "../host/host.ts";
import { SimCrash, type SimLife } from "./sim_life.ts";
import type { SimLoop } from "./sim_loop.ts";

/** 2025-01-01T00:00:00Z: where calendars start unless told otherwise. */
export const WALL_START_MS = 1_735_689_600_000;

export interface SimClockOptions {
  /** Added to the wall clock, in milliseconds. */
  readonly skewMs?: number;
  /** Millionths by which the quartz runs fast; negative where it runs slow. */
  readonly driftPpm?: number;
}

/** What a node's clocks show; it outlives the node's crashes, as hardware does. */
export class SimClock {
  readonly #loop: SimLoop;
  readonly #rate: number;
  #wallStartMs: number;

  constructor(loop: SimLoop, options: SimClockOptions = {}) {
    this.#loop = loop;
    this.#rate = 1 + (options.driftPpm ?? 0) / 1e6;
    this.#wallStartMs = WALL_START_MS + (options.skewMs ?? 0);
  }

  monotonicMs(): number {
    return this.#loop.nowMs * this.#rate;
  }

  wallMs(): number {
    return Math.floor(this.#wallStartMs + this.monotonicMs());
  }

  /** Moves the wall clock, forward or back; the monotonic one stays. */
  jumpWall(byMs: number): void {
    this.#wallStartMs += byMs;
  }

  /** The clock as one life of the node sees it: its timers end with it. */
  during(life: SimLife): Clock {
    const clock: Clock = {
      monotonicMs: () => this.monotonicMs(),
      wallMs: () => this.wallMs(),
      afterOthers: (run) => void clock.after(0, run),
      after: (delayMs, run) => {
        if (life.isOver) return () => {};
        const virtualMs = Math.max(0, delayMs || 0) / this.#rate;
        let isCalledOff = false;
        const ring = () => {
          if (life.isOver || isCalledOff) return;
          try {
            run();
          } catch (error) {
            if (!(error instanceof SimCrash)) throw error;
          }
        };
        const callOff = this.#loop.schedule(
          virtualMs,
          () => life.whenAwake(this.#loop, ring),
        );
        return () => {
          isCalledOff = true;
          callOff();
        };
      },
    };
    return clock;
  }
}
