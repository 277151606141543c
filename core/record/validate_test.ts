import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { concatBytes } from "../base/bytes.ts";
import { xxh32 } from "../base/xxh32.ts";
import { writeInt16, writeInt32, writeInt64 } from "../base/big_endian.ts";
import {
  compress,
  type CompressionName,
  compressions,
} from "../compress/codecs.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { encodeEndTransactionMarker } from "./control_record.ts";
import { encodeMessageSet } from "./message_set.ts";
import {
  ATTRIBUTES_POSITION,
  BASE_OFFSET_POSITION,
  BASE_SEQUENCE_POSITION,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_POSITION,
  type BatchContent,
  batchCrcIsValid,
  CRC_POSITION,
  decodeBatch,
  DELETE_HORIZON_FLAG,
  encodeBatch,
  LAST_OFFSET_DELTA_POSITION,
  MAGIC_POSITION,
  MAX_TIMESTAMP_POSITION,
  readBatchHeader,
  RECORD_COUNT_POSITION,
  sealBatch,
  TRANSACTIONAL_FLAG,
} from "./record_batch.ts";
import { type ValidateOptions, validateProduced } from "./validate.ts";
import { RejectedRecordsError } from "./validate_checks.ts";

const text = (value: string) => new TextEncoder().encode(value);
const records = ["a", "b", "c"].map((name, i) => ({
  timestampMs: 10_000 + i,
  key: text(`key-${name}`),
  value: text(`value-${name}`.repeat(10)),
  headers: [{ key: "h", value: text("1") }],
}));

const usual: ValidateOptions = {
  baseOffset: 100,
  leaderEpoch: 9,
  nowMs: 20_000,
  timestampType: "CreateTime",
  compressionType: "producer",
  maxMessageBytes: 1_000_000,
};

function validate(bytes: Uint8Array, options: Partial<ValidateOptions> = {}) {
  const validated = validateProduced(bytes, { ...usual, ...options });
  ok(validated, "There is something to append");
  return validated;
}

/** A batch with something wrong in it, under a right checksum. */
function spoiled(
  edit: (batch: Uint8Array) => void,
  content: Partial<BatchContent> = {},
): Uint8Array {
  const batch = encodeBatch({ records, ...content });
  edit(batch);
  sealBatch(batch);
  return batch;
}

/** A batch whose records are given as bytes, with a fitting header. */
function batchOf(
  recordsHex: string,
  recordCount = 1,
  compression: CompressionName = "none",
): Uint8Array {
  const inside = compress(compression, Uint8Array.fromHex(recordsHex));
  const batch = concatBytes([
    encodeBatch({ records: [records[0]], compression })
      .subarray(0, BATCH_HEADER_BYTES),
    inside,
  ]);
  writeInt32(batch, BATCH_LENGTH_POSITION, batch.length - 12);
  writeInt32(batch, RECORD_COUNT_POSITION, recordCount);
  writeInt32(batch, LAST_OFFSET_DELTA_POSITION, recordCount - 1);
  sealBatch(batch);
  return batch;
}

Deno.test("a good batch is stamped where it stands, in every compression", () => {
  for (const { name } of compressions) {
    const sent = encodeBatch({
      records,
      compression: name,
      producerId: 5,
      producerEpoch: 1,
      baseSequence: 40,
      isTransactional: true,
    });
    const { bytes, batch } = validate(sent);
    strictEqual(bytes, sent);
    deepStrictEqual(batch, {
      baseOffset: 100,
      lastOffset: 102,
      maxTimestampMs: 10_002,
      offsetOfMaxTimestamp: 102,
      producerId: 5,
      producerEpoch: 1,
      baseSequence: 40,
      isTransactional: true,
      isControl: false,
      recordCount: 3,
      sizeBytes: sent.length,
    });
    strictEqual(readBatchHeader(bytes).partitionLeaderEpoch, 9);
    ok(batchCrcIsValid(bytes));
    deepStrictEqual(
      decodeBatch(bytes),
      records.map((record, i) => ({ offset: 100 + i, ...record })),
    );
  }
});

