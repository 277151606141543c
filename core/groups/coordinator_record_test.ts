// The records of `__consumer_offsets`: what is written by hand is what the
// schemas say, and everything comes back as it was.

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { encodeHex } from "../base/bytes.ts";
import { codecFor } from "../wire/kafka/codec.ts";
import {
  offsetCommitKey,
  offsetCommitValue,
} from "../wire/kafka/messages/group_records.ts";
import { DecodeError } from "../wire/reader.ts";
import { encodeBatch } from "../record/record_batch.ts";
import { EncodeError, Writer } from "../wire/writer.ts";
import { ShardBatch } from "../shards/shard_batch.ts";
import {
  type CoordinatorRecord,
  decodeRecord,
  encodeRecord,
  encodeRecords,
  type RecordOf,
} from "./coordinator_record.ts";
import { writeGroupRecord } from "./group_content.ts";

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const offsetRecord: fc.Arbitrary<RecordOf<"offsetCommit">> = fc.record({
  kind: fc.constant("offsetCommit" as const),
  key: fc.record(
    { group: text, topic: text, partition: fc.nat() },
    { noNullPrototype: true },
  ),
  value: fc.option(fc.record({
    offset: fc.maxSafeInteger(),
    leaderEpoch: fc.integer({ min: -1, max: 1000 }),
    metadata: text,
    commitTimestamp: fc.maxSafeNat(),
    expireTimestamp: fc.constant(-1),
    topicId: fc.constant("AAAAAAAAAAAAAAAAAAAAAA"),
  }, { noNullPrototype: true })),
}, { noNullPrototype: true });

/** Offsets with an end of their own, and what is no offset. */
const otherRecord: fc.Arbitrary<CoordinatorRecord> = fc.oneof(
  fc.tuple(offsetRecord, fc.maxSafeNat()).map(([record, expireTimestamp]) => ({
    ...record,
    value: record.value && { ...record.value, expireTimestamp },
  })),
  text.map((group) => ({
    kind: "consumerGroupMetadata" as const,
    key: { groupId: group },
    value: { epoch: group.length, metadataHash: 0 },
  })),
);

function bySchema(record: RecordOf<"offsetCommit">) {
  const key = new Writer();
  key.int16(1);
  codecFor(offsetCommitKey, 1).encode(key, record.key);
  if (record.value === null) return { key: key.written(), value: null };
  const value = new Writer();
  value.int16(3);
  codecFor(offsetCommitValue, 3).encode(value, record.value);
  return { key: key.written(), value: value.written() };
}

Deno.test("encodeRecords() writes offsets as their schemas would, and they come back", () => {
  fc.assert(fc.property(fc.array(offsetRecord, { minLength: 1 }), (records) => {
    const encoded = encodeRecords(records);
    deepStrictEqual(
      encoded.map((
        { key, value },
      ) => [encodeHex(key), value && encodeHex(value)]),
      records.map(bySchema).map(({ key, value }) => [
        encodeHex(key),
        value && encodeHex(value),
      ]),
    );
    deepStrictEqual(
      encoded.map(({ key, value }) => decodeRecord(key, value)),
      records,
    );
  }));
});

Deno.test("ShardBatch makes what encodeBatch() makes of encodeRecords()", () => {
  const batches = new ShardBatch(writeGroupRecord);
  fc.assert(
    fc.property(
      fc.array(fc.oneof(offsetRecord, otherRecord), { minLength: 1 }),
      fc.maxSafeNat(),
      fc.option(fc.record({
        producerId: fc.maxSafeNat(),
        producerEpoch: fc.nat(0x7fff),
      })),
      (records, timestampMs, transaction) => {
        strictEqual(
          encodeHex(batches.encode(records, timestampMs, transaction)),
          encodeHex(encodeBatch({
            records: encodeRecords(records).map((each) => ({
              ...each,
              timestampMs,
            })),
            ...transaction === null ? {} : {
              ...transaction,
              baseSequence: 0,
              isTransactional: true,
            },
          })),
        );
      },
    ),
  );
});

Deno.test("ShardBatch goes on after a record that does not fit its format", () => {
  const batches = new ShardBatch(writeGroupRecord);
  const record = (group: string): CoordinatorRecord => ({
    kind: "offsetCommit",
    key: { group, topic: "t", partition: 0 },
    value: null,
  });
  throws(
    () => batches.encode([record("g".repeat(40_000))], 1, null),
    EncodeError,
  );
  deepStrictEqual(
    batches.encode([record("g")], 1, null),
    new ShardBatch(writeGroupRecord).encode([record("g")], 1, null),
  );
});

Deno.test("an offset with an end of its own is written in the version that has one", () => {
  const record: CoordinatorRecord = {
    kind: "offsetCommit",
    key: { group: "g", topic: "t", partition: 1 },
    value: {
      offset: 5,
      leaderEpoch: -1,
      metadata: "m",
      commitTimestamp: 10,
      expireTimestamp: 20,
      topicId: "AAAAAAAAAAAAAAAAAAAAAA",
    },
  };
  const { key, value } = encodeRecord(record);
  strictEqual(value![1], 1);
  deepStrictEqual(decodeRecord(key, value), record);
});

Deno.test("decodeRecord() reads the first form of keys, and passes over kinds it does not know", () => {
  const key = Uint8Array.of(0, 0, 0, 1, 103, 0, 1, 116, 0, 0, 0, 7);
  deepStrictEqual(decodeRecord(key, null), {
    kind: "offsetCommit",
    key: { group: "g", topic: "t", partition: 7 },
    value: null,
  });
  strictEqual(decodeRecord(Uint8Array.of(0, 99, 1), null), null);
});

Deno.test("decodeRecord() refuses bytes that are no record", () => {
  const damaged: [key: number[], value: number[] | null][] = [
    [[0], null],
    [[0, 1, 0, 5, 103], null],
    [[0, 1, 255, 255, 0, 1, 116, 0, 0, 0, 7], null],
    [[0, 1, 0, 1, 103, 0, 1, 116, 0, 0, 0, 7], [0, 3, 1, 2]],
  ];
  for (const [key, value] of damaged) {
    throws(
      () => decodeRecord(Uint8Array.from(key), value && Uint8Array.from(value)),
      DecodeError,
    );
  }
});
