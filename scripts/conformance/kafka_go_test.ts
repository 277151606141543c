import { deepEqual, equal } from "node:assert/strict";
import { judge, parseList } from "./kafka_go.ts";
import { readOutcomes } from "./kafka_go_worker.ts";
import { reportLines } from "./report.ts";

const OUTPUT = `=== RUN   TestA
    a_test.go:1: what went wrong
--- FAIL: TestA (0.50s)
    --- PASS: TestA/part_(1) (0.25s)
    --- SKIP: TestA/part_(2) (0.00s)
FAIL
`;

Deno.test("readOutcomes() reads parts too, and why a test failed", () => {
  const outcomes = readOutcomes(OUTPUT);
  deepEqual([...outcomes].map(([name, { action }]) => [name, action]), [
    ["TestA", "fail"],
    ["TestA/part_(1)", "pass"],
    ["TestA/part_(2)", "skip"],
  ]);
  equal(outcomes.get("TestA/part_(1)")?.seconds, 0.25);
  equal(outcomes.get("TestA")?.text.includes("what went wrong"), true);
});

Deno.test("judge() counts listed tests only, and a missing outcome as a failure", () => {
  const list = parseList(
    "# head\nTestA\nTestA/part_(1)\nTestB\tneeds c\nTestD\n",
  );
  const outcomes = Object.fromEntries(readOutcomes(OUTPUT));
  const result = judge(list, ({ missing }) => missing === null, outcomes);
  equal(result.passed, 1);
  deepEqual(result.skips, ["TestB: needs c"]);
  deepEqual(result.failures.map((text) => text.split(":")[0]), [
    "TestA",
    "TestD",
  ]);
  const suite = { name: "suite", ...result, kafkaPassed: 4 };
  const par = { broker: "Kafka", cells: {} };
  const { lines, failed } = reportLines([], par, [suite]);
  equal(failed, 2);
  equal(lines[1].replaceAll(/ +/g, " "), "suite all tests 1 of 4 4 of 4");
  equal(lines.at(-1), "1 passed, 2 failed, 1 skipped");
});