Deno.test("LogAppendTime stamps the time of the append, compressed or not", () => {
  for (const compression of ["none", "lz4"] as const) {
    const sent = encodeBatch({ records, compression });
    const { bytes, batch } = validate(sent, { timestampType: "LogAppendTime" });
    strictEqual(bytes, sent);
    strictEqual(batch.maxTimestampMs, 20_000);
    ok(batchCrcIsValid(bytes));
    deepStrictEqual(
      decodeBatch(bytes).map(({ timestampMs }) => timestampMs),
      [20_000, 20_000, 20_000],
    );
  }
});

Deno.test("a wrong maxTimestamp in the header is put right", () => {
  const sent = spoiled((batch) => writeInt64(batch, MAX_TIMESTAMP_POSITION, 1));
  const { bytes, batch } = validate(sent);
  strictEqual(batch.maxTimestampMs, 10_002);
  ok(batchCrcIsValid(bytes));
});

Deno.test("another compression.type makes the batch anew, with the producer's state", () => {
  const all = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
  for (const source of all) {
    for (const wanted of ["uncompressed", ...all.slice(1)] as const) {
      const target = wanted === "uncompressed" ? "none" : wanted;
      const { bytes, batch } = validate(
        encodeBatch({
          records,
          compression: source,
          producerId: 8,
          producerEpoch: 2,
          baseSequence: 3,
        }),
        { compressionType: wanted },
      );
      const header = readBatchHeader(bytes);
      strictEqual(compressions[header.compressionId].name, target);
      strictEqual(batch.producerId, 8);
      strictEqual(header.partitionLeaderEpoch, 9);
      deepStrictEqual(
        decodeBatch(bytes),
        records.map((record, i) => ({ offset: 100 + i, ...record })),
      );
    }
  }
});

Deno.test("a batch made anew has its own times, whatever its base timestamp was", () => {
  for (const compression of ["none", "gzip"] as const) {
    // A header whose base timestamp is not that of the first record.
    const sent = encodeBatch({ records, compression, deleteHorizonMs: 9000 });
    sent[ATTRIBUTES_POSITION + 1] &= ~DELETE_HORIZON_FLAG;
    sealBatch(sent);
    const { bytes } = validate(sent, { compressionType: "lz4" });
    const header = readBatchHeader(bytes);
    strictEqual(header.baseTimestampMs, 10_000);
    strictEqual(header.maxTimestampMs, 10_002);
    deepStrictEqual(
      decodeBatch(bytes).map(({ timestampMs }) => timestampMs),
      [10_000, 10_001, 10_002],
    );
  }
});

Deno.test("a batch made anew is the same whether its records were taken as they are", () => {
  for (const logAppendTimeMs of [undefined, 20_000]) {
    const { bytes } = validate(encodeBatch({ records, compression: "zstd" }), {
      compressionType: "gzip",
      timestampType: logAppendTimeMs === undefined
        ? "CreateTime"
        : "LogAppendTime",
    });
    deepStrictEqual(
      bytes,
      encodeBatch({
        records,
        compression: "gzip",
        baseOffset: 100,
        partitionLeaderEpoch: 9,
        logAppendTimeMs,
      }),
    );
  }
});

Deno.test("lz4 frames that Java's clients cannot read are written anew", () => {
  const plain = encodeBatch({ records }).subarray(BATCH_HEADER_BYTES);
  const legacy = compress("lz4", plain, { legacyLz4: true });
  const linked = compress("lz4", plain);
  linked[4] &= ~0x20;
  linked[6] = xxh32(linked.subarray(4, 6)) >>> 8 & 255;
  for (const inside of [legacy, linked]) {
    const sent = concatBytes([
      encodeBatch({ records, compression: "lz4" })
        .subarray(0, BATCH_HEADER_BYTES),
      inside,
    ]);
    sealBatch(sent);
    const { bytes } = validate(sent);
    deepStrictEqual(
      bytes,
      encodeBatch({
        records,
        compression: "lz4",
        baseOffset: 100,
        partitionLeaderEpoch: 9,
      }),
    );
  }
});

Deno.test("markers written plain stay plain, whatever the topic's compression", () => {
  const marker = encodeEndTransactionMarker(
    { type: "commit", coordinatorEpoch: 1 },
    { timestampMs: 1, producerId: 1, producerEpoch: 0 },
  );
  const { bytes } = validate(marker, {
    compressionType: "gzip",
    origin: "coordinator",
  });
  strictEqual(readBatchHeader(bytes).compressionId, 0);
  strictEqual(bytes, marker);
});

