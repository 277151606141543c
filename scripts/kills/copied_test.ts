import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { copyOf, judgeCopy } from "./copied.ts";

const SCALE = { recordCount: 4, inputPartitionCount: 2 };

function copies(...numbers: readonly number[]): string[] {
  return numbers.map((number) => copyOf(number, "a0/7"));
}

Deno.test("judgeCopy() finds nothing where every number was copied once, in order", () => {
  deepStrictEqual(judgeCopy([copies(1, 0, 3), copies(2)], SCALE), {
    missingCount: 0,
    repeatedCount: 0,
    wrongCount: 0,
    misplacedCount: 0,
    examples: [],
  });
});

Deno.test("judgeCopy() finds what is missing, repeated, misplaced or wrong", () => {
  const missing = judgeCopy([copies(0, 1, 2)], SCALE);
  strictEqual(missing.missingCount, 1);
  deepStrictEqual(missing.examples, ["missing: 3"]);
  const all = copies(0, 1, 2, 3);
  strictEqual(judgeCopy([all, copies(2)], SCALE).repeatedCount, 1);
  strictEqual(judgeCopy([copies(2, 0, 1, 3)], SCALE).misplacedCount, 1);
  const wrong = ["!1:7919 a0/7", "1:1 a0/7", "x", copyOf(4, "a0/7")];
  strictEqual(judgeCopy([[...all, ...wrong]], SCALE).wrongCount, 4);
});
