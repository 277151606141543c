// What a simulation scenario is: a story with crashes and faults drawn from a
// seed, and checks that hold whatever the seed. `scripts/sim.ts` runs them.

import type { SimHost } from "./sim_host.ts";
import { SimRandom } from "./sim_random.ts";

export interface ScenarioRun {
  readonly seed: number;
  /** For what the story draws itself, apart from what its hosts draw. */
  readonly random: SimRandom;
  /** Notes one line of what happened; shown when a check fails. */
  readonly trace: (line: string) => void;
}

export interface Scenario {
  readonly name: string;
  /** One line: what it shows. */
  readonly shows: string;
  /** @throws {SimFailure} Where a check does not hold. */
  readonly run: (run: ScenarioRun) => Promise<void>;
}

/** A check of a scenario did not hold: the code under test is wrong, or the check. */
export class SimFailure extends Error {
  override readonly name = "SimFailure";
}

/** @throws {SimFailure} Where the condition is false. */
export function check(condition: unknown, message: string): asserts condition {
  if (!condition) throw new SimFailure(message);
}

/** The number of trace lines that a failed run keeps. */
const TRACE_LINE_MAX = 200;

/** Runs a scenario; a failure carries the end of its trace. */
export async function runScenario(
  scenario: Scenario,
  seed: number,
): Promise<{ failure: unknown; trace: readonly string[] }> {
  const lines: string[] = [];
  const trace = (line: string) => {
    lines.push(line);
    if (lines.length > 2 * TRACE_LINE_MAX) lines.splice(0, TRACE_LINE_MAX);
  };
  let failure: unknown = null;
  try {
    await scenario.run({ seed, random: new SimRandom(seed), trace });
  } catch (error) {
    failure = error;
  }
  return { failure, trace: lines.slice(-TRACE_LINE_MAX) };
}

/**
 * Runs one life of a process: to its end, or to the crash that was planned.
 *
 * @returns Whether it came to its end.
 */
export async function liveOn(
  sim: SimHost,
  life: () => Promise<void>,
): Promise<boolean> {
  try {
    await sim.run(async () => {
      // Some of the life may wait for ever once it is over; the crash ends it.
      await Promise.race([life(), sim.crashed]);
      sim.host.disk.stat("/");
    });
    return true;
  } catch (error) {
    // Once it has crashed, its code may fail in any way, but a check may not.
    if (error instanceof SimFailure || !sim.isCrashed) throw error;
    return false;
  }
}
