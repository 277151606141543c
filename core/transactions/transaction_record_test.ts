// The records of `__transaction_state`: those that Kafka wrote come back byte for
// byte, and everything that kq may write comes back as it was.

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { encodeHex } from "../base/bytes.ts";
import { decodeBatch } from "../record/record_batch.ts";
import { readTar } from "../testing/tar.ts";
import { DecodeError } from "../wire/reader.ts";
import {
  decodeRecord,
  encodeRecord,
  type TransactionRecord,
} from "./transaction_record.ts";
import {
  hasPartition,
  listPartitions,
  NO_PRODUCER_EPOCH,
  noPartitions,
  type TransactionState,
  withPartitions,
} from "./transaction_state.ts";
import { transactionContent } from "./transaction_content.ts";

const folder = new URL("../../testdata/log/", import.meta.url);

function kafkaRecords() {
  const files = readTar(
    gunzipSync(Deno.readFileSync(new URL("kafka-data.tar.gz", folder))),
  );
  return files
    .filter(({ path }) => /__transaction_state-\d+\/\d+\.log$/.test(path))
    .flatMap(({ bytes }) => {
      const records = [];
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      for (let at = 0; at < bytes.length;) {
        const size = 12 + view.getInt32(at + 8);
        records.push(...decodeBatch(bytes.subarray(at, at + size)));
        at += size;
      }
      return records;
    });
}

Deno.test("records that Kafka wrote are read, and are the same bytes again", () => {
  const records = kafkaRecords();
  ok(records.length >= 10, `${records.length} records`);
  const last = new Map<string, TransactionState | null>();
  const statuses = new Set<string | undefined>();
  for (const { key, value } of records) {
    const record = decodeRecord(key!, value)!;
    const again = encodeRecord(record);
    strictEqual(encodeHex(again.key), encodeHex(key!));
    strictEqual(
      again.value && encodeHex(again.value),
      value && encodeHex(value),
    );
    last.set(record.transactionalId, record.state);
    statuses.add(record.state?.status);
  }
  const state = last.get("golden-tx");
  strictEqual(
    state?.status,
    "CompleteAbort",
    "its last transaction was aborted",
  );
  deepStrictEqual(
    [...statuses].sort(),
    [
      "CompleteAbort",
      "CompleteCommit",
      "Empty",
      "Ongoing",
      "PrepareAbort",
      "PrepareCommit",
    ],
  );
});

const producerId = fc.oneof(fc.constant(-1), fc.maxSafeNat());
const epoch = fc.integer({ min: 0, max: 32767 });
const partitions = fc.array(
  fc.record({
    topic: fc.constantFrom("a", "b", "c-1", "__consumer_offsets"),
    partition: fc.nat(50),
  }),
  { maxLength: 12 },
).map((list) => withPartitions(noPartitions, list));
const state: fc.Arbitrary<Omit<TransactionState, "transactionalId">> = fc
  .record({
    producerId: fc.maxSafeNat(),
    producerEpoch: epoch,
    previousProducerId: producerId,
    nextProducerId: producerId,
    lastProducerEpoch: fc.constant(NO_PRODUCER_EPOCH),
    timeoutMs: fc.integer({ min: 1 }),
    status: fc.constantFrom(
      "Empty",
      "Ongoing",
      "PrepareCommit",
      "PrepareAbort",
      "CompleteCommit",
      "CompleteAbort",
    ),
    partitions,
    startTimeMs: fc.oneof(fc.constant(-1), fc.maxSafeNat()),
    updateTimeMs: fc.maxSafeNat(),
    clientVersion: fc.constantFrom(0, 2),
  }, { noNullPrototype: true });
const record: fc.Arbitrary<TransactionRecord> = fc
  .tuple(fc.string({ unit: "grapheme", minLength: 1 }), fc.option(state))
  .map(([transactionalId, fields]) => ({
    transactionalId,
    state: fields && {
      ...fields,
      transactionalId,
      partitions: fields.status === "Empty" ? noPartitions : fields.partitions,
    },
  }));

Deno.test("every record comes back as it was, alone and in a batch", () => {
  fc.assert(fc.property(fc.array(record, { minLength: 1 }), (records) => {
    for (const each of records) {
      const { key, value } = encodeRecord(each);
      deepStrictEqual(decodeRecord(key, value), each);
    }
    const batch = transactionContent.encode(records, 77, null);
    deepStrictEqual(
      decodeBatch(batch).map(({ key, value }) => decodeRecord(key!, value)),
      records,
    );
  }));
});

Deno.test("a value has room for more only where it has more to say", () => {
  const plain: TransactionState = {
    transactionalId: "t",
    producerId: 1,
    producerEpoch: 2,
    previousProducerId: -1,
    nextProducerId: -1,
    lastProducerEpoch: -1,
    timeoutMs: 3,
    status: "Ongoing",
    partitions: noPartitions,
    startTimeMs: 4,
    updateTimeMs: 5,
    clientVersion: 0,
  };
  const cases: [more: Partial<TransactionState>, version: number][] = [
    [{}, 0],
    [{ clientVersion: 2 }, 1],
    [{ previousProducerId: 9 }, 1],
    [{ nextProducerId: 9 }, 1],
  ];
  for (const [more, version] of cases) {
    const { value } = encodeRecord({
      transactionalId: "t",
      state: { ...plain, ...more },
    });
    strictEqual(value![1], version, JSON.stringify(more));
  }
});

Deno.test("decodeRecord() passes over other kinds, and refuses what is no record", () => {
  strictEqual(decodeRecord(Uint8Array.of(0, 1, 0, 1, 116), null), null);
  const key = Uint8Array.of(0, 0, 0, 1, 116);
  const value = encodeRecord({
    transactionalId: "t",
    state: fc.sample(state, 1).map((each) => ({
      ...each,
      transactionalId: "t",
      previousProducerId: -1,
      nextProducerId: -1,
      clientVersion: 0,
    }))[0],
  }).value!;
  const STATUS_POSITION = 2 + 8 + 2 + 4;
  const damaged: [what: string, bytes: Uint8Array][] = [
    ["cut", value.subarray(0, 12)],
    ["a later version", Uint8Array.of(0, 2, ...value.subarray(2))],
    ["no status", value.with(STATUS_POSITION, 8)],
    ["a status of memory alone", value.with(STATUS_POSITION, 7)],
  ];
  for (const [what, bytes] of damaged) {
    throws(() => decodeRecord(key, bytes), DecodeError, what);
  }
  throws(() => decodeRecord(Uint8Array.of(0, 0, 0, 9, 116), null), DecodeError);
});

Deno.test("withPartitions() keeps each partition once, and the map where nothing is new", () => {
  const some = withPartitions(noPartitions, [
    { topic: "a", partition: 1 },
    { topic: "b", partition: 0 },
    { topic: "a", partition: 1 },
    { topic: "a", partition: 0 },
  ]);
  deepStrictEqual(listPartitions(some), [
    { topic: "a", partition: 1 },
    { topic: "a", partition: 0 },
    { topic: "b", partition: 0 },
  ]);
  strictEqual(withPartitions(some, [{ topic: "a", partition: 0 }]), some);
  const more = withPartitions(some, [{ topic: "c", partition: 3 }]);
  ok(hasPartition(more, { topic: "c", partition: 3 }));
  ok(!hasPartition(some, { topic: "c", partition: 3 }), "the old one stays");
  strictEqual(noPartitions.size, 0);
});
