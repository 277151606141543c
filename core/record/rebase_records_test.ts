import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { BATCH_HEADER_BYTES, encodeBatch } from "./record_batch.ts";
import { rebaseRecords } from "./rebase_records.ts";

const plainOf = (timestamps: readonly number[], baseMs: number) =>
  encodeBatch({
    // The horizon is what a batch has in place of its base timestamp.
    deleteHorizonMs: baseMs,
    records: timestamps.map((timestampMs, i) => ({
      timestampMs,
      key: i % 2 === 0 ? null : new Uint8Array(i),
      value: new Uint8Array(3).fill(i),
      headers: i === 1 ? [{ key: "h", value: null }] : [],
    })),
  }).subarray(BATCH_HEADER_BYTES);

Deno.test("rebaseRecords() writes what a batch with the other base would hold", () => {
  const time = fc.integer({ min: 0, max: 2 ** 45 });
  fc.assert(
    fc.property(
      fc.array(time, { minLength: 1, maxLength: 20 }),
      time,
      time,
      (timestamps, fromMs, toMs) => {
        deepStrictEqual(
          rebaseRecords(
            plainOf(timestamps, fromMs),
            timestamps.length,
            (delta) => delta + fromMs - toMs,
          ),
          plainOf(timestamps, toMs),
        );
      },
    ),
  );
});

Deno.test("rebaseRecords() of no records is nothing", () => {
  strictEqual(rebaseRecords(new Uint8Array(0), 0, () => 0).length, 0);
});
