import { strictEqual } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { checkBatchLine } from "../testing/golden_batches.ts";

const file = new URL(
  "../../testdata/record/record-batches.jsonl.gz",
  import.meta.url,
);
const lines = new TextDecoder().decode(gunzipSync(Deno.readFileSync(file)))
  .trimEnd().split("\n").map((line) => JSON.parse(line));

Deno.test("batches that Kafka wrote decode, and encode back", () => {
  strictEqual(lines.length, 66);
  for (const line of lines) {
    strictEqual(
      checkBatchLine(line),
      null,
      `magic ${line.magic} ${line.compression}`,
    );
  }
});

Deno.test("checkBatchLine() notices what differs", () => {
  const line = lines.find(({ magic, compression, records }) =>
    magic === 2 && compression === "none" && records.length > 1
  );
  const [first, ...rest] = line.records;
  const changed = [
    { ...line, baseOffset: line.baseOffset + 1 },
    { ...line, records: rest },
    { ...line, records: [{ ...first, key: "00" }, ...rest] },
    { ...line, hex: line.hex.slice(0, -2) + "01" },
  ];
  for (const each of changed) {
    strictEqual(typeof checkBatchLine(each), "string");
  }
});
