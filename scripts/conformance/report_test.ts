import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  parOf,
  parWithin,
  reportLines,
  verdict,
  withFeatures,
} from "./report.ts";
import type { Cell, Outcome } from "./suite.ts";

function cell(client: string, feature: string, outcome: Outcome): Cell {
  return { client, feature, outcome, reason: outcome === "pass" ? "" : "why" };
}

Deno.test("verdict() blames kq for what works with Kafka, the client for the rest", () => {
  const cases: [kq: Outcome | undefined, kafka: string | undefined, Outcome][] =
    [
      ["pass", "pass", "pass"],
      ["pass", undefined, "pass"],
      ["pass", "fail", "pass"],
      ["fail", "pass", "fail"],
      ["fail", undefined, "fail"],
      ["fail", "fail", "skip"],
      ["skip", "pass", "skip"],
      ["skip", "skip", "skip"],
      [undefined, "pass", "fail"],
      [undefined, "skip", "skip"],
    ];
  for (const [kq, kafka, expected] of cases) {
    strictEqual(verdict(kq, kafka), expected, `kq ${kq}, Kafka ${kafka}`);
  }
});

Deno.test("reportLines() counts, and names what fails or was never reached", () => {
  const kafka = [
    cell("kcat", "produce", "pass"),
    cell("kcat", "consume", "pass"),
    cell("kcat", "admin", "skip"),
    cell("absent", "produce", "pass"),
  ];
  const kq = [
    cell("kcat", "produce", "fail"),
    cell("kcat", "admin", "skip"),
    cell("kcat", "new", "pass"),
    cell("absent", "everything", "skip"),
  ];
  const { lines, failed } = reportLines(kq, parOf("Kafka", kafka));
  strictEqual(failed, 2);
  strictEqual(lines.at(-1), "1 passed, 2 failed, 2 skipped");
  ok(lines.includes("FAIL kcat: produce: why"));
  ok(lines.includes("FAIL kcat: consume: was not reached"));
  deepStrictEqual(lines[0].split(/ {2,}/), [
    "client",
    "feature",
    "kq",
    "Kafka",
  ]);
});

Deno.test("a run of some features neither loses nor misses the others", () => {
  const all = parOf("Kafka", [
    cell("kafkajs", "produce", "pass"),
    cell("kafkajs", "transactions: copy", "fail"),
    cell("kcat", "produce", "pass"),
  ]);
  const some = parOf("Kafka", [cell("kafkajs", "transactions: copy", "pass")]);
  const cells = withFeatures(all.cells, some.cells);
  deepStrictEqual(cells, {
    kafkajs: { "produce": "pass", "transactions: copy": "pass" },
    kcat: { produce: "pass" },
  });
  const within = parWithin(
    { broker: "Kafka", cells },
    (_, feature) => feature !== "produce",
  );
  const kq = [cell("kafkajs", "transactions: copy", "pass")];
  strictEqual(reportLines(kq, within).failed, 0);
});
