import {
  deepStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
} from "node:assert/strict";
import fc from "fast-check";
import { decodeUtf8 } from "../base/bytes.ts";
import { FakeCluster, type ScriptedAction } from "../testing/fake_broker.ts";
import type { FakePartition } from "../testing/fake_cluster.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import { createProducer, type Producer } from "./producer.ts";

interface Scene {
  readonly sim: SimHost;
  readonly fake: FakeCluster;
  producer(config?: Record<string, string>): Producer;
}

async function scene(
  options: { readonly seed?: number; readonly brokers?: number },
  job: (scene: Scene) => Promise<void>,
): Promise<void> {
  const sim = simHost(options.seed ?? 1);
  const fake = new FakeCluster(sim, options.brokers ?? 1);
  const producers: Producer[] = [];
  await sim.run(async () => {
    await fake.start();
    await job({
      sim,
      fake,
      producer(config = {}) {
        const producer = createProducer(sim.host, {
          "bootstrap.servers": fake.bootstrap,
          ...config,
        });
        producers.push(producer);
        return producer;
      },
    });
    for (const producer of producers) await producer.close({ timeoutMs: 0 });
  });
  fake.stop();
}

function values(partition: FakePartition): string[] {
  return partition.records.map((record) => decodeUtf8(record.value!));
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i}`);
}

/** An answer that refuses all partitions of a produce request. */
function refuse(errorCode: number): ScriptedAction {
  return {
    answer: ({ body }) => ({
      // deno-lint-ignore no-explicit-any -- a decoded request
      responses: body.topicData.map((topic: any) => ({
        name: topic.name,
        // deno-lint-ignore no-explicit-any -- a decoded request
        partitionResponses: topic.partitionData.map((partition: any) => ({
          index: partition.index,
          errorCode,
          baseOffset: -1,
        })),
      })),
    }),
  };
}

Deno.test("Producer.send() tells where each record was written", async () => {
  await scene({}, async ({ fake, producer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    const told: (number | undefined)[] = [];
    const sent = await Promise.all([
      producer().send(
        { topic: "t", key: "k", value: "v", timestampMs: 7 },
        (_error, metadata) => told.push(metadata?.offset),
      ),
    ]);
    deepStrictEqual(sent, [
      { topic: "t", partition: 0, offset: 0, timestampMs: 7 },
    ]);
    deepStrictEqual(told, [0]);
    const [record] = partition.records;
    strictEqual(decodeUtf8(record.key!), "k");
    strictEqual(record.timestampMs, 7);
  });
});

Deno.test("Producer keeps tombstones, empty values and repeated headers apart", async () => {
  await scene({}, async ({ fake, producer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    const headers = [
      { key: "h", value: null },
      { key: "h", value: new Uint8Array(0) },
    ];
    const p = producer();
    await Promise.all([
      p.send({ topic: "t", key: "k", value: null }),
      p.send({ topic: "t", key: "", value: "", headers }),
    ]);
    const [tombstone, empty] = partition.records;
    strictEqual(tombstone.value, null);
    strictEqual(empty.value?.length, 0);
    strictEqual(empty.key?.length, 0);
    deepStrictEqual(empty.headers, headers);
  });
});

Deno.test("Producer puts records that are sent together into one batch", async () => {
  await scene({}, async ({ fake, producer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    const p = producer();
    await p.send({ topic: "t", value: "first" });
    await Promise.all(
      numbers(50).map((value) => p.send({ topic: "t", value })),
    );
    strictEqual(partition.batches.length, 2);
    deepStrictEqual(values(partition).slice(1), numbers(50));
  });
});

Deno.test("Producer waits linger.ms for a batch to fill, unless flush() is called", async () => {
  await scene({}, async ({ fake, producer, sim }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    const p = producer({ "linger.ms": "200" });
    const nowMs = () => sim.host.clock.monotonicMs();
    const wait = (ms: number) =>
      new Promise<void>((resolve) => sim.host.clock.after(ms, resolve));
    await p.partitionsFor("t");
    let startMs = nowMs();
    const first = p.send({ topic: "t", value: "a" });
    await wait(100);
    const second = p.send({ topic: "t", value: "b" });
    await Promise.all([first, second]);
    ok(nowMs() - startMs >= 200 && nowMs() - startMs < 215);
    strictEqual(partition.batches.length, 1);
    startMs = nowMs();
    const third = p.send({ topic: "t", value: "c" });
    await p.flush();
    await third;
    ok(nowMs() - startMs < 20);
  });
});

Deno.test("Producer.sendNoWait() calls back in order, and waits only where it has to", async () => {
  await scene({}, async ({ fake, producer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    const p = producer({ "buffer.memory": "100000" });
    const offsets: number[] = [];
    const value = new Uint8Array(1000);
    let waitCount = 0;
    for (let i = 0; i < 2000; i++) {
      const wait = p.sendNoWait({ topic: "t", value }, (error, metadata) => {
        strictEqual(error, null);
        offsets.push(metadata!.offset);
      });
      ok(p.bufferedBytes <= 100_000);
      if (wait === undefined) continue;
      waitCount++;
      await wait;
    }
    await p.flush();
    ok(waitCount > 10 && waitCount < 2000, `${waitCount}`);
    deepStrictEqual(offsets, offsets.map((_, i) => i));
    strictEqual(partition.endOffset, 2000);
    strictEqual(p.bufferedBytes, 0);
  });
});

Deno.test("Producer writes each record once and in order, whatever happens to its requests", async () => {
  const actions: ScriptedAction[] = [
    "pass",
    "close",
    "closeAfter",
    "silence",
    { delayMs: 30 },
    refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER),
    refuse(ErrorCode.NOT_ENOUGH_REPLICAS),
    refuse(ErrorCode.REQUEST_TIMED_OUT),
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1e6 }),
      fc.array(fc.constantFrom(...actions), { maxLength: 25 }),
      fc.constantFrom("none", "gzip", "snappy", "lz4", "zstd"),
      fc.integer({ min: 1, max: 5 }),
      async (seed, script, compression, inFlightMax) => {
        await scene({ seed, brokers: 2 }, async ({ fake, producer }) => {
          const { partitions } = fake.state.createTopic("t", 2);
          for (const broker of fake.brokers) {
            broker.script(apiKeys.Produce, ...script);
          }
          const p = producer({
            "batch.size": "300",
            "compression.type": compression,
            "request.timeout.ms": "1000",
            "max.in.flight.requests.per.connection": `${inFlightMax}`,
          });
          const sent = numbers(100).map((value, i) =>
            p.send({ topic: "t", partition: i % 2, value })
          );
          const results = await Promise.all(sent);
          const all = numbers(100);
          deepStrictEqual(
            values(partitions[0]),
            all.filter((_, i) => i % 2 === 0),
          );
          deepStrictEqual(
            values(partitions[1]),
            all.filter((_, i) => i % 2 === 1),
          );
          results.forEach(({ partition, offset }, i) => {
            strictEqual(partition, i % 2);
            strictEqual(offset, Math.floor(i / 2));
          });
        });
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("Producer follows a partition to its new leader", async () => {
  await scene({ brokers: 2 }, async ({ fake, producer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    const p = producer();
    await p.send({ topic: "t", value: "0" });
    fake.state.moveLeader("t", 0, 2);
    await p.send({ topic: "t", value: "1" });
    deepStrictEqual(values(partition), ["0", "1"]);
    strictEqual(fake.broker(2).seen(apiKeys.Produce).length, 1);
  });
});

Deno.test("Producer starts a new epoch where the broker has lost track of it", async () => {
  await scene({}, async ({ fake, producer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    const p = producer();
    await p.send({ topic: "t", value: "0" });
    fake.broker(1).script(
      apiKeys.Produce,
      refuse(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER),
    );
    await p.send({ topic: "t", value: "1" });
    fake.broker(1).script(
      apiKeys.Produce,
      refuse(ErrorCode.INVALID_PRODUCER_EPOCH),
    );
    await p.send({ topic: "t", value: "2" });
    deepStrictEqual(values(partition), ["0", "1", "2"]);
    // The epoch was counted up by itself; the id was asked for anew.
    strictEqual(fake.broker(1).seen(apiKeys.InitProducerId).length, 2);
  });
});

Deno.test("Producer goes on after a batch that failed for good", async () => {
  await scene({}, async ({ fake, producer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    const p = producer({ "batch.size": "0" });
    await p.partitionsFor("t");
    fake.broker(1).script(
      apiKeys.Produce,
      "pass",
      refuse(ErrorCode.INVALID_RECORD),
    );
    const results = await Promise.allSettled(
      numbers(10).map((value) => p.send({ topic: "t", value })),
    );
    const failed = results.flatMap((r, i) =>
      r.status === "rejected" ? [i] : []
    );
    deepStrictEqual(failed, [1]);
    deepStrictEqual(values(partition), numbers(10).filter((n) => n !== "1"));
  });
});

Deno.test("Producer cuts batches that the broker finds too large, down to the record that is", async () => {
  await scene({}, async ({ fake, producer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    const broker = fake.broker(1);
    const tooLarge: ScriptedAction = {
      answer(request) {
        const { records, index } = request.body.topicData[0].partitionData[0];
        const isTooLarge = records.length > 400;
        const { errorCode, baseOffset } = isTooLarge
          ? { errorCode: ErrorCode.MESSAGE_TOO_LARGE, baseOffset: -1 }
          : partition.append(records);
        const partitionResponses = [{ index, errorCode, baseOffset }];
        return { responses: [{ name: "t", partitionResponses }] };
      },
    };
    broker.script(apiKeys.Produce, ...Array(200).fill(tooLarge));
    const p = producer();
    const results = await Promise.allSettled(
      numbers(100).map((value, i) =>
        p.send({ topic: "t", value: i === 33 ? "x".repeat(500) : value })
      ),
    );
    const failed = results.flatMap((r, i) =>
      r.status === "rejected" ? [i] : []
    );
    deepStrictEqual(failed, [33]);
    deepStrictEqual(values(partition), numbers(100).filter((n) => n !== "33"));
  });
});

Deno.test("Producer with acks=0 does not wait for answers", async () => {
  await scene({}, async ({ fake, producer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    const p = producer({ acks: "0" });
    const { offset } = await p.send({ topic: "t", value: "a" });
    strictEqual(offset, -1);
    await p.partitionsFor("t");
    await p.close();
    await new Promise<void>((resolve) =>
      fake.broker(1).host.clock.after(5, resolve)
    );
    deepStrictEqual(values(partition), ["a"]);
    strictEqual(fake.broker(1).seen(apiKeys.InitProducerId).length, 0);
  });
});

Deno.test("Producer fails records after delivery.timeout.ms, and never leaves a caller waiting", async () => {
  await scene({}, async ({ fake, producer, sim }) => {
    fake.state.createTopic("t");
    const p = producer({
      "request.timeout.ms": "1000",
      "delivery.timeout.ms": "3000",
    });
    await p.send({ topic: "t", value: "0" });
    fake.broker(1).script(apiKeys.Produce, ...Array(50).fill("silence"));
    const startMs = sim.host.clock.monotonicMs();
    await rejects(p.send({ topic: "t", value: "1" }), {
      errorName: "REQUEST_TIMED_OUT",
      message: "1 record(s) for t-0 were not acknowledged within 3000 ms",
    });
    const tookMs = sim.host.clock.monotonicMs() - startMs;
    ok(tookMs >= 3000 && tookMs < 3050, `${tookMs}`);
  });
});

Deno.test("Producer fails records of an unknown topic after max.block.ms", async () => {
  await scene({}, async ({ producer, fake }) => {
    fake.state.createTopic("known");
    const p = producer({ "max.block.ms": "1000" });
    const lost = p.send({ topic: "missing", value: "0" });
    // It holds up nobody else.
    await p.send({ topic: "known", value: "1" });
    await rejects(lost, {
      errorName: "UNKNOWN_TOPIC_OR_PARTITION",
      message:
        "Topic missing does not exist, and did not come up within 1000 ms",
    });
    fake.state.autoCreates = true;
    strictEqual((await p.send({ topic: "new", value: "2" })).offset, 0);
  });
});

Deno.test("Producer fails records where there is no room for max.block.ms", async () => {
  await scene({}, async ({ producer, fake }) => {
    fake.state.createTopic("t");
    const p = producer({ "buffer.memory": "20000", "max.block.ms": "500" });
    await p.send({ topic: "t", value: "0" });
    fake.broker(1).script(apiKeys.Produce, "silence");
    p.sendNoWait({ topic: "t", value: new Uint8Array(15_000) });
    p.sendNoWait({ topic: "t", value: new Uint8Array(15_000) });
    await rejects(p.send({ topic: "t", value: "1" }), {
      errorName: "REQUEST_TIMED_OUT",
      message: /No room for a record of topic t within 500 ms/,
    });
  });
});

Deno.test("Producer refuses what can never be sent, at once", async () => {
  await scene({}, async ({ producer, fake }) => {
    fake.state.createTopic("t");
    const p = producer({ "max.request.size": "1000" });
    await rejects(p.send({ topic: "t", value: new Uint8Array(1000) }), {
      errorName: "MESSAGE_TOO_LARGE",
      message: /larger than max\.request\.size=1000/,
    });
    await rejects(p.send({ topic: "t", partition: 3, value: "" }), {
      message: "Topic t has no partition 3: it has 1",
    });
    await p.close();
    await rejects(p.send({ topic: "t", value: "" }), /closed/);
  });
});

Deno.test("Producer sends keyed records where Kafka's own producer does, others to one partition at a time", async () => {
  await scene({ brokers: 2 }, async ({ producer, fake }) => {
    fake.state.createTopic("t", 6);
    const p = producer({ "batch.size": "1000" });
    const keyed = await p.send({ topic: "t", key: "21", value: null });
    // murmur2("21") is -973932308.
    strictEqual(keyed.partition, (-973932308 & 0x7fffffff) % 6);
    const seen = new Set<number>();
    let switchCount = 0, last = -1;
    for (let i = 0; i < 300; i++) {
      const { partition } = await p.send({ topic: "t", value: "x".repeat(60) });
      if (partition !== last) switchCount++;
      last = partition;
      seen.add(partition);
    }
    strictEqual(seen.size, 6);
    ok(switchCount > 10 && switchCount <= 40, `${switchCount}`);
  });
});

Deno.test("createProducer() refuses settings that contradict each other", () => {
  const { host } = simHost(1);
  const cases: Record<string, string>[] = [
    { "bootstrap.servers": "" },
    { "enable.idempotence": "true", acks: "1" },
    {
      "enable.idempotence": "true",
      "max.in.flight.requests.per.connection": "6",
    },
    { "delivery.timeout.ms": "100" },
    { "transactional.id": "x", "enable.idempotence": "false" },
    { "transactional.id": "x", acks: "1" },
    { "transactional.id": "x", retries: "0" },
    {
      "transactional.id": "x",
      "max.in.flight.requests.per.connection": "6",
    },
    { "security.protocol": "SSL" },
  ];
  for (const config of cases) {
    throws(
      () => createProducer(host, { "bootstrap.servers": "a:1", ...config }),
      { name: "ConfigError" },
      JSON.stringify(config),
    );
  }
});
