import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { encodeMessageSet } from "../../record/message_set.ts";
import { encodeUtf8 } from "../../base/bytes.ts";
import { BATCH_HEADER_BYTES, sealBatch } from "../../record/record_batch.ts";
import {
  batchOf,
  METADATA,
  PRODUCE,
  produceOne,
  TestBroker,
  type TestClient,
} from "../../testing/broker_fixture.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import { produceRequest } from "../../wire/kafka/messages/produce.ts";

/** Runs a test against a broker with one topic, `t`, of two partitions. */
async function withBroker(
  test: (context: { broker: TestBroker; client: TestClient }) => Promise<void>,
  overrides: { readonly [key: string]: string | number } = {},
): Promise<void> {
  const sim = simHost(11);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, overrides);
    await broker.createTopic("t", { partitionCount: 2 });
    await test({ broker, client: await broker.connect() });
    strictEqual(await broker.stop(), true);
  });
}

Deno.test("Produce gives each partition its own offsets, in every version", async () => {
  await withBroker(async ({ client }) => {
    for (let version = 3; version <= 11; version++) {
      const first = (version - 3) * 3;
      for (const acks of [-1, 1]) {
        const { responses } = await client.call(PRODUCE, version, {
          acks,
          timeoutMs: 1000,
          topicData: [{
            name: "t",
            partitionData: [
              {
                index: acks === 1 ? 1 : 0,
                records: batchOf(["a", "b", "c"]),
              },
            ],
          }],
        });
        const [answer] = responses[0].partitionResponses;
        strictEqual(answer.errorCode, ErrorCode.NONE);
        strictEqual(answer.baseOffset, first, `version ${version}`);
        strictEqual(answer.logAppendTimeMs, -1);
        strictEqual(answer.logStartOffset, version >= 5 ? 0 : -1);
      }
    }
  });
});

Deno.test("Produce takes the message sets of old clients", async () => {
  await withBroker(async ({ broker, client }) => {
    for (const [version, magic] of [[0, 0], [1, 0], [2, 1]] as const) {
      const records = encodeMessageSet({
        magic,
        compression: version === 2 ? "gzip" : "none",
        records: ["x", "y"].map((value, offset) => ({
          offset,
          timestampMs: 1_600_000_000_000,
          key: null,
          value: encodeUtf8(value),
          headers: [],
        })),
      });
      const answer = await produceOne(client, "t", records, { version });
      strictEqual(answer.errorCode, ErrorCode.NONE, `version ${version}`);
      strictEqual(answer.baseOffset, version * 2);
    }
    strictEqual(broker.broker.partitions.get("t", 0).log!.logEndOffset, 6);
  });
});

Deno.test("Produce stamps the time of the append where the topic asks for it", async () => {
  await withBroker(async ({ broker, client }) => {
    const nowMs = broker.broker.host.clock.wallMs();
    const answer = await produceOne(client, "t", batchOf(["a"]));
    ok(answer.logAppendTimeMs >= nowMs);
  }, { "log.message.timestamp.type": "LogAppendTime" });
});

function damaged(position: number, value: number, isSealed: boolean) {
  const batch = batchOf(["a", "b"]);
  batch[position] = value;
  if (isSealed) sealBatch(batch);
  return batch;
}