Deno.test("a batch that grows past the limit as it is made anew is refused", () => {
  const value = new Uint8Array(50_000);
  const sent = encodeBatch({
    records: [{ timestampMs: 1, key: null, value }],
    compression: "gzip",
  });
  throws(
    () =>
      validate(sent, {
        compressionType: "uncompressed",
        maxMessageBytes: 5000,
      }),
    { errorName: "MESSAGE_TOO_LARGE" },
  );
});

const badBatches: [
  name: string,
  bytes: Uint8Array,
  errorName: string,
  options?: Partial<ValidateOptions>,
][] = [
  ["no bytes", new Uint8Array(0), "INVALID_RECORD"],
  ["too few bytes for a batch", new Uint8Array(10), "INVALID_RECORD"],
  ["a size of 0", new Uint8Array(100), "CORRUPT_MESSAGE"],
  [
    "a size of 0 after the batch",
    concatBytes([encodeBatch({ records }), new Uint8Array(70)]),
    "CORRUPT_MESSAGE",
  ],
  [
    "two batches",
    concatBytes([encodeBatch({ records }), encodeBatch({ records })]),
    "INVALID_RECORD",
  ],
  [
    "negative length",
    spoiledLength(-1),
    "CORRUPT_MESSAGE",
  ],
  ["length below 49", spoiledLength(48), "CORRUPT_MESSAGE"],
  ["length past the rest", spoiledLength(100_000), "CORRUPT_MESSAGE"],
  [
    "wrong checksum",
    encodeBatch({ records }).with(CRC_POSITION, 0),
    "CORRUPT_MESSAGE",
  ],
  [
    "magic 0 in a new request",
    encodeMessageSet({ magic: 0, records }),
    "UNSUPPORTED_FOR_MESSAGE_FORMAT",
  ],
  [
    "magic 1 in a new request",
    encodeMessageSet({ magic: 1, records }),
    "UNSUPPORTED_FOR_MESSAGE_FORMAT",
  ],
  ...[3, 127, 255].map((magic): [string, Uint8Array, string] => [
    `magic ${magic}`,
    encodeBatch({ records }).with(MAGIC_POSITION, magic),
    "CORRUPT_MESSAGE",
  ]),
  ...[-1, 0, 2, 4, 2 ** 31 - 1].map((count): [string, Uint8Array, string] => [
    `record count ${count}`,
    spoiled((batch) => writeInt32(batch, RECORD_COUNT_POSITION, count)),
    "INVALID_RECORD",
  ]),
  ...[2, 4, 2 ** 31 - 1].map((count): [string, Uint8Array, string] => [
    `record count ${count} with a fitting last offset`,
    spoiled((batch) => {
      writeInt32(batch, RECORD_COUNT_POSITION, count);
      writeInt32(batch, LAST_OFFSET_DELTA_POSITION, count - 1);
    }),
    "INVALID_RECORD",
  ]),
  ...[-1, 1, 3].map((delta): [string, Uint8Array, string] => [
    `last offset delta ${delta}`,
    spoiled((batch) => writeInt32(batch, LAST_OFFSET_DELTA_POSITION, delta)),
    "INVALID_RECORD",
  ]),
  [
    "base offset 1",
    spoiled((batch) => writeInt64(batch, BASE_OFFSET_POSITION, 1)),
    "INVALID_RECORD",
  ],
  // length, attributes, timestamp delta, offset delta, key, value, headers
  ["offset delta 1 first", batchOf("0c000002010100"), "INVALID_RECORD"],
  ["record length past the batch", batchOf("7e000000010100"), "INVALID_RECORD"],
  ["record length too short", batchOf("0a000000010100"), "INVALID_RECORD"],
  ["record length -1", batchOf("01000000010100"), "INVALID_RECORD"],
  ["key length -2", batchOf("0c000000030100"), "INVALID_RECORD"],
  ["value length -2", batchOf("0c000000010300"), "INVALID_RECORD"],
  ["key length 2^30", batchOf("1400000080808080080100"), "INVALID_RECORD"],
  [
    "header count 2^31-1",
    batchOf("140000000101feffffff0f"),
    "INVALID_RECORD",
  ],
  ["header count -1", batchOf("0c000000010101"), "INVALID_RECORD"],
  ["header key null", batchOf("1000000001010201" + "01"), "INVALID_RECORD"],
  ["varint of six bytes", batchOf("0c0000808080808080"), "INVALID_RECORD"],
  ["bytes after the records", batchOf("0c00000001010000"), "INVALID_RECORD"],
  ["records missing", batchOf("0c000000010100", 2), "INVALID_RECORD"],
  [
    "damage inside gzip",
    batchOf("0c000000030100", 1, "gzip"),
    "INVALID_RECORD",
  ],
  ...[5, 6, 7].map((id): [string, Uint8Array, string] => [
    `codec ${id}`,
    spoiled((batch) => batch[ATTRIBUTES_POSITION + 1] |= id),
    "UNSUPPORTED_COMPRESSION_TYPE",
  ]),
  ...[1, 2, 3, 4].map((id): [string, Uint8Array, string] => [
    `nothing of codec ${id} inside`,
    spoiled((batch) => batch[ATTRIBUTES_POSITION + 1] |= id),
    "CORRUPT_MESSAGE",
  ]),
  [
    "zstd in version 6",
    encodeBatch({ records, compression: "zstd" }),
    "UNSUPPORTED_COMPRESSION_TYPE",
    { produceVersion: 6 },
  ],
  [
    "over max.message.bytes",
    encodeBatch({ records }),
    "MESSAGE_TOO_LARGE",
    { maxMessageBytes: 100 },
  ],
  [
    "far future",
    encodeBatch({ records }),
    "INVALID_TIMESTAMP",
    { nowMs: 5000, timestampAfterMaxMs: 5001 },
  ],
  [
    "far past",
    encodeBatch({ records }),
    "INVALID_TIMESTAMP",
    { timestampBeforeMaxMs: 9999 },
  ],
  [
    "control batch",
    encodeEndTransactionMarker({ type: "commit", coordinatorEpoch: 1 }, {
      timestampMs: 1,
      producerId: 1,
      producerEpoch: 0,
    }),
    "INVALID_RECORD",
  ],
  [
    "transactional without a producer id",
    spoiled((batch) => batch[ATTRIBUTES_POSITION + 1] |= TRANSACTIONAL_FLAG),
    "INVALID_RECORD",
  ],
  [
    "sequence -2",
    spoiled((batch) => {
      writeInt32(batch, BASE_SEQUENCE_POSITION, -2);
    }, { producerId: 1, producerEpoch: 0, baseSequence: 0 }),
    "INVALID_RECORD",
  ],
  [
    "no key on a compacted topic",
    encodeBatch({ records: [{ ...records[0], key: null }] }),
    "INVALID_RECORD",
    { requireKeys: true },
  ],
];

