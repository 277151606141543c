import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { countsOf, lineOf, outputProblem } from "./streams.ts";
import type { KeyedRecord } from "./transaction_client.ts";

Deno.test("the counts are those of the lines", () => {
  strictEqual(lineOf(7), lineOf(7));
  strictEqual(lineOf(7).split(" ").length, 5);
  const total = [...countsOf(40).values()].reduce((sum, n) => sum + n, 0);
  strictEqual(total, 200);
  ok(countsOf(400).size > 20, "the words differ");
  const [word] = lineOf(0).split(" ");
  const wanted = lineOf(0).split(" ").filter((other) => other === word).length;
  deepStrictEqual(countsOf(1).get(word), wanted);
});

Deno.test("a word that is counted twice, left out or out of turn is a problem", () => {
  const counts = new Map([["a", 2], ["b", 1]]);
  const rows = (...values: [word: string, count: string][]): KeyedRecord[] =>
    values.map(([word, count], offset) => [0, offset, word, count]);
  const right = rows(["a", "1"], ["b", "1"], ["a", "2"]);
  strictEqual(outputProblem(right, counts), null);
  const faults: [KeyedRecord[], RegExp][] = [
    [rows(["a", "1"], ["b", "1"], ["a", "1"], ["a", "2"]), /a is 1 after 1/],
    [rows(["a", "1"], ["b", "1"], ["a", "3"]), /a is 3 after 1/],
    [rows(["a", "1"], ["a", "2"]), /b was counted 0 times, not 1/],
    [rows(["a", "1"], ["b", "1"], ["b", "2"], ["a", "2"]), /b was counted 2/],
  ];
  for (const [output, problem] of faults) {
    match(outputProblem(output, counts) ?? "none", problem);
  }
});
