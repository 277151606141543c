import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { Clock } from "../host/host.ts";
import { boundedTrace, oneLine } from "./bounded_trace.ts";

Deno.test("oneLine() leaves nothing that a terminal or a log would obey", () => {
  const cases: [text: string, line: string][] = [
    ["plain, ünïcode 日本", "plain, ünïcode 日本"],
    ["Error: x\n    at a\n    at b", "Error: x | at a | at b"],
    ["a\x1b[31mred\x00", "a\\u001b[31mred\\u0000"],
    ["a\u2028b", "a\\u2028b"],
  ];
  for (const [text, line] of cases) strictEqual(oneLine(text), line);
});

Deno.test("boundedTrace() cuts a flood, and says how much it left out", () => {
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs } as Clock;
  const lines: string[] = [];
  const trace = boundedTrace(clock, (line) => lines.push(line));
  for (let i = 0; i < 80; i++) trace(`${i}`);
  strictEqual(lines.length, 50);
  nowMs = 1000;
  trace("later");
  deepStrictEqual(lines.slice(49), [
    "49",
    "30 more lines were left out",
    "later",
  ]);
});