function spoiledLength(length: number): Uint8Array {
  const batch = encodeBatch({ records });
  writeInt32(batch, BATCH_LENGTH_POSITION, length);
  return batch;
}

Deno.test("what a producer may not send gets the error that Kafka gives it", () => {
  for (const [name, bytes, errorName, options] of badBatches) {
    throws(
      () => validate(bytes, options),
      { name: "KafkaError", errorName },
      name,
    );
  }
});

Deno.test("bombs end in MESSAGE_TOO_LARGE, in bounded memory", () => {
  const inside = new Uint8Array(64 * 1024 * 1024);
  for (const { name, id } of compressions.slice(1)) {
    const packed = compress(name, inside);
    const batch = concatBytes([
      encodeBatch({ records }).subarray(0, BATCH_HEADER_BYTES),
      packed,
    ]);
    writeInt32(batch, BATCH_LENGTH_POSITION, batch.length - 12);
    writeInt16(batch, ATTRIBUTES_POSITION, id);
    sealBatch(batch);
    const before = Deno.memoryUsage().external;
    throws(
      () =>
        validate(batch, {
          maxMessageBytes: 2 ** 30,
          maxDecompressedBytes: 1024 * 1024,
        }),
      { errorName: "MESSAGE_TOO_LARGE" },
      name,
    );
    const grown = Deno.memoryUsage().external - before;
    ok(grown < 8 * 1024 * 1024, `${name} took ${grown} bytes`);
  }
});