Deno.test("Produce refuses what is wrong with records, one partition at a time", async () => {
  const two = Uint8Array.from([...batchOf(["a"]), ...batchOf(["b"])]);
  const cases: [what: string, records: Uint8Array | null, code: number][] = [
    ["no records", null, ErrorCode.INVALID_RECORD],
    ["two batches", two, ErrorCode.INVALID_RECORD],
    ["a wrong checksum", damaged(70, 0x55, false), ErrorCode.CORRUPT_MESSAGE],
    [
      "a size past the end",
      damaged(11, 0xff, false),
      ErrorCode.CORRUPT_MESSAGE,
    ],
    ["magic 3", damaged(16, 3, false), ErrorCode.CORRUPT_MESSAGE],
    [
      "magic 1",
      damaged(16, 1, false),
      ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    ],
    ["codec 7", damaged(22, 7, true), ErrorCode.UNSUPPORTED_COMPRESSION_TYPE],
    ["garbage for gzip", damaged(22, 1, true), ErrorCode.CORRUPT_MESSAGE],
    ["a count of 3", damaged(60, 3, true), ErrorCode.INVALID_RECORD],
    ["a control batch", damaged(22, 0x20, true), ErrorCode.INVALID_RECORD],
    [
      "a transaction without a transactional id",
      batchOf(["a"], {
        producerId: 5,
        producerEpoch: 0,
        baseSequence: 0,
        isTransactional: true,
      }),
      ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ],
    [
      "too many bytes",
      batchOf(["x".repeat(5000)]),
      ErrorCode.MESSAGE_TOO_LARGE,
    ],
  ];
  await withBroker(async ({ broker, client }) => {
    for (const [what, records, code] of cases) {
      const { responses } = await client.call(PRODUCE, 9, {
        acks: -1,
        timeoutMs: 1000,
        topicData: [{
          name: "t",
          partitionData: [
            { index: 0, records },
            { index: 1, records: batchOf(["fine"]) },
          ],
        }],
      });
      const [refused, taken] = responses[0].partitionResponses;
      strictEqual(refused.errorCode, code, what);
      strictEqual(refused.baseOffset, -1);
      ok(refused.errorMessage, what);
      strictEqual(taken.errorCode, ErrorCode.NONE, what);
    }
    strictEqual(broker.broker.partitions.get("t", 0).log!.logEndOffset, 0);
    deepStrictEqual(broker.lines, [], "what clients get wrong is no news");
  }, { "message.max.bytes": 4000 });
});

Deno.test("Produce names the records that made a batch fail", async () => {
  await withBroker(async ({ broker, client }) => {
    await broker.createTopic("keyed", {
      config: { "cleanup.policy": "compact" },
    });
    const answer = await produceOne(client, "keyed", batchOf(["a", "b"]));
    strictEqual(answer.errorCode, ErrorCode.INVALID_RECORD);
    deepStrictEqual(
      answer.recordErrors.map(({ batchIndex }) => batchIndex),
      [0, 1],
    );
    match(answer.recordErrors[0].batchIndexErrorMessage ?? "", /key/i);
  });
});

