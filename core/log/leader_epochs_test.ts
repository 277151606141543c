import { deepEqual, strictEqual, throws } from "node:assert/strict";
import { encodeUtf8 } from "../base/bytes.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import { LeaderEpochs } from "./leader_epochs.ts";

function epochs(...entries: [epoch: number, startOffset: number][]) {
  const made = new LeaderEpochs();
  for (const [epoch, startOffset] of entries) made.assign(epoch, startOffset);
  return made;
}

function pairs(made: LeaderEpochs): number[][] {
  return made.entries.map((entry) => [entry.epoch, entry.startOffset]);
}

Deno.test("assign() keeps epochs and offsets rising", () => {
  deepEqual(pairs(epochs([0, 0], [2, 10], [1, 20], [2, 20])), [[0, 0], [
    2,
    10,
  ]]);
  // A leader without records: its epoch starts where the next one's does.
  deepEqual(pairs(epochs([0, 0], [2, 10], [3, 10])), [[0, 0], [3, 10]]);
  deepEqual(pairs(epochs([0, 5], [4, 0])), [[4, 0]]);
  deepEqual(pairs(epochs([-1, 0])), []);
});

Deno.test("endOf() answers with the largest epoch at or below the asked one", () => {
  const made = epochs([2, 10], [4, 20], [7, 30]);
  const cases: [asked: number, epoch: number, endOffset: number][] = [
    [-1, -1, -1],
    [0, 0, 10],
    [2, 2, 20],
    [3, 2, 20],
    [4, 4, 30],
    [6, 4, 30],
    [7, 7, 35],
    [8, -1, -1],
  ];
  for (const [asked, epoch, endOffset] of cases) {
    deepEqual(made.endOf(asked, 35), { epoch, endOffset }, `epoch ${asked}`);
  }
  deepEqual(epochs().endOf(0, 35), { epoch: -1, endOffset: -1 });
});

Deno.test("epochOf() says which epoch wrote an offset", () => {
  const made = epochs([2, 10], [4, 20]);
  deepEqual([9, 10, 19, 20, 99].map((offset) => made.epochOf(offset)), [
    -1,
    2,
    2,
    4,
    4,
  ]);
});

Deno.test("truncateEnd() and truncateStart() cut as the log is cut", () => {
  const made = epochs([1, 0], [2, 10], [4, 20], [5, 30]);
  made.truncateEnd(30);
  deepEqual(pairs(made), [[1, 0], [2, 10], [4, 20]]);
  made.truncateStart(15);
  deepEqual(pairs(made), [[2, 15], [4, 20]]);
  made.truncateStart(20);
  deepEqual(pairs(made), [[4, 20]]);
  const { revision } = made;
  made.truncateStart(5);
  made.truncateStart(20);
  made.truncateEnd(99);
  strictEqual(made.revision, revision);
  made.truncateEnd(0);
  deepEqual(pairs(made), []);
});

Deno.test("the checkpoint file is read as it is written, and refused where it makes no sense", () => {
  const made = epochs([0, 0], [2, 200]);
  const bytes = made.format();
  strictEqual(new TextDecoder().decode(bytes), "0\n2\n0 0\n2 200\n");
  deepEqual(pairs(LeaderEpochs.parse("x", bytes)), pairs(made));
  for (
    const text of [
      "",
      "1\n0\n",
      "0\n2\n0 0\n",
      "0\n1\n0\n",
      "0\n1\n0 x\n",
      "0\n2\n2 0\n1 5\n",
      "0\n2\n1 5\n2 5\n",
      "0\n1\n0 99999999999999999999\n",
    ]
  ) {
    throws(
      () => LeaderEpochs.parse("x", encodeUtf8(text)),
      CorruptFileError,
      JSON.stringify(text),
    );
  }
  throws(
    () => LeaderEpochs.parse("x", new Uint8Array([0xff, 0xfe])),
    CorruptFileError,
  );
});
