// Tries every disk call of a piece of work as the last one before a crash, or as
// the one that fails, and looks at what the next start makes of it. The same
// number gives the same run.
//
// A workload names the step that it is in, so that the calls can be counted by
// what they belong to.

import { HostError } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { type SimHost, simHost } from "./sim_host.ts";
import { SimCrash } from "./sim_life.ts";

/** A piece of work, and what must be left of it whatever happens to the disk. */
export interface SweepWorkload {
  readonly name: string;
  /** Directories that are there from the start, beside `/data`. */
  readonly directories?: readonly string[];
  readonly begin: (sim: SimHost) => SweepLife;
}

/** One run of a workload; `sim.host` is taken anew in each of its parts. */
export interface SweepLife {
  /** What it is doing. */
  readonly step: string;
  readonly live: () => Promise<void>;
  /** Starts after the end of `live`, and stops again. */
  readonly recover: () => Promise<void>;
  /**
   * Starts, holds what is there against what must be, and goes on to a clean
   * stop and another start.
   */
  readonly check: (end: LifeEnd) => Promise<void>;
}

/** How a run ended, for what may be asked of the next. */
export interface LifeEnd {
  /** Whether all that was written is still there: the process was killed, nothing failed. */
  readonly isAllKept: boolean;
}

/**
 * How a process ends: killed, or by a power cut that takes all that was not
 * synced, or some of it: sectors, names and whole files, by one seed or another.
 */
export const ENDINGS = ["kill", "lost", "torn", "torn otherwise"] as const;
export type Ending = typeof ENDINGS[number];

/** How a call fails, a write half-way; then the process is killed, or the power fails as well. */
export const FAULTS = [
  { kind: "io", ending: "kill" },
  { kind: "io", ending: "power" },
  { kind: "noSpace", ending: "kill" },
  { kind: "noSpace", ending: "power" },
] as const;
export type Fault = typeof FAULTS[number];

/** How many calls were tried, by workload and step. */
export class PointCount {
  readonly #counts = new Map<string, number>();

  add(workload: string, step: string): void {
    const name = `${workload}: ${step}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  get total(): number {
    return this.#counts.values().reduce((sum, count) => sum + count, 0);
  }

  /** Steps with their counts, and the sum. */
  toString(): string {
    const lines = [...this.#counts].map(([name, count]) =>
      `${String(count).padStart(6)} ${name}`
    );
    return [...lines, `${String(this.total).padStart(6)} in all`].join("\n");
  }
}

/** Ends the process at every call of a workload. @returns How many there are. */
export async function sweepCrashes(
  workload: SweepWorkload,
  ending: Ending,
  counts: PointCount,
): Promise<number> {
  for (let callNumber = 1;; callNumber++) {
    const sim = machine(workload, seedOf(callNumber, ending));
    const life = workload.begin(sim);
    crashAt(sim, callNumber, ending);
    await liveUntilEnd(sim, life.live, callNumber);
    if (!sim.isCrashed) return callNumber - 1;
    counts.add(workload.name, life.step);
    sim.disk.clearFaults();
    sim.restart();
    await runAt(
      callNumber,
      life.step,
      sim,
      () => life.check({ isAllKept: ending === "kill" }),
    );
  }
}

/** Fails every call of a workload, once. @returns How many there are. */
export async function sweepFaults(
  workload: SweepWorkload,
  { kind, ending }: Fault,
  counts: PointCount,
): Promise<number> {
  for (let callNumber = 1;; callNumber++) {
    const sim = machine(workload, callNumber);
    const life = workload.begin(sim);
    sim.disk.failNthCall(callNumber, kind);
    await liveUntilEnd(sim, life.live, callNumber);
    if (!sim.disk.isFaultSpent) return callNumber - 1;
    counts.add(workload.name, life.step);
    sim.disk.clearFaults();
    sim.crash(ending);
    sim.restart();
    await runAt(
      callNumber,
      life.step,
      sim,
      () => life.check({ isAllKept: false }),
    );
  }
}

/**
 * Ends or fails a start at every call of it, after a first end in the middle of
 * the work.
 *
 * @param end The call of the first end.
 * @returns How many calls the start makes.
 */
export async function sweepStarts(
  workload: SweepWorkload,
  { end, ending, first = ending === "fail" ? "torn" : ending }: {
    readonly end: number;
    /** How the first life ends; as the start does where left out. */
    readonly first?: Ending;
    readonly ending: Ending | "fail";
  },
  counts: PointCount,
): Promise<number> {
  for (let callNumber = 1;; callNumber++) {
    const sim = machine(workload, seedOf(callNumber, first));
    const life = workload.begin(sim);
    crashAt(sim, end, first);
    await liveUntilEnd(sim, life.live, end);
    sim.disk.clearFaults();
    sim.restart();
    if (ending === "fail") sim.disk.failNthCall(callNumber);
    else crashAt(sim, callNumber, ending);
    await liveUntilEnd(sim, life.recover, callNumber);
    const wasReached = ending === "fail"
      ? sim.disk.isFaultSpent
      : sim.isCrashed;
    if (!wasReached) return callNumber - 1;
    counts.add(workload.name, `start after a crash`);
    sim.disk.clearFaults();
    sim.restart();
    await runAt(
      callNumber,
      `start after ${life.step} (call ${end})`,
      sim,
      () => life.check({ isAllKept: first === "kill" && ending === "kill" }),
    );
  }
}

function machine(workload: SweepWorkload, seed: number): SimHost {
  return simHost(seed, {
    disk: {
      syncDelayMs: [0, 5],
      directories: ["/data", "/tmp", ...workload.directories ?? []],
    },
  });
}

function seedOf(callNumber: number, ending: Ending): number {
  return ending === "torn otherwise" ? 1_000_003 * callNumber : callNumber;
}

function crashAt(sim: SimHost, callNumber: number, ending: Ending): void {
  let left = callNumber;
  sim.disk.crashAtCall(1, () => {
    if (--left !== 0) return false;
    if (ending === "kill") sim.crash("kill");
    if (ending === "lost") sim.crash("power", "lost");
    return true;
  });
}

async function liveUntilEnd(
  sim: SimHost,
  live: () => Promise<void>,
  callNumber: number,
): Promise<void> {
  try {
    await sim.run(() => Promise.race([live(), sim.crashed]));
  } catch (error) {
    const isExpected = error instanceof SimCrash ||
      error instanceof HostError ||
      (error instanceof KafkaError &&
        error.errorName === "KAFKA_STORAGE_ERROR");
    if (!isExpected) throw inContext(error, callNumber, "while it lived");
  }
}

async function runAt(
  callNumber: number,
  step: string,
  sim: SimHost,
  run: () => Promise<void>,
): Promise<void> {
  try {
    await sim.run(run);
  } catch (error) {
    throw inContext(error, callNumber, step);
  }
}

function inContext(error: unknown, callNumber: number, step: string): Error {
  return new Error(
    `At call ${callNumber}, ${step}: ${(error as Error).message}`,
    { cause: error },
  );
}
