import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  check,
  runScenario,
  type Scenario,
} from "../core/testing/sim_scenario.ts";
import { parseArguments, parseSeeds, runJobs, scenarios } from "./sim.ts";

Deno.test("sim runs every scenario for a few seeds, and the kept ones", async () => {
  const jobs = [
    ...parseArguments(["1-3"]) ?? [],
    ...parseArguments(["kept"]) ?? [],
  ];
  const lines: string[] = [];
  const failedCount = await runJobs(jobs, (line) => lines.push(line));
  strictEqual(failedCount, 0, lines.join("\n"));
});

Deno.test("parseArguments() understands seeds, ranges and scenarios", () => {
  deepStrictEqual(parseArguments(["7"]), [{ seed: 7, scenario: undefined }]);
  deepStrictEqual(
    parseArguments(["7-9", "files"])?.map(({ seed }) => seed),
    [7, 8, 9],
  );
  strictEqual(parseArguments([])?.length, 1);
  for (
    const args of [["x"], ["7", "no-such"], ["7", "files", "more"], ["-1"]]
  ) {
    strictEqual(parseArguments(args), null, args.join(" "));
  }
});

Deno.test("parseSeeds() reads seeds with what they found", () => {
  deepStrictEqual(parseSeeds("# all\n\n12 files  # tore\n9 # both\n"), [
    { seed: 12, scenario: "files" },
    { seed: 9, scenario: undefined },
  ]);
});

Deno.test("scenarios have names of their own", () => {
  const names = scenarios.map(({ name }) => name);
  strictEqual(new Set(names).size, names.length);
});

Deno.test("runScenario() gives a failure and the end of its trace", async () => {
  const failing: Scenario = {
    name: "failing",
    shows: "nothing",
    run({ trace, random }) {
      for (let i = 0; i < 1000; i++) trace(`line ${i} ${random.below(9)}`);
      check(false, "never holds");
      return Promise.resolve();
    },
  };
  const first = await runScenario(failing, 5);
  ok(
    first.failure instanceof Error && /never holds/.test(first.failure.message),
  );
  strictEqual(first.trace.length, 200);
  ok(first.trace.at(-1)?.startsWith("line 999 "));
  deepStrictEqual((await runScenario(failing, 5)).trace, first.trace);
});
