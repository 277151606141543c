// What a broker makes of records that no producer should send: the items "Kafka
// wire" 13 to 23 of the catalogue of bad input, each by its number. After each
// the partition holds what it held before, and takes good records.

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { writeInt32 } from "../base/big_endian.ts";
import { crc32 } from "../base/crc32.ts";
import { MIB } from "../base/units.ts";
import { compress } from "../compress/codecs.ts";
import {
  ATTRIBUTES_POSITION,
  BASE_SEQUENCE_POSITION,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_POSITION,
  CONTROL_FLAG,
  LAST_OFFSET_DELTA_POSITION,
  MAGIC_POSITION,
  RECORD_COUNT_POSITION,
  sealBatch,
  TRANSACTIONAL_FLAG,
} from "../record/batch_header.ts";
import { encodeMessageSet } from "../record/message_set.ts";
import {
  batchOf,
  produceOne,
  TestBroker,
  type TestClient,
} from "../testing/broker_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  listOffsetsRequest,
  listOffsetsResponse,
} from "../wire/kafka/messages/list_offsets.ts";
import {
  produceRequest,
  produceResponse,
} from "../wire/kafka/messages/produce.ts";

interface Context {
  readonly broker: TestBroker;
  readonly client: TestClient;
  /** Records of partition t-0. */
  readonly logEnd: () => number;
}

/** Runs a test against a broker with one topic, `t`, which still has to take records after it. */
function onTopic(
  name: string,
  test: (context: Context) => Promise<void>,
  overrides: { readonly [key: string]: string | number } = {},
): void {
  Deno.test(name, async () => {
    const sim = simHost(31);
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, overrides);
      await broker.createTopic("t", { partitionCount: 2 });
      const client = await broker.connect();
      const logEnd = () =>
        broker.broker.partitions.get("t", 0).log!.logEndOffset;
      await test({ broker, client, logEnd });
      const end = logEnd();
      const answer = await produceOne(client, "t", batchOf(["fine"]));
      strictEqual(answer.errorCode, ErrorCode.NONE, "it takes good records");
      strictEqual(answer.baseOffset, end);
      ok(
        !broker.lines.some((line) => /^Failed to|stops after/.test(line)),
        broker.lines.join("\n"),
      );
      strictEqual(await broker.stop(), true);
    });
  });
}

/** Records that are refused with one of some codes, and leave nothing behind. */
async function expectRefused(
  { client, logEnd }: Context,
  what: string,
  { records, codes, version }: {
    readonly records: Uint8Array;
    readonly codes: readonly number[];
    readonly version?: number;
  },
): Promise<void> {
  const end = logEnd();
  const answer = await produceOne(client, "t", records, { version });
  ok(codes.includes(answer.errorCode), `${what}: answered ${answer.errorCode}`);
  strictEqual(answer.baseOffset, -1, what);
  strictEqual(logEnd(), end, `${what}: something was appended`);
}

/** A batch of three records, changed by hand, with a right checksum unless told otherwise. */
function changed(
  change: (bytes: Uint8Array, view: DataView) => void,
  { isSealed = true } = {},
): Uint8Array {
  const bytes = batchOf(["a", "b", "c"]);
  change(bytes, new DataView(bytes.buffer, bytes.byteOffset));
  if (isSealed) sealBatch(bytes);
  return bytes;
}

