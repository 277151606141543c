import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { type CompressionName, compressions } from "../compress/codecs.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  BATCH_HEADER_BYTES,
  BatchBuilder,
  batchCrcIsValid,
  batchLastOffset,
  batchMaxTimestampMs,
  batchSize,
  decodeBatch,
  encodeBatch,
  readBatchHeader,
  RECORD_COUNT_POSITION,
  type RecordInput,
  sealBatch,
  setBaseOffset,
  setLogAppendTime,
  setPartitionLeaderEpoch,
} from "./record_batch.ts";

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 300 }));
const recordInput: fc.Arbitrary<RecordInput> = fc.record({
  timestampMs: fc.integer({ min: -1, max: 2 ** 45 }),
  key: bytesOrNull,
  value: bytesOrNull,
  headers: fc.array(
    fc.record({ key: fc.string({ unit: "grapheme" }), value: bytesOrNull }),
    { maxLength: 4 },
  ),
});
const recordInputs = fc.array(recordInput, { minLength: 1, maxLength: 20 });
const compressionName = fc.constantFrom(
  ...compressions.map(({ name }) => name),
);
const hex = (bytes: Uint8Array | null) => bytes === null ? null : bytes.toHex();

/** What must come back, in a form that compares views and copies alike. */
function plain(records: readonly RecordInput[], baseOffset = 0) {
  return records.map((record, i) => ({
    offset: record.offset ?? baseOffset + i,
    timestampMs: record.timestampMs,
    key: hex(record.key),
    value: hex(record.value),
    headers: (record.headers ?? []).map(({ key, value }) => [key, hex(value)]),
  }));
}

Deno.test("a batch gives back its records, in every compression", () => {
  fc.assert(fc.property(
    recordInputs,
    compressionName,
    fc.nat(2 ** 48),
    (records, compression, baseOffset) => {
      const batch = encodeBatch({ records, compression, baseOffset });
      deepStrictEqual(
        plain(decodeBatch(batch)),
        plain(records, baseOffset),
      );
      strictEqual(batchSize(batch), batch.length);
      strictEqual(batchLastOffset(batch), baseOffset + records.length - 1);
      strictEqual(
        batchMaxTimestampMs(batch),
        Math.max(...records.map(({ timestampMs }) => timestampMs)),
      );
      ok(batchCrcIsValid(batch));
    },
  ));
});

Deno.test("BatchBuilder makes the same bytes as encodeBatch()", () => {
  fc.assert(fc.property(
    recordInputs,
    compressionName,
    (records, compression) => {
      const builder = new BatchBuilder({ maxBytes: 1e6, compression });
      for (const record of records) ok(builder.tryAppend(record));
      strictEqual(builder.recordCount, records.length);
      const producer = {
        producerId: 7,
        producerEpoch: 1,
        baseSequence: 40,
        isTransactional: true,
      };
      strictEqual(
        hex(builder.build(producer)),
        hex(encodeBatch({ records, compression, ...producer })),
      );
    },
  ));
});

Deno.test("BatchBuilder takes one record of any size, then keeps to its own", () => {
  const record = (size: number) => ({
    timestampMs: 5,
    key: null,
    value: new Uint8Array(size),
  });
  const builder = new BatchBuilder({ maxBytes: 1000 });
  ok(builder.tryAppend(record(5000)) && builder.isFull);
  ok(!builder.tryAppend(record(0)));
  strictEqual(decodeBatch(builder.build())[0].value?.length, 5000);

  const small = new BatchBuilder({ maxBytes: 1000 });
  let count = 0;
  while (small.tryAppend(record(100))) count++;
  strictEqual(count, 8);
  ok(small.sizeBytes <= 1000);
  strictEqual(small.build().length, small.sizeBytes);
});

Deno.test("BatchBuilder builds again for a new epoch", () => {
  const builder = new BatchBuilder({ maxBytes: 1000 });
  builder.tryAppend({ timestampMs: 1, key: null, value: null });
  builder.build({ producerId: 1, producerEpoch: 0, baseSequence: 9 });
  const again = readBatchHeader(
    builder.build({ producerId: 1, producerEpoch: 1, baseSequence: 0 }),
  );
  deepStrictEqual([again.producerEpoch, again.baseSequence], [1, 0]);
});

Deno.test("records may have gaps between their offsets, as compaction leaves", () => {
  const at = (offset: number) => ({
    offset,
    timestampMs: 100 + offset,
    key: null,
    value: null,
  });
  const records = [at(1010), at(1017)];
  const batch = encodeBatch({ records, baseOffset: 1000, lastOffset: 1020 });
  deepStrictEqual(plain(decodeBatch(batch)), plain(records));
  strictEqual(batchLastOffset(batch), 1020);

  const empty = readBatchHeader(encodeBatch({
    records: [],
    baseOffset: 5,
    lastOffset: 8,
    maxTimestampMs: 3,
  }));
  deepStrictEqual([empty.recordCount, empty.lastOffset], [0, 8]);
  strictEqual(empty.maxTimestampMs, 3);
});

