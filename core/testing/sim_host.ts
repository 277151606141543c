// A whole simulated machine: clock, disk and network from one seed. Code written
// for `Host` runs on it as it is, in virtual time, and replays from the seed.
//
//   const sim = simHost(7);
//   await sim.run(() => work(sim.host));
//   sim.crash("power");
//   sim.restart();
//   await sim.run(() => workAgain(sim.host));

import type { Host } from "../host/host.ts";
import { SimClock, type SimClockOptions } from "./sim_clock.ts";
import type { Unsynced } from "./sim_content.ts";
import { SimDisk, type SimDiskOptions } from "./sim_disk.ts";
import { SimCrash, SimLife } from "./sim_life.ts";
import { SimLoop } from "./sim_loop.ts";
import { SimNet, type SimNetOptions } from "./sim_net.ts";
import { SimRandom } from "./sim_random.ts";

export interface SimHostOptions {
  /** Its name in the network. */
  readonly name?: string;
  /** Shared with other machines; its own where left out. */
  readonly loop?: SimLoop;
  /** Shared with other machines; its own where left out. */
  readonly net?: SimNet;
  readonly clock?: SimClockOptions;
  readonly disk?: SimDiskOptions;
  readonly network?: SimNetOptions;
}

// What a crashed process still had on its stack ends with it: nobody is left to
// catch it, and it is no failure of a test.
globalThis.addEventListener("unhandledrejection", (event) => {
  for (let error = event.reason; error instanceof Error; error = error.cause) {
    if (error instanceof SimCrash) return event.preventDefault();
  }
});

export class SimHost {
  readonly name: string;
  readonly loop: SimLoop;
  readonly net: SimNet;
  readonly disk: SimDisk;
  readonly clock: SimClock;
  readonly #random: SimRandom;
  #life = new SimLife();
  #host: Host | null = null;
  #crashed = Promise.withResolvers<void>();

  constructor(seed: number, options: SimHostOptions = {}) {
    const random = new SimRandom(seed);
    this.name = options.name ?? "node";
    this.loop = options.loop ?? new SimLoop();
    this.#random = random.fork();
    this.net = options.net ??
      new SimNet(this.loop, random.fork(), options.network);
    this.net.startNode(this.name);
    this.clock = new SimClock(this.loop, options.clock);
    this.disk = new SimDisk(
      {
        loop: this.loop,
        random: random.fork(),
        wallMs: () => this.clock.wallMs(),
        whenAwake: (run) => this.#life.whenAwake(this.loop, run),
        // A crash in a call of the disk ends the whole process.
        onCrash: () => this.#end("power"),
      },
      options.disk,
    );
  }

  /** The machine as the present life of its process sees it: take it anew after `restart`. */
  get host(): Host {
    return this.#host ??= {
      clock: this.clock.during(this.#life),
      disk: this.disk.mount(),
      net: this.net.node(this.name, this.#life),
      random: () => this.#random.next(),
      randomBytes: (count) => this.#random.bytes(count),
    };
  }

  /**
   * Ends the process. `kill`: the kernel lives on, so what was written stays and
   * peers are told. `power`: what was not synced is lost in part or in whole
   * (`unsynced` says which), and peers are told nothing.
   */
  crash(cause: "kill" | "power", unsynced: Unsynced = "random"): void {
    this.#end(cause);
    this.disk.crash(cause === "kill" ? "kept" : unsynced);
  }

  /** Holds the event loop up: timers, what arrives and the disk's answers wait so long. */
  stall(durationMs: number): void {
    this.#life.stalledUntilMs = Math.max(
      this.#life.stalledUntilMs,
      this.loop.nowMs + durationMs,
    );
  }

  /** Whether the process has ended and was not started again. */
  get isCrashed(): boolean {
    return this.#life.isOver;
  }

  /** Tells whether the life that it was asked in still goes on; take it at its start. */
  get lifeTeller(): () => boolean {
    const life = this.#life;
    return () => !life.isOver;
  }

  /** Resolves when the present life of the process ends by a crash. */
  get crashed(): Promise<void> {
    return this.#crashed.promise;
  }

  /** Starts the machine again; crashes it by a power cut first, where nothing did. */
  restart(): void {
    this.crash("power");
    this.disk.restart();
    this.net.startNode(this.name);
    this.#life = new SimLife();
    this.#host = null;
    this.#crashed = Promise.withResolvers<void>();
  }

  /**
   * Runs a job in virtual time; gives what it gives, or throws.
   *
   * @throws {StuckError} Where it waits for what never happens, or for longer
   * than `limitMs` of virtual time (default 1 hour).
   */
  run<T>(
    job: () => T | Promise<T>,
    { limitMs = 3_600_000 }: { limitMs?: number } = {},
  ): Promise<T> {
    const running = (async () => await job())();
    return this.loop.settle(running, { limitMs });
  }

  #end(cause: "kill" | "power"): void {
    if (this.#life.isOver) return;
    this.#life.isOver = true;
    this.net.crashNode(this.name, cause);
    this.#crashed.resolve();
  }
}

/** A simulated machine; the same seed and the same code give the same run. */
export function simHost(seed: number, options?: SimHostOptions): SimHost {
  return new SimHost(seed, options);
}