/** A batch whose records are these bytes, compressed or not. */
function batchAround(
  content: Uint8Array,
  { compressionId = 0, recordCount = 1 } = {},
): Uint8Array {
  const bytes = new Uint8Array(BATCH_HEADER_BYTES + content.length);
  bytes.set(batchOf(["a"]).subarray(0, BATCH_HEADER_BYTES));
  bytes.set(content, BATCH_HEADER_BYTES);
  writeInt32(bytes, BATCH_LENGTH_POSITION, bytes.length - 12);
  writeInt32(bytes, LAST_OFFSET_DELTA_POSITION, recordCount - 1);
  writeInt32(bytes, RECORD_COUNT_POSITION, recordCount);
  bytes[ATTRIBUTES_POSITION + 1] = compressionId;
  sealBatch(bytes);
  return bytes;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

onTopic(
  "13: acks that do not exist are refused",
  async ({ client, logEnd }) => {
    for (const acks of [2, -2, 32767]) {
      const answer = await produceOne(client, "t", batchOf(["a"]), { acks });
      strictEqual(answer.errorCode, ErrorCode.INVALID_REQUIRED_ACKS);
    }
    strictEqual(logEnd(), 0);
  },
);

onTopic("13: two batches for one partition are refused", async (context) => {
  await expectRefused(context, "two batches", {
    records: joined(batchOf(["a"]), batchOf(["b"])),
    codes: [ErrorCode.INVALID_RECORD],
  });
});

onTopic(
  "14: batch lengths that are negative, too small or past the end are corrupt",
  async (context) => {
    for (const length of [-1, -(2 ** 31), 0, 48, 1000, 2 ** 31 - 1]) {
      await expectRefused(context, `length ${length}`, {
        records: changed(
          (_, view) => view.setInt32(BATCH_LENGTH_POSITION, length),
          { isSealed: false },
        ),
        codes: [ErrorCode.CORRUPT_MESSAGE],
      });
    }
    for (const byteCount of [1, 16, 17, 60]) {
      await expectRefused(context, `${byteCount} bytes`, {
        records: batchOf(["a"]).slice(0, byteCount),
        codes: byteCount < 17
          ? [ErrorCode.INVALID_RECORD] // There is no batch at all.
          : [ErrorCode.CORRUPT_MESSAGE],
      });
    }
  },
);

onTopic("15: wrong checksums and magics are refused", async (context) => {
  await expectRefused(context, "checksum", {
    records: changed((bytes) => bytes[70] ^= 1, { isSealed: false }),
    codes: [ErrorCode.CORRUPT_MESSAGE],
  });
  const unsupported = [ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT];
  const corrupt = [ErrorCode.CORRUPT_MESSAGE];
  for (
    const [magic, codes] of [
      [0, unsupported],
      [1, unsupported],
      [3, corrupt],
      [127, corrupt],
      [0x80, corrupt],
    ] as const
  ) {
    await expectRefused(context, `magic ${magic}`, {
      records: changed((bytes) => bytes[MAGIC_POSITION] = magic),
      codes,
    });
  }
});

onTopic(
  "16: counts and offsets that do not fit the records are refused",
  async (context) => {
    const codes = [ErrorCode.INVALID_RECORD];
    for (const count of [-1, 0, 2, 4, 2 ** 31 - 1]) {
      await expectRefused(context, `count ${count}`, {
        records: changed((_, view) =>
          view.setInt32(RECORD_COUNT_POSITION, count)
        ),
        codes,
      });
      await expectRefused(context, `count and last offset ${count}`, {
        records: changed((_, view) => {
          view.setInt32(RECORD_COUNT_POSITION, count);
          view.setInt32(LAST_OFFSET_DELTA_POSITION, count - 1);
        }),
        codes,
      });
    }
    for (const delta of [-1, 1, 3, 2 ** 31 - 1]) {
      await expectRefused(context, `last offset delta ${delta}`, {
        records: changed((_, view) =>
          view.setInt32(LAST_OFFSET_DELTA_POSITION, delta)
        ),
        codes,
      });
    }
    // Records start with: length, attributes, timestamp delta, offset delta.
    const offsetDelta = BATCH_HEADER_BYTES + 3;
    for (const zigzag of [2, 4, 1]) {
      await expectRefused(context, `offset delta ${zigzag}`, {
        records: changed((bytes) => bytes[offsetDelta] = zigzag),
        codes,
      });
    }
    await expectRefused(context, "base offset 5", {
      records: changed((_, view) => view.setBigInt64(0, 5n)),
      codes,
    });
  },
);

onTopic(
  "17: record fields that pass the end of the batch are refused",
  async (context) => {
    const wrong: [what: string, record: number[]][] = [
      ["a length past the batch", [0x7e, 0, 0, 0, 1, 2, 0x61, 0]],
      ["a negative length", [1, 0, 0, 0, 1, 2, 0x61, 0]],
      ["a length that never ends", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
      ["a length of 2^31 - 1", [0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]],
      ["a key of -2", [14, 0, 0, 0, 3, 2, 0x61, 0]],
      ["a key past the record", [14, 0, 0, 0, 0x7e, 2, 0x61, 0]],
      ["a value of -2", [14, 0, 0, 0, 1, 3, 0x61, 0]],
      ["a value past the record", [14, 0, 0, 0, 1, 0x7e, 0x61, 0]],
      [
        "2^31 - 1 headers",
        [22, 0, 0, 0, 1, 2, 0x61, 0xfe, 0xff, 0xff, 0xff, 0x0f],
      ],
      ["a negative header count", [14, 0, 0, 0, 1, 2, 0x61, 1]],
      ["a header key of null", [18, 0, 0, 0, 1, 2, 0x61, 2, 1, 1]],
      ["a header value of -2", [20, 0, 0, 0, 1, 2, 0x61, 2, 2, 0x68, 3]],
      ["bytes left in the record", [16, 0, 0, 0, 1, 2, 0x61, 0, 9]],
      ["bytes left in the batch", [14, 0, 0, 0, 1, 2, 0x61, 0, 9, 9]],
      ["no record at all", []],
    ];
    for (const [what, record] of wrong) {
      const content = Uint8Array.from(record);
      await expectRefused(context, what, {
        records: batchAround(content),
        codes: [ErrorCode.INVALID_RECORD],
      });
      await expectRefused(context, `${what}, compressed`, {
        records: batchAround(gzipSync(content), { compressionId: 1 }),
        codes: [ErrorCode.INVALID_RECORD],
      });
    }
  },
);

onTopic(
  "18: unknown compressions, and data that does not decompress, are refused",
  async (context) => {
    for (const compressionId of [5, 6, 7]) {
      await expectRefused(context, `compression ${compressionId}`, {
        records: batchAround(Uint8Array.of(14, 0, 0, 0, 1, 2, 0x61, 0), {
          compressionId,
        }),
        codes: [ErrorCode.UNSUPPORTED_COMPRESSION_TYPE],
      });
    }
    const noise = new Uint8Array(200).map((_, i) => (i * 151 + 87) & 0xff);
    for (const compressionId of [1, 2, 3, 4]) {
      for (const content of [noise, new Uint8Array(0), new Uint8Array(30)]) {
        await expectRefused(context, `compression ${compressionId} of noise`, {
          records: batchAround(content, { compressionId }),
          codes: [ErrorCode.CORRUPT_MESSAGE],
        });
      }
    }
    const cut = gzipSync(new Uint8Array(1000)).subarray(0, 20);
    await expectRefused(context, "a gzip stream that ends early", {
      records: batchAround(cut, { compressionId: 1 }),
      codes: [ErrorCode.CORRUPT_MESSAGE],
    });
  },
);

onTopic(
  "19: bombs are stopped in bounded memory, whatever the compression",
  async (context) => {
    const zeroes = new Uint8Array(140 * MIB);
    const bombs: [what: string, compressionId: number, data: Uint8Array][] = [
      ["gzip", 1, gzipSync(zeroes)],
      ["lz4", 3, compress("lz4", zeroes)],
      ["zstd", 4, zstdCompressSync(zeroes)],
    ];
    const before = Deno.memoryUsage().rss;
    for (const [what, compressionId, data] of bombs) {
      ok(data.length < MIB, `${what} bomb of ${data.length} bytes`);
      await expectRefused(context, what, {
        records: batchAround(data, { compressionId }),
        codes: [ErrorCode.MESSAGE_TOO_LARGE],
      });
    }
    const grownBytes = Deno.memoryUsage().rss - before;
    ok(grownBytes < 500 * MIB, `grew by ${grownBytes} bytes`);
  },
);

onTopic(
  "19: sizes that compressed data claims are not believed",
  async (context) => {
    const SNAPPY_JAVA = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0];
    const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
    const claims: [what: string, compressionId: number, data: number[]][] = [
      [
        "a snappy-java chunk of 2^31 - 1 bytes",
        2,
        [...SNAPPY_JAVA, 0, 0, 0, 1, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff, 0, 0],
      ],
      [
        "a snappy-java chunk of -1 bytes",
        2,
        [...SNAPPY_JAVA, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0],
      ],
      ["snappy of 2^31 - 1 bytes", 2, [0xff, 0xff, 0xff, 0xff, 0x07, 0, 0x61]],
      [
        "zstd of 2^62 bytes in one segment",
        4,
        [...ZSTD, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0],
      ],
      ["zstd with a window of 2^41 bytes", 4, [...ZSTD, 0, 0xf8, 1, 0, 0]],
    ];
    const before = Deno.memoryUsage().rss;
    for (const [what, compressionId, data] of claims) {
      await expectRefused(context, what, {
        records: batchAround(Uint8Array.from(data), { compressionId }),
        codes: [
          ErrorCode.CORRUPT_MESSAGE,
          ErrorCode.MESSAGE_TOO_LARGE,
          ErrorCode.INVALID_RECORD,
        ],
      });
    }
    ok(Deno.memoryUsage().rss - before < 200 * MIB);
  },
);

onTopic(
  "19: compressed sets within compressed sets are not followed",
  async (context) => {
    const inner = encodeMessageSet({
      magic: 1,
      compression: "gzip",
      records: [{
        offset: 0,
        timestampMs: 1,
        key: null,
        value: new Uint8Array(10_000),
        headers: [],
      }],
    });
    // The value of an uncompressed message is replaced by a set that has another inside.
    const outer = encodeMessageSet({
      magic: 1,
      compression: "gzip",
      records: [{
        offset: 0,
        timestampMs: 1,
        key: null,
        value: inner,
        headers: [],
      }],
    });
    const isOpaque = await produceOne(context.client, "t", outer, {
      version: 2,
    });
    strictEqual(isOpaque.errorCode, ErrorCode.NONE, "a value may be anything");
    await expectRefused(context, "a wrapper in a wrapper", {
      records: wrapped(inner),
      version: 2,
      codes: [
        ErrorCode.CORRUPT_MESSAGE,
        ErrorCode.INVALID_RECORD,
        ErrorCode.MESSAGE_TOO_LARGE,
      ],
    });
  },
);

onTopic(
  "19: the lookup of a timestamp inflates no more than it must",
  async ({ client }) => {
    const value = "x".repeat(4 * MIB);
    const batch = batchOf([value, value], { compression: "gzip" });
    strictEqual((await produceOne(client, "t", batch)).errorCode, 0);
    const before = Deno.memoryUsage().rss;
    for (let i = 0; i < 20; i++) {
      const { topics } = await client.call(
        [listOffsetsRequest, listOffsetsResponse],
        7,
        {
          replicaId: -1,
          topics: [{
            name: "t",
            partitions: [{ partitionIndex: 0, timestamp: 1_700_000_000_001 }],
          }],
        },
      );
      strictEqual(topics[0].partitions[0].offset, 1);
    }
    ok(Deno.memoryUsage().rss - before < 300 * MIB);
  },
);

onTopic(
  "20: batches over the limit, and times far away, are refused",
  async (context) => {
    await expectRefused(context, "5,000 bytes", {
      records: batchOf(["x".repeat(5000)]),
      codes: [ErrorCode.MESSAGE_TOO_LARGE],
    });
    const nowMs = context.broker.broker.host.clock.wallMs();
    await expectRefused(context, "in two days", {
      records: batchOf(["a"], { timestampMs: nowMs + 2 * 86_400_000 }),
      codes: [ErrorCode.INVALID_TIMESTAMP],
    });
    const { broker, client } = context;
    await broker.createTopic("recent", {
      config: { "message.timestamp.before.max.ms": "86400000" },
    });
    const old = await produceOne(
      client,
      "recent",
      batchOf(["a"], { timestampMs: nowMs - 2 * 86_400_000 }),
    );
    strictEqual(old.errorCode, ErrorCode.INVALID_TIMESTAMP);
    const now = batchOf(["a"], { timestampMs: nowMs });
    strictEqual((await produceOne(client, "recent", now)).errorCode, 0);
  },
  {
    "message.max.bytes": 4000,
    "log.message.timestamp.after.max.ms": 3_600_000,
  },
);

onTopic(
  "21: control batches and transactions from nowhere are refused",
  async (context) => {
    await expectRefused(context, "a control batch", {
      records: changed((bytes) =>
        bytes[ATTRIBUTES_POSITION + 1] = CONTROL_FLAG
      ),
      codes: [ErrorCode.INVALID_RECORD],
    });
    await expectRefused(context, "a transaction", {
      records: batchOf(["a"], {
        producerId: 1,
        producerEpoch: 0,
        baseSequence: 0,
        isTransactional: true,
      }),
      codes: [ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
    });
    await expectRefused(context, "a transaction without a producer", {
      records: changed((bytes) =>
        bytes[ATTRIBUTES_POSITION + 1] = TRANSACTIONAL_FLAG
      ),
      codes: [
        ErrorCode.INVALID_RECORD,
        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      ],
    });
  },
);

onTopic("22: every batch is looked at, not only the first", async (context) => {
  const transactional = batchOf(["b"], {
    producerId: 1,
    producerEpoch: 0,
    baseSequence: 0,
    isTransactional: true,
  });
  await expectRefused(context, "a second batch", {
    records: joined(batchOf(["a"]), transactional),
    codes: [ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
  });
  const { responses } = await context.client.call(
    [produceRequest, produceResponse],
    9,
    {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{
        name: "t",
        partitionData: [
          { index: 0, records: batchOf(["a"]) },
          { index: 1, records: transactional },
        ],
      }],
    },
  );
  deepStrictEqual(
    responses[0].partitionResponses.map(({ errorCode }) => errorCode),
    [ErrorCode.NONE, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
  );
  const { log } = context.broker.broker.partitions.get("t", 1);
  strictEqual(log!.logEndOffset, 0);
});

onTopic(
  "23: an id that no producer was given is refused, until one is",
  async (context) => {
    const { producerIds } = context.broker.broker;
    const batch = (producerId: number) =>
      batchOf(["a"], { producerId, producerEpoch: 0, baseSequence: 0 });
    await expectRefused(context, "an id of the next block", {
      records: batch(1000),
      codes: [ErrorCode.UNKNOWN_PRODUCER_ID],
    });
    await expectRefused(context, "an id far off", {
      records: batch(2 ** 53),
      codes: [ErrorCode.UNKNOWN_PRODUCER_ID],
    });
    // Another broker takes the next block: this one looks before it refuses.
    await context.broker.broker.cluster.allocateProducerIds();
    strictEqual(producerIds.isIssued(1000), false);
    const answer = await produceOne(context.client, "t", batch(1000));
    strictEqual(answer.errorCode, ErrorCode.NONE);
    strictEqual(producerIds.isIssued(1999), true);
  },
);

onTopic(
  "23: sequences are followed, with the code that says what is wrong",
  async (context) => {
    const { client } = context;
    const numbered = (baseSequence: number, producerEpoch = 3) =>
      batchOf(["a", "b"], { producerId: 40, producerEpoch, baseSequence });
    const send = async (batch: Uint8Array) => {
      const answer = await produceOne(client, "t", batch);
      return [answer.errorCode, answer.baseOffset];
    };
    for (let i = 0; i < 7; i++) {
      deepStrictEqual(await send(numbered(2 * i)), [ErrorCode.NONE, 2 * i]);
    }
    // The last five again: the offsets they have.
    for (let i = 2; i < 7; i++) {
      deepStrictEqual(await send(numbered(2 * i)), [ErrorCode.NONE, 2 * i]);
    }
    deepStrictEqual(await send(numbered(0)), [
      ErrorCode.DUPLICATE_SEQUENCE_NUMBER,
      -1,
    ]);
    deepStrictEqual(await send(numbered(16)), [
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      -1,
    ]);
    deepStrictEqual(await send(numbered(14, 2)), [
      ErrorCode.INVALID_PRODUCER_EPOCH,
      -1,
    ]);
    deepStrictEqual(await send(numbered(14, 32_767)), [
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      -1,
    ]);
    for (const sequence of [-1, -2, -(2 ** 31)]) {
      const batch = numbered(0);
      writeInt32(batch, BASE_SEQUENCE_POSITION, sequence);
      sealBatch(batch);
      await expectRefused(context, `sequence ${sequence}`, {
        records: batch,
        codes: [ErrorCode.INVALID_RECORD],
      });
    }
    await expectRefused(context, "epoch -1", {
      records: numbered(14, -1),
      codes: [ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.INVALID_RECORD],
    });
    deepStrictEqual(await send(numbered(14)), [ErrorCode.NONE, 14]);
  },
);

/** A message of magic 1 that says its value is compressed, around a set that says the same. */
function wrapped(set: Uint8Array): Uint8Array {
  const value = gzipSync(set);
  const plain = encodeMessageSet({
    magic: 1,
    compression: "none",
    records: [{
      offset: 0,
      timestampMs: 1,
      key: null,
      value,
      headers: [],
    }],
  });
  const ATTRIBUTES = 17;
  const CRC = 12;
  plain[ATTRIBUTES] = 1;
  writeInt32(plain, CRC, crc32(plain.subarray(CRC + 4)));
  return plain;
}