Deno.test("Produce refuses unknown partitions, and acks that do not exist", async () => {
  await withBroker(async ({ client }) => {
    const records = batchOf(["a"]);
    const cases: [
      topic: string,
      partition: number,
      acks: number,
      code: number,
    ][] = [
      ["missing", 0, -1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ["t", 2, -1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ["t", -1, 1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ["t", 0, 2, ErrorCode.INVALID_REQUIRED_ACKS],
      ["t", 0, -2, ErrorCode.INVALID_REQUIRED_ACKS],
    ];
    for (const [topic, partition, acks, code] of cases) {
      const answer = await produceOne(client, topic, records, {
        partition,
        acks,
      });
      strictEqual(answer.errorCode, code, `${topic}-${partition} acks=${acks}`);
    }
  });
});

Deno.test("Produce answers for each topic once, and not where it has no records", async () => {
  await withBroker(async ({ broker, client }) => {
    await broker.createTopic("u");
    const named = (name: string, ...indexes: number[]) => ({
      name,
      partitionData: indexes.map((index) => ({
        index,
        records: batchOf(["a"]),
      })),
    });
    const { responses } = await client.call(PRODUCE, 9, {
      acks: 1,
      timeoutMs: 1000,
      topicData: [named("t", 1), named("u"), named("t", 0)],
    });
    deepStrictEqual(
      responses.map(({ name, partitionResponses }) => [
        name,
        ...partitionResponses.map(({ index }) => index),
      ]),
      [["t", 1, 0]],
    );
  });
});

Deno.test("Produce lets an old client send nothing", async () => {
  await withBroker(async ({ client }) => {
    await produceOne(client, "t", batchOf(["a"]));
    const nothing = new Uint8Array(0);
    const answer = await produceOne(client, "t", nothing, { version: 2 });
    strictEqual(answer.errorCode, ErrorCode.NONE);
    strictEqual(answer.baseOffset, -1);
    const newer = await produceOne(client, "t", nothing, { version: 3 });
    strictEqual(newer.errorCode, ErrorCode.INVALID_RECORD);
  });
});

Deno.test("Produce says where the log starts that has refused records", async () => {
  await withBroker(async ({ client }) => {
    const options = { producerId: 4, producerEpoch: 0 };
    await produceOne(client, "t", batchOf(["a"], options));
    const gap = batchOf(["b"], { ...options, baseSequence: 7 });
    const refused = await produceOne(client, "t", gap);
    strictEqual(refused.logStartOffset, 0);
    const corrupt = batchOf(["c"]).with(20, 0).with(19, 0);
    strictEqual((await produceOne(client, "t", corrupt)).logStartOffset, -1);
  });
});

Deno.test("Produce refuses clients that write into internal topics", async () => {
  await withBroker(async ({ broker, client }) => {
    await broker.createTopic("__transaction_state");
    const answer = await produceOne(
      client,
      "__transaction_state",
      batchOf(["a"]),
    );
    strictEqual(answer.errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION);
  });
});

Deno.test("Produce with acks=all is refused where too few replicas are in sync", async () => {
  await withBroker(async ({ broker, client }) => {
    const alone = await produceOne(client, "t", batchOf(["a"]));
    strictEqual(alone.errorCode, ErrorCode.NONE, "it has one replica only");
    const partition = broker.broker.partitions.get("t", 0);
    partition.update({
      ...partition.leadership,
      replicas: [1, 2],
      isr: [1],
    }, partition.log);
    const refused = await produceOne(client, "t", batchOf(["b"]));
    strictEqual(refused.errorCode, ErrorCode.NOT_ENOUGH_REPLICAS);
    const taken = await produceOne(client, "t", batchOf(["c"]), { acks: 1 });
    strictEqual(taken.errorCode, ErrorCode.NONE);
    strictEqual(partition.log!.logEndOffset, 2);
  }, { "min.insync.replicas": 2 });
});

Deno.test("Produce with acks=0 has no answer, and an error closes the connection", async () => {
  await withBroker(async ({ broker, client }) => {
    const send = (name: string) =>
      client.send(produceRequest, 9, {
        acks: 0,
        timeoutMs: 0,
        topicData: [{
          name,
          partitionData: [{ index: 0, records: batchOf(["a"]) }],
        }],
      });
    await send("t");
    await send("t");
    const { topics } = await client.call(METADATA, 1, {
      topics: [{ name: "t" }],
    });
    strictEqual(
      topics[0].name,
      "t",
      "the next answer is that of the next request",
    );
    strictEqual(broker.broker.partitions.get("t", 0).log!.logEndOffset, 2);
    await send("missing");
    ok(await client.isClosed());
    match(broker.lines[0], /missing-0 with acks=0 were refused/);
  });
});

Deno.test("Produce takes a repeated batch once, and refuses a gap", async () => {
  await withBroker(async ({ client }) => {
    const numbered = (baseSequence: number, producerEpoch = 0) =>
      batchOf(["a", "b"], { producerId: 7, producerEpoch, baseSequence });
    const cases: [sequence: number, code: number, offset: number][] = [
      [0, ErrorCode.NONE, 0],
      [2, ErrorCode.NONE, 2],
      [0, ErrorCode.NONE, 0],
      [6, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1],
      [4, ErrorCode.NONE, 4],
    ];
    for (const [sequence, code, offset] of cases) {
      const answer = await produceOne(client, "t", numbered(sequence));
      strictEqual(answer.errorCode, code, `sequence ${sequence}`);
      strictEqual(answer.baseOffset, offset, `sequence ${sequence}`);
    }
    const newEpoch = await produceOne(client, "t", numbered(0, 1));
    strictEqual(newEpoch.errorCode, ErrorCode.NONE);
    const fenced = await produceOne(client, "t", numbered(6, 0));
    strictEqual(fenced.errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
  });
});

Deno.test("Produce answers many requests at once in order, and appends them in order", async () => {
  await withBroker(async ({ client }) => {
    const { 1: response } = PRODUCE;
    const ids: number[] = [];
    for (let i = 0; i < 50; i++) {
      ids.push(
        await client.send(produceRequest, 7, {
          acks: -1,
          timeoutMs: 1000,
          topicData: [{
            name: "t",
            partitionData: [{ index: 0, records: batchOf([`${i}`]) }],
          }],
        }),
      );
    }
    for (const [i, id] of ids.entries()) {
      const { responses } = await client.answer(response, 7, id);
      strictEqual(responses[0].partitionResponses[0].baseOffset, i);
    }
  }, { "log.flush.interval.messages": 1 });
});

Deno.test("Produce with flush.messages=1 survives a power cut, batch for batch, and so do the producers", async () => {
  const sim = simHost(12);
  const flushed = { "log.flush.interval.messages": 1 };
  const numbered = (baseSequence: number) =>
    batchOf([`${baseSequence}`], {
      producerId: 7,
      producerEpoch: 0,
      baseSequence,
    });
  const count = 20;
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, flushed);
    await broker.createTopic("t");
    const client = await broker.connect();
    for (let i = 0; i < count; i++) {
      const answer = await produceOne(client, "t", numbered(i));
      strictEqual(answer.baseOffset, i);
    }
  });
  sim.restart();
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, flushed);
    const client = await broker.connect();
    strictEqual(broker.broker.partitions.get("t", 0).log!.logEndOffset, count);
    const again = await produceOne(client, "t", numbered(count - 1));
    strictEqual(again.errorCode, ErrorCode.NONE);
    strictEqual(again.baseOffset, count - 1, "a repeated batch is known");
    const gap = await produceOne(client, "t", numbered(count + 1));
    strictEqual(gap.errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    const next = await produceOne(client, "t", numbered(count));
    strictEqual(next.baseOffset, count);
    await broker.stop();
  });
});