Deno.test("a batch inside a batch is no record", () => {
  const inner = encodeBatch({ records, compression: "gzip" });
  const nested = concatBytes([
    encodeBatch({ records, compression: "gzip" })
      .subarray(0, BATCH_HEADER_BYTES),
    compress("gzip", inner),
  ]);
  writeInt32(nested, BATCH_LENGTH_POSITION, nested.length - 12);
  sealBatch(nested);
  throws(() => validate(nested), { errorName: "INVALID_RECORD" });
});

Deno.test("refused records are named, three at most", () => {
  const five = Array.from({ length: 5 }, (_, i) => ({
    timestampMs: i === 0 ? 10_000 : 90_000,
    key: i < 2 ? null : text("k"),
    value: null,
  }));
  const caught = (
    options: Partial<ValidateOptions>,
    logAppendTimeMs?: number,
  ) => {
    try {
      validate(encodeBatch({ records: five, logAppendTimeMs }), options);
    } catch (error) {
      if (error instanceof RejectedRecordsError) return error;
    }
    throw new Error("nothing was refused");
  };
  const late = caught({ timestampAfterMaxMs: 1000 });
  strictEqual(late.errorName, "INVALID_TIMESTAMP");
  deepStrictEqual(late.recordErrors.map((e) => e.batchIndex), [1, 2, 3, 4]);
  const keyless = caught({ requireKeys: true });
  strictEqual(keyless.errorName, "INVALID_RECORD");
  deepStrictEqual(keyless.recordErrors.map((e) => e.batchIndex), [0, 1]);
  const stamped = caught({ timestampType: "LogAppendTime" }, 5);
  strictEqual(stamped.errorName, "INVALID_TIMESTAMP");
  deepStrictEqual(stamped.recordErrors.map((e) => e.batchIndex), [
    ...[0, 1, 2, 3, 4],
  ]);
  const both = caught({ requireKeys: true, timestampAfterMaxMs: 1000 });
  strictEqual(both.errorName, "INVALID_TIMESTAMP", "one bad time decides");
  strictEqual(both.recordErrors.length, 5);
});

Deno.test("a record without a timestamp is in no range, and passes", () => {
  const batch = encodeBatch({
    records: [{ timestampMs: -1, key: null, value: null }],
  });
  const limits = { timestampBeforeMaxMs: 10, timestampAfterMaxMs: 10 };
  strictEqual(validate(batch, limits).batch.maxTimestampMs, -1);
  const negative = encodeBatch({
    records: [{ timestampMs: -2, key: null, value: null }],
    maxTimestampMs: -2,
  });
  strictEqual(validate(negative).batch.maxTimestampMs, -1);
});

Deno.test("the broker itself may write control batches", () => {
  const marker = encodeEndTransactionMarker(
    { type: "abort", coordinatorEpoch: 1 },
    { timestampMs: 1, producerId: 3, producerEpoch: 0 },
  );
  const { batch } = validate(marker, { origin: "coordinator" });
  ok(batch.isControl && batch.isTransactional);
  strictEqual(batch.baseOffset, 100);
});

Deno.test("message sets of old producers become one batch", () => {
  for (const magic of [0, 1] as const) {
    for (const compression of ["none", "gzip", "snappy", "lz4"] as const) {
      const set = encodeMessageSet({ magic, records, compression });
      const { bytes, batch } = validate(set, { produceVersion: 2 });
      deepStrictEqual(
        [batch.baseOffset, batch.lastOffset, batch.recordCount],
        [100, 102, 3],
      );
      const header = readBatchHeader(bytes);
      strictEqual(compressions[header.compressionId].name, compression);
      strictEqual(batch.maxTimestampMs, magic === 0 ? -1 : 10_002);
      deepStrictEqual(
        decodeBatch(bytes).map(({ key, value }) => ({ key, value })),
        records.map(({ key, value }) => ({ key, value })),
      );
    }
  }
});

Deno.test("what is cut off at the end is left out", () => {
  const batch = encodeBatch({ records });
  const sent = concatBytes([batch, batch.subarray(0, 20)]);
  const { bytes } = validate(sent);
  strictEqual(bytes.length, batch.length);
  deepStrictEqual(decodeBatch(bytes).length, 3);

  const set = encodeMessageSet({ magic: 1, records });
  const cut = set.subarray(0, set.length - 3);
  strictEqual(validate(cut, { produceVersion: 2 }).batch.recordCount, 2);
});

