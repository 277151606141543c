import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { writeInt32 } from "../base/big_endian.ts";
import { concatBytes } from "../base/bytes.ts";
import type { CompressionName } from "../compress/codecs.ts";
import { encodeEndTransactionMarker } from "./control_record.ts";
import { downConvert, upConvert } from "./convert.ts";
import { encodeMessageSet, type OldMagic } from "./message_set.ts";
import {
  encodeBatch,
  readBatchHeader,
  RECORD_COUNT_POSITION,
} from "./record_batch.ts";
import { batchesIn, recordsOfBatch } from "./record_stream.ts";

const text = (value: string) => new TextEncoder().encode(value);
const records = ["a", "b", "c"].map((name, i) => ({
  timestampMs: 1000 + i,
  key: i === 1 ? null : text(`key-${name}`),
  value: i === 2 ? null : text(`value-${name}`),
  headers: [{ key: "h", value: text("dropped") }],
}));

function readAll(bytes: Uint8Array) {
  return [...batchesIn(bytes)].flatMap((span) => recordsOfBatch(bytes, span));
}

function offsetsOf(bytes: Uint8Array) {
  return readAll(bytes).map(({ offset }) => offset);
}

Deno.test("downConvert() keeps offsets, keys, values and compression", () => {
  for (const magic of [0, 1] as OldMagic[]) {
    for (const compression of ["none", "gzip", "snappy", "lz4"] as const) {
      const batch = encodeBatch({ records, compression, baseOffset: 500 });
      const set = downConvert(batch, magic);
      const spans = [...batchesIn(set)];
      strictEqual(spans.length, compression === "none" ? 3 : 1);
      deepStrictEqual(
        readAll(set).map((r) => ({ ...r })),
        records.map((record, i) => ({
          offset: 500 + i,
          timestampMs: magic === 0 ? -1 : record.timestampMs,
          key: record.key,
          value: record.value,
          headers: [],
        })),
        `magic ${magic} ${compression}`,
      );
    }
  }
});

Deno.test("downConvert() gives every record the time of its append", () => {
  const batch = encodeBatch({ records, logAppendTimeMs: 4000 });
  deepStrictEqual(
    readAll(downConvert(batch, 1)).map((r) => r.timestampMs),
    [4000, 4000, 4000],
  );
  const wrapper = encodeBatch({
    records,
    logAppendTimeMs: 4000,
    compression: "lz4",
  });
  deepStrictEqual(
    readAll(downConvert(wrapper, 1)).map((r) => r.timestampMs),
    [4000, 4000, 4000],
  );
});

Deno.test("downConvert() starts at the offset asked for, where it can cut", () => {
  const make = (compression: CompressionName) =>
    encodeBatch({ records, compression, baseOffset: 10 });
  const options = { firstOffset: 11 };
  deepStrictEqual(offsetsOf(downConvert(make("none"), 1, options)), [11, 12]);
  deepStrictEqual(offsetsOf(downConvert(make("lz4"), 1, options)), [
    10,
    11,
    12,
  ]);
});

Deno.test("downConvert() leaves out control batches and what is cut off, keeps what old clients know", () => {
  const old = encodeMessageSet({ magic: 0, records, baseOffset: 1 });
  const marker = encodeEndTransactionMarker(
    { type: "commit", coordinatorEpoch: 1 },
    { timestampMs: 1, producerId: 1, producerEpoch: 0 },
  );
  const batch = encodeBatch({ records, baseOffset: 20 });
  const all = concatBytes([old, marker, batch, batch.subarray(0, 70)]);
  const converted = downConvert(all, 1);
  deepStrictEqual(offsetsOf(converted), [1, 2, 3, 20, 21, 22]);
  strictEqual(
    converted.subarray(0, old.length).toHex(),
    old.toHex(),
  );
  strictEqual(downConvert(marker, 1).length, 0);
});

Deno.test("downConvert() gives no more than was asked for, but the first batch whole", () => {
  const batch = encodeBatch({ records });
  const whole = downConvert(batch, 1);
  const two = concatBytes([batch, encodeBatch({ records, baseOffset: 3 })]);
  strictEqual(downConvert(two, 1, { maxBytes: 1 }).length, whole.length);
  const cut = downConvert(two, 1, { maxBytes: whole.length + 70 });
  strictEqual(cut.length, whole.length + 70);
  deepStrictEqual(offsetsOf(cut), [0, 1, 2, 3]);
});

Deno.test("downConvert() takes magic 1 to magic 0", () => {
  const set = encodeMessageSet({
    magic: 1,
    records,
    baseOffset: 7,
    compression: "lz4",
  });
  const converted = downConvert(set, 0);
  deepStrictEqual(offsetsOf(converted), [7, 8, 9]);
  strictEqual([...batchesIn(converted)][0].magic, 0);
});

Deno.test("downConvert() refuses zstd", () => {
  const batch = encodeBatch({ records, compression: "zstd" });
  throws(
    () => downConvert(batch, 1),
    { errorName: "UNSUPPORTED_COMPRESSION_TYPE" },
  );
  const before = encodeBatch({ records });
  const converted = downConvert(concatBytes([before, batch, before]), 1);
  deepStrictEqual(offsetsOf(converted), [0, 1, 2], "it ends before zstd");
});

Deno.test("downConvert() makes no millions of messages out of one small batch", () => {
  const batch = encodeBatch({
    records: [{ timestampMs: 1, key: null, value: null }],
    compression: "gzip",
  });
  writeInt32(batch, RECORD_COUNT_POSITION, 1_000_001);
  throws(() => downConvert(batch, 1), { errorName: "MESSAGE_TOO_LARGE" });
});

Deno.test("upConvert() makes one batch with offsets of its own", () => {
  const set = encodeMessageSet({ magic: 1, records, baseOffset: 90 });
  const batch = upConvert(readAll(set), {
    baseOffset: 3,
    partitionLeaderEpoch: 8,
    compression: "zstd",
  });
  const header = readBatchHeader(batch);
  deepStrictEqual(
    [header.baseOffset, header.recordCount, header.partitionLeaderEpoch],
    [3, 3, 8],
  );
  deepStrictEqual(
    readAll(batch).map((r) => [r.offset, r.timestampMs]),
    [[3, 1000], [4, 1001], [5, 1002]],
  );
});