Deno.test("Produce is refused where the disk is full, and taken again when it is not", async () => {
  const sim = simHost(13);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    await broker.createTopic("t");
    const client = await broker.connect();
    const large = batchOf(["x".repeat(100_000)]);
    strictEqual((await produceOne(client, "t", large)).errorCode, 0);
    const capacityBytes = sim.disk.capacityBytes;
    sim.disk.capacityBytes = sim.disk.usedBytes + 1000;
    const refused = await produceOne(client, "t", large);
    strictEqual(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
    sim.disk.capacityBytes = capacityBytes;
    const taken = await produceOne(client, "t", large);
    strictEqual(taken.errorCode, ErrorCode.NONE);
    strictEqual(taken.baseOffset, 1);
    strictEqual(await broker.stop(), true);
  });
});

Deno.test("Produce leaves the bytes of a large batch as they are", async () => {
  await withBroker(async ({ broker, client }) => {
    const value = "0123456789".repeat(90_000);
    const batch = batchOf([value]);
    await produceOne(client, "t", batch);
    const { log } = broker.broker.partitions.get("t", 0);
    const { source } = log!.read(0, {
      maxBytes: 2_000_000,
      minOneBatch: true,
      upToOffset: 1,
    });
    const stored = new Uint8Array(source.sizeBytes);
    source.readInto(stored);
    strictEqual(stored.length, batch.length);
    deepStrictEqual(
      stored.subarray(BATCH_HEADER_BYTES),
      batch.subarray(BATCH_HEADER_BYTES),
    );
  });
});
