import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { encodeUtf8 } from "../../core/base/bytes.ts";
import { type Checkpoint, judge } from "./printed.ts";

const SCALE = { recordCount: 4, partitionCount: 2 };

function verdictOf(
  files: { readonly [name: string]: string },
  checkpoints: readonly Checkpoint[] = [],
) {
  const entries = Object.entries(files).map(([name, text]) =>
    [name, encodeUtf8(text)] as const
  );
  return judge(new Map(entries), checkpoints, SCALE);
}

const ALL = "0 0 0\n1 0 1\n0 1 2\n1 1 3\n";

Deno.test("judge() finds nothing where everything was printed once", () => {
  deepStrictEqual(verdictOf({ a: ALL }), {
    lostCount: 0,
    repeatedCount: 0,
    committedAgainCount: 0,
    wrongCount: 0,
    cutCount: 0,
    examples: [],
  });
});

Deno.test("judge() finds a record that was skipped", () => {
  const { lostCount, examples } = verdictOf({ a: "0 0 0\n1 0 1\n0 1 2\n" });
  strictEqual(lostCount, 1);
  deepStrictEqual(examples, ["lost: 3"]);
});

Deno.test("judge() finds a record that is not the one produced there", () => {
  const { wrongCount, lostCount } = verdictOf({
    a: ALL + "0 0 7\n0 9 18\nx 1 1\n1\n",
  });
  strictEqual(wrongCount, 4);
  strictEqual(lostCount, 0);
});

Deno.test("judge() allows what was not committed at a kill again, and no more", () => {
  const files = { a: ALL, b: "0 1 2\n" };
  const at = (offset: number): Checkpoint => ({
    committed: [offset, 0],
    sizes: new Map([["a", ALL.length]]),
  });
  const fine = verdictOf(files, [at(1)]);
  strictEqual(fine.repeatedCount, 1);
  strictEqual(fine.committedAgainCount, 0);
  const wrong = verdictOf(files, [at(2)]);
  strictEqual(wrong.committedAgainCount, 1);
  deepStrictEqual(wrong.examples, [
    "b: 0 1 2, where 2 was committed",
  ]);
});

Deno.test("judge() does not count what was printed before the kill", () => {
  const checkpoint = {
    committed: [2, 2],
    sizes: new Map([["a", ALL.length], ["b", 6]]),
  };
  const files = { a: ALL, b: "0 0 0\n" };
  strictEqual(verdictOf(files, [checkpoint]).committedAgainCount, 0);
});

Deno.test("judge() counts a line that a kill has cut, and takes it for nothing", () => {
  const { cutCount, lostCount } = verdictOf({ a: ALL.slice(0, -2) });
  strictEqual(cutCount, 1);
  strictEqual(lostCount, 1);
});
