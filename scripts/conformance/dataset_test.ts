import { match, ok, strictEqual } from "node:assert/strict";
import type { ReadRecord } from "./client.ts";
import { difference, shapedRecords } from "./dataset.ts";

function readBack(firstOffset = 0): ReadRecord[] {
  return shapedRecords.map((record, i) => ({
    ...record,
    offset: firstOffset + i,
    timestampMs: Date.now(),
  }));
}

Deno.test("difference() finds none where all is as it was sent", () => {
  strictEqual(difference(readBack(), shapedRecords), null);
  strictEqual(difference(readBack(7), shapedRecords, 7), null);
});

Deno.test("difference() tells a tombstone from an empty value, and names the record", () => {
  const changes: Partial<ReadRecord>[] = [
    { value: "" },
    { key: null },
    { headers: [["extra", "1"]] },
    { offset: 9 },
    { timestampMs: -1 },
  ];
  for (const change of changes) {
    const read = readBack();
    read[2] = { ...read[2], ...change };
    match(difference(read, shapedRecords) ?? "", /^record 2/);
  }
  ok(difference(readBack().slice(1), shapedRecords)?.startsWith("6 records"));
});
