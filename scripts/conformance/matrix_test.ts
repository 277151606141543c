import { deepStrictEqual } from "node:assert/strict";
import { matrixLines } from "./matrix.ts";
import { parOf } from "./report.ts";
import type { Cell, Outcome } from "./suite.ts";

function cell(client: string, feature: string, outcome: Outcome): Cell {
  return { client, feature, outcome, reason: "" };
}

Deno.test("matrixLines() sets kq beside Kafka, one row for a feature of all clients", () => {
  const kafka = [
    cell("kcat", "produce", "pass"),
    cell("Java", "produce (ConsoleProducer)", "pass"),
  ];
  const kq = [
    cell("kcat", "produce", "fail"),
    cell("Java", "produce (ConsoleProducer)", "pass"),
    cell("Java", "admin", "skip"),
  ];
  deepStrictEqual(matrixLines(kq, parOf("Kafka", kafka)), [
    "| kq/Kafka | kcat | Java |",
    "| --- | :-: | :-: |",
    "| produce | ✗/✓ | ✓/✓ |",
    "| admin |  | –/  |",
  ]);
});