Deno.test("every field of the header comes back", () => {
  const batch = encodeBatch({
    records: [{ timestampMs: 7, key: null, value: null }],
    compression: "zstd",
    baseOffset: 2 ** 40 + 1,
    partitionLeaderEpoch: 12,
    producerId: 2 ** 45,
    producerEpoch: 32767,
    baseSequence: 2 ** 31 - 1,
    isTransactional: true,
    isControl: true,
    deleteHorizonMs: 99,
  });
  const { crc, sizeBytes, ...header } = readBatchHeader(batch);
  ok(crc > 0 && sizeBytes === batch.length);
  deepStrictEqual(header, {
    baseOffset: 2 ** 40 + 1,
    lastOffset: 2 ** 40 + 1,
    partitionLeaderEpoch: 12,
    magic: 2,
    attributes: 0x74,
    compressionId: 4,
    timestampType: "CreateTime",
    isTransactional: true,
    isControl: true,
    deleteHorizonMs: 99,
    lastOffsetDelta: 0,
    baseTimestampMs: 99,
    maxTimestampMs: 7,
    producerId: 2 ** 45,
    producerEpoch: 32767,
    baseSequence: 2 ** 31 - 1,
    recordCount: 1,
  });
  strictEqual(decodeBatch(batch)[0].timestampMs, 7);
});

Deno.test("stamps of offset and epoch leave the checksum right, those of time renew it", () => {
  const padding = 3;
  const batch = encodeBatch({
    records: [
      { timestampMs: 7, key: null, value: null },
      { timestampMs: 9, key: null, value: null },
    ],
  });
  const bytes = new Uint8Array(padding + batch.length);
  bytes.set(batch, padding);
  setBaseOffset(bytes, padding, 2 ** 33);
  setPartitionLeaderEpoch(bytes, padding, 4);
  ok(batchCrcIsValid(bytes, padding));
  setLogAppendTime(bytes, padding, 1234);
  ok(batchCrcIsValid(bytes, padding));
  deepStrictEqual(
    decodeBatch(bytes, padding).map((r) => [r.offset, r.timestampMs]),
    [[2 ** 33, 1234], [2 ** 33 + 1, 1234]],
  );
  deepStrictEqual(
    decodeBatch(bytes, padding, { keepCreateTime: true }).map((r) =>
      r.timestampMs
    ),
    [7, 9],
  );
});

Deno.test("decodeBatch() names what is wrong", () => {
  const make = (compression: CompressionName) =>
    encodeBatch({
      records: [{ timestampMs: 1, key: null, value: new Uint8Array(1000) }],
      compression,
    });
  const change = (
    compression: CompressionName,
    edit: (batch: Uint8Array) => void,
  ) => {
    const batch = make(compression);
    edit(batch);
    sealBatch(batch);
    return batch;
  };
  const cases: [name: string, batch: Uint8Array, errorName: string][] = [
    ["cut off", make("none").subarray(0, 900), "CORRUPT_MESSAGE"],
    ["checksum", make("none").with(-1, 7), "CORRUPT_MESSAGE"],
    [
      "codec 5",
      change("none", (batch) => batch[22] |= 5),
      "UNSUPPORTED_COMPRESSION_TYPE",
    ],
    [
      "no gzip inside",
      change("none", (batch) => batch[22] |= 1),
      "CORRUPT_MESSAGE",
    ],
    ["inflates past the limit", make("gzip"), "MESSAGE_TOO_LARGE"],
    [
      "one record too many",
      change("none", (batch) => batch[RECORD_COUNT_POSITION + 3]++),
      "INVALID_RECORD",
    ],
    [
      "one record too few",
      change("none", (batch) => batch[RECORD_COUNT_POSITION + 3]--),
      "INVALID_RECORD",
    ],
    [
      "record length",
      change("none", (batch) => batch[BATCH_HEADER_BYTES]++),
      "INVALID_RECORD",
    ],
  ];
  for (const [name, batch, errorName] of cases) {
    throws(
      () => decodeBatch(batch, 0, { maxDecompressedBytes: 500 }),
      { name: "KafkaError", errorName },
      name,
    );
  }
});

Deno.test("decodeBatch() of damaged records throws nothing but KafkaError", () => {
  fc.assert(
    fc.property(
      recordInputs,
      compressionName,
      fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { minLength: 1 }),
      (records, compression, edits) => {
        const batch = encodeBatch({ records, compression });
        const body = batch.length - ATTRIBUTES_AT;
        for (const [at, byte] of edits) batch[ATTRIBUTES_AT + at % body] = byte;
        sealBatch(batch);
        try {
          decodeBatch(batch, 0, { maxDecompressedBytes: 100_000 });
        } catch (error) {
          ok(error instanceof KafkaError, String(error));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
const ATTRIBUTES_AT = 21;
