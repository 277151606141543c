import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { concatBytes } from "../base/bytes.ts";
import { encodeMessageSet } from "./message_set.ts";
import { encodeBatch } from "./record_batch.ts";
import { batchAt, batchesIn, recordsOfBatch } from "./record_stream.ts";

const records = [{ timestampMs: 1, key: null, value: Uint8Array.of(1) }];
const batch = encodeBatch({ records, baseOffset: 2 });
const mixed = concatBytes([
  encodeMessageSet({ magic: 0, records, baseOffset: 0 }),
  encodeMessageSet({ magic: 1, records, baseOffset: 1 }),
  batch,
]);

Deno.test("batchesIn() walks over all formats and stops before what is cut off", () => {
  deepStrictEqual([...batchesIn(mixed)].map(({ magic }) => magic), [0, 1, 2]);
  for (const cut of [1, 10, 20, batch.length - 1]) {
    const spans = [...batchesIn(mixed.subarray(0, mixed.length - cut))];
    strictEqual(spans.length, 2, `without the last ${cut} bytes`);
  }
  deepStrictEqual(
    [...batchesIn(mixed)].flatMap((span) =>
      recordsOfBatch(mixed, span).map(({ offset }) => offset)
    ),
    [0, 1, 2],
  );
});

Deno.test("batchAt() refuses sizes and magics that cannot be", () => {
  const cases: [name: string, bytes: Uint8Array][] = [
    ["negative size", batch.with(8, 0x80)],
    ["size of 0", batch.with(11, 0)],
    ["size below the header's", batch.with(11, 48)],
    ["magic 3", batch.with(16, 3)],
    ["magic -1", batch.with(16, 255)],
  ];
  for (const [name, bytes] of cases) {
    throws(() => batchAt(bytes, 0), { errorName: "CORRUPT_MESSAGE" }, name);
  }
});