Deno.test("old producers may send nothing that is whole", () => {
  const set = encodeMessageSet({ magic: 0, records: [records[0]] });
  for (const bytes of [set.subarray(0, 0), set.subarray(0, set.length - 1)]) {
    strictEqual(validateProduced(bytes, { ...usual, produceVersion: 1 }), null);
  }
});

Deno.test("a batch that claims LogAppendTime is given back its own times", () => {
  const claim = () => encodeBatch({ records, logAppendTimeMs: 15_000 });
  const { bytes, batch } = validate(claim());
  const header = readBatchHeader(bytes);
  strictEqual(header.timestampType, "CreateTime");
  strictEqual(batch.maxTimestampMs, 15_000);
  deepStrictEqual(
    decodeBatch(bytes).map(({ timestampMs }) => timestampMs),
    records.map(({ timestampMs }) => timestampMs),
  );
  throws(() => validate(claim(), { timestampType: "LogAppendTime" }), {
    errorName: "INVALID_TIMESTAMP",
  });
  const untimed = encodeBatch({ records, logAppendTimeMs: -1 });
  throws(() => validate(untimed), { errorName: "INVALID_TIMESTAMP" });
  throws(() => validate(claim(), { timestampAfterMaxMs: 1, nowMs: 1000 }), {
    errorName: "INVALID_TIMESTAMP",
  });
});

Deno.test("bad message sets get Kafka's errors", () => {
  const old = { produceVersion: 2 };
  const wrapper = encodeMessageSet({ magic: 1, records, compression: "gzip" });
  const plain = encodeMessageSet({ magic: 1, records });
  const zero = encodeMessageSet({ magic: 0, records });
  const cases: [
    name: string,
    bytes: Uint8Array,
    errorName: string,
    options?: Partial<ValidateOptions>,
  ][] = [
    ["two wrappers", concatBytes([wrapper, wrapper]), "INVALID_RECORD"],
    [
      "wrapper beside a message",
      concatBytes([plain, wrapper]),
      "INVALID_RECORD",
    ],
    ["another magic beside it", concatBytes([zero, plain]), "INVALID_RECORD"],
    ["one too large", plain, "MESSAGE_TOO_LARGE", { maxMessageBytes: 50 }],
    ["together too large", plain, "MESSAGE_TOO_LARGE", {
      maxMessageBytes: 150,
    }],
    ["far future", plain, "INVALID_TIMESTAMP", {
      nowMs: 0,
      timestampAfterMaxMs: 5,
    }],
    [
      "stamped by the producer",
      encodeMessageSet({ magic: 1, records, logAppendTimeMs: 5 }),
      "INVALID_TIMESTAMP",
      { timestampType: "LogAppendTime" },
    ],
    [
      "no key on a compacted topic",
      encodeMessageSet({ magic: 0, records: [{ ...records[0], key: null }] }),
      "INVALID_RECORD",
      { requireKeys: true },
    ],
  ];
  for (const [name, bytes, errorName, options] of cases) {
    throws(
      () => validate(bytes, { ...old, ...options }),
      { name: "KafkaError", errorName },
      name,
    );
  }
});

Deno.test("whatever is sent, only KafkaError comes out, and what passes can be read", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...compressions.map(({ name }) => name)),
      fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { maxLength: 4 }),
      fc.boolean(),
      fc.constantFrom(2, 9),
      (compression, edits, sealAgain, produceVersion) => {
        const batch = encodeBatch({ records, compression });
        for (const [at, byte] of edits) batch[at % batch.length] = byte;
        if (sealAgain && batch.length === readBatchHeader(batch).sizeBytes) {
          sealBatch(batch);
        }
        const options = { produceVersion, maxDecompressedBytes: 100_000 };
        let validated: ReturnType<typeof validateProduced>;
        try {
          validated = validateProduced(batch, { ...usual, ...options });
        } catch (error) {
          ok(error instanceof KafkaError, String(error));
          return;
        }
        if (validated === null) return strictEqual(produceVersion, 2);
        const passed = validated.bytes;
        ok(batchCrcIsValid(passed));
        const read = decodeBatch(passed);
        deepStrictEqual(
          read.map(({ offset }) => offset),
          read.map((_, i) => 100 + i),
        );
      },
    ),
    { numRuns: 3000 },
  );
});
