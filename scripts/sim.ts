// Runs the simulation scenarios for a seed: the same seed is the same run.
//
//   deno task sim                 one seed by chance
//   deno task sim 123             that seed
//   deno task sim 1-500           each of these seeds
//   deno task sim 123 coordinator one scenario of it
//   deno task sim kept            the seeds of testdata/sim_seeds.txt
//
// A failure prints what to run to see it again, and the end of its trace.

import { brokerScenario } from "../core/testing/sim_scenario_broker.ts";
import { coordinatorScenario } from "../core/testing/sim_scenario_coordinator.ts";
import { ensembleScenario } from "../core/testing/sim_scenario_ensemble.ts";
import { fileScenario } from "../core/testing/sim_scenario_files.ts";
import { groupScenario } from "../core/testing/sim_scenario_groups.ts";
import { heldScenario } from "../core/testing/sim_scenario_held.ts";
import { logScenario } from "../core/testing/sim_scenario_log.ts";
import { transactionScenario } from "../core/testing/sim_scenario_transactions.ts";
import { runScenario, type Scenario } from "../core/testing/sim_scenario.ts";

export const scenarios: readonly Scenario[] = [
  fileScenario,
  coordinatorScenario,
  logScenario,
  brokerScenario,
  groupScenario,
  ensembleScenario,
  transactionScenario,
  heldScenario,
];

interface Job {
  readonly seed: number;
  /** All scenarios where it is left out. */
  readonly scenario?: string;
}

/** Lines of `seed scenario  # what it found`; the rest of a line is a comment. */
export function parseSeeds(text: string): Job[] {
  const jobs: Job[] = [];
  for (const line of text.split("\n")) {
    const [seed, scenario] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (seed !== "") jobs.push({ seed: Number(seed), scenario });
  }
  return jobs;
}

/** What the arguments ask for; `null` where they make no sense. */
export function parseArguments(args: readonly string[]): Job[] | null {
  const [what = String(Math.floor(Math.random() * 1e9)), scenario] = args;
  if (
    args.length > 2 ||
    (scenario !== undefined &&
      !scenarios.some(({ name }) => name === scenario))
  ) return null;
  if (what === "kept") {
    const url = new URL("../testdata/sim_seeds.txt", import.meta.url);
    return parseSeeds(Deno.readTextFileSync(url));
  }
  const range = /^(\d+)(?:-(\d+))?$/.exec(what);
  if (range === null) return null;
  const first = Number(range[1]);
  const last = Number(range[2] ?? range[1]);
  return Array.from(
    { length: Math.max(0, last - first + 1) },
    (_, i) => ({ seed: first + i, scenario }),
  );
}

/** Runs what is asked for; the number of failures. */
export async function runJobs(
  jobs: readonly Job[],
  print: (line: string) => void,
): Promise<number> {
  let failedCount = 0;
  for (const { seed, scenario: only } of jobs) {
    for (const scenario of scenarios) {
      if (only !== undefined && scenario.name !== only) continue;
      const startMs = performance.now();
      const { failure, trace } = await runScenario(scenario, seed);
      const tookMs = Math.round(performance.now() - startMs);
      if (failure === null) {
        print(`ok      ${scenario.name} ${seed} (${tookMs} ms)`);
        continue;
      }
      failedCount += 1;
      for (const line of trace) print(`        ${line}`);
      print(
        failure instanceof Error
          ? failure.stack ?? failure.message
          : String(failure),
      );
      print(`FAILED  deno task sim ${seed} ${scenario.name}`);
    }
  }
  return failedCount;
}

if (import.meta.main) {
  const jobs = parseArguments(Deno.args);
  if (jobs === null) {
    console.error(
      `usage: deno task sim [SEED|FIRST-LAST|kept] [${
        scenarios.map(({ name }) => name).join("|")
      }]`,
    );
    Deno.exit(2);
  }
  if (await runJobs(jobs, console.log) > 0) Deno.exit(1);
}
