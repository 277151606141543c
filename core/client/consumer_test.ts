import {
  deepStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
} from "node:assert/strict";
import fc from "fast-check";
import { encodeEndTransactionMarker } from "../record/control_record.ts";
import { encodeBatch } from "../record/record_batch.ts";
import { FakeCluster, type ScriptedAction } from "../testing/fake_broker.ts";
import type { FakePartition } from "../testing/fake_cluster.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { apiKeys } from "../wire/kafka/api_keys.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import { type Consumer, createConsumer } from "./consumer.ts";
import type { RecordChunk } from "./fetched_data.ts";

interface Scene {
  readonly sim: SimHost;
  readonly fake: FakeCluster;
  consumer(config?: Record<string, string>): Consumer;
}

async function scene(
  options: { readonly seed?: number; readonly brokers?: number },
  job: (scene: Scene) => Promise<void>,
): Promise<void> {
  const sim = simHost(options.seed ?? 1);
  const fake = new FakeCluster(sim, options.brokers ?? 1);
  const consumers: Consumer[] = [];
  await sim.run(async () => {
    await fake.start();
    await job({
      sim,
      fake,
      consumer(config = {}) {
        const consumer = createConsumer(sim.host, {
          "bootstrap.servers": fake.bootstrap,
          "auto.offset.reset": "earliest",
          ...config,
        });
        consumers.push(consumer);
        return consumer;
      },
    });
    for (const consumer of consumers) consumer.close();
  });
  fake.stop();
}

/** Appends batches of so many records each. */
function fill(partition: FakePartition, ...counts: number[]): void {
  for (const count of counts) {
    partition.append(encodeBatch({
      records: Array.from({ length: count }, (_, i) => ({
        timestampMs: partition.endOffset + i,
        key: null,
        value: new Uint8Array(10),
      })),
    }));
  }
}

function offsets(chunks: readonly RecordChunk[]): number[] {
  return chunks.flatMap(({ records }) => records.map(({ offset }) => offset));
}

/** Polls until all assigned partitions are at their ends, as they were at the start. */
async function readAll(consumer: Consumer): Promise<RecordChunk[]> {
  const chunks: RecordChunk[] = [];
  const ends = await consumer.endOffsets(consumer.assignment);
  for (;;) {
    chunks.push(...await consumer.poll(1000));
    const isDone = ends.every((end) =>
      (consumer.currentPosition(end) ?? -1) >= end.value!.offset
    );
    if (isDone) return chunks;
  }
}

const T0 = { topic: "t", partition: 0 };

function upTo(end: number, start = 0): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

Deno.test("Consumer.poll() gives all records of all partitions, in order", async () => {
  await scene({ brokers: 2 }, async ({ fake, consumer }) => {
    const { partitions } = fake.state.createTopic("t", 3);
    partitions.forEach((p, i) => fill(p, 3, i + 1, 700));
    const c = consumer();
    c.assign(await c.partitionsFor("t"));
    const chunks = await readAll(c);
    partitions.forEach((p, i) => {
      const own = chunks.filter(({ partition }) => partition === i);
      deepStrictEqual(offsets(own), upTo(p.endOffset));
    });
    for (const { leaderEpoch, timestampType } of chunks) {
      strictEqual(leaderEpoch, 0);
      strictEqual(timestampType, "CreateTime");
    }
  });
});

Deno.test("Consumer.poll() gives at most max.poll.records", async () => {
  await scene({}, async ({ fake, consumer }) => {
    fill(fake.state.createTopic("t").partitions[0], 5, 5, 5);
    const c = consumer({ "max.poll.records": "4" });
    c.assign([T0]);
    const polls: number[][] = [];
    while (polls.flat().length < 15) {
      const got = offsets(await c.poll(1000));
      if (got.length > 0) polls.push(got);
      ok(got.length <= 4);
    }
    deepStrictEqual(polls.flat(), upTo(15));
  });
});

Deno.test("Consumer.seek() moves, whatever has been fetched ahead", async () => {
  await scene({}, async ({ fake, consumer }) => {
    fill(fake.state.createTopic("t").partitions[0], 10, 10, 10);
    const c = consumer({ "max.poll.records": "5" });
    c.assign([T0]);
    c.seek(T0, 7);
    deepStrictEqual(offsets(await c.poll(1000)), [7, 8, 9, 10, 11]);
    c.seek(T0, 3);
    strictEqual(c.currentPosition(T0), 3);
    deepStrictEqual(offsets(await c.poll(1000)), upTo(8, 3));
    c.seekToBeginning();
    strictEqual(await c.position(T0), 0);
    c.seekToEnd([T0]);
    strictEqual(await c.position(T0), 30);
    c.seekToTimestamp([{ ...T0, timestampMs: 12 }]);
    deepStrictEqual(offsets(await c.poll(1000)), upTo(17, 12));
    c.seekToTimestamp([{ ...T0, timestampMs: 99 }]);
    strictEqual(await c.position(T0), 30);
    throws(() => c.seek({ topic: "t", partition: 1 }, 0), /not assigned/);
  });
});

Deno.test("Consumer waits for new records no longer than it has to", async () => {
  await scene({}, async ({ fake, consumer, sim }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    const c = consumer();
    c.assign([T0]);
    strictEqual(await c.position(T0), 0);
    deepStrictEqual(await c.poll(200), []);
    const startMs = sim.host.clock.monotonicMs();
    sim.host.clock.after(100, () => fill(partition, 1));
    deepStrictEqual(offsets(await c.poll(5000)), [0]);
    ok(sim.host.clock.monotonicMs() - startMs < 110);
  });
});

Deno.test("Consumer.wakeup() ends the poll under way", async () => {
  await scene({}, async ({ fake, consumer, sim }) => {
    fake.state.createTopic("t");
    const c = consumer();
    c.assign([T0]);
    await c.position(T0);
    const startMs = sim.host.clock.monotonicMs();
    sim.host.clock.after(50, () => c.wakeup());
    deepStrictEqual(await c.poll(60_000), []);
    ok(sim.host.clock.monotonicMs() - startMs < 60);
    const polling = c.poll(60_000);
    c.close();
    await rejects(polling, /closed/);
  });
});

Deno.test("Consumer.pause() holds records back, and gives them after resume()", async () => {
  await scene({}, async ({ fake, consumer }) => {
    const { partitions } = fake.state.createTopic("t", 2);
    partitions.forEach((p) => fill(p, 5));
    const c = consumer();
    const T1 = { topic: "t", partition: 1 };
    c.assign([T0, T1]);
    c.pause([T0]);
    const seen: RecordChunk[] = [];
    for (let i = 0; i < 5; i++) seen.push(...await c.poll(100));
    deepStrictEqual(seen.map(({ partition }) => partition), [1]);
    c.pause([T1]);
    c.resume([T0]);
    seen.length = 0;
    for (let i = 0; i < 5; i++) seen.push(...await c.poll(100));
    deepStrictEqual(seen.map(({ partition }) => partition), [0]);
    deepStrictEqual(offsets(seen), upTo(5));
  });
});

Deno.test("Consumer keeps the positions of partitions that stay assigned", async () => {
  await scene({}, async ({ fake, consumer }) => {
    const { partitions } = fake.state.createTopic("t", 2);
    partitions.forEach((p) => fill(p, 5));
    const c = consumer();
    c.assign([T0]);
    await readAll(c);
    c.assign([T0, { topic: "t", partition: 1 }]);
    strictEqual(c.currentPosition(T0), 5);
    const chunks = await readAll(c);
    deepStrictEqual(chunks.map(({ partition }) => partition), [1]);
    deepStrictEqual(c.lag(T0), 0);
  });
});

Deno.test("Consumer follows auto.offset.reset", async () => {
  await scene({}, async ({ fake, consumer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    fill(partition, 10);
    const latest = consumer({ "auto.offset.reset": "latest" });
    latest.assign([T0]);
    strictEqual(await latest.position(T0), 10);
    const none = consumer({ "auto.offset.reset": "none" });
    none.assign([T0]);
    await rejects(none.poll(1000), /no valid position for t-0/);
    none.seek(T0, 11);
    await rejects(none.poll(1000), {
      errorName: "OFFSET_OUT_OF_RANGE",
      message: /Offset 11 of t-0 is out of range/,
    });
    none.seek(T0, 9);
    deepStrictEqual(offsets(await none.poll(1000)), [9]);
    // The log's start has moved past the position.
    const earliest = consumer();
    earliest.assign([T0]);
    partition.logStartOffset = 4;
    earliest.seek(T0, 1);
    deepStrictEqual(offsets(await readAll(earliest)), upTo(10, 4));
  });
});

Deno.test("Consumer reaches the end past markers, holes and aborted records", async () => {
  await scene({}, async ({ fake, consumer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    fill(partition, 2);
    partition.append(encodeBatch({
      records: [{ timestampMs: 0, key: null, value: null }],
      producerId: 7,
      producerEpoch: 0,
      isTransactional: true,
    }));
    partition.aborted.push({ producerId: 7, firstOffset: 2 });
    partition.append(encodeEndTransactionMarker(
      { type: "abort", coordinatorEpoch: 0 },
      { timestampMs: 0, producerId: 7, producerEpoch: 0 },
    ));
    for (
      const [isolation, seen] of [
        ["read_uncommitted", [0, 1, 2]],
        ["read_committed", [0, 1]],
      ] as const
    ) {
      const c = consumer({ "isolation.level": isolation });
      c.assign([T0]);
      deepStrictEqual(offsets(await readAll(c)), seen);
      strictEqual(c.currentPosition(T0), 4);
    }
  });
});

Deno.test("Consumer.poll() moves on when nothing but positions did", async () => {
  await scene({}, async ({ fake, consumer, sim }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    partition.append(encodeEndTransactionMarker(
      { type: "commit", coordinatorEpoch: 0 },
      { timestampMs: 0, producerId: 7, producerEpoch: 0 },
    ));
    const c = consumer();
    c.assign([T0]);
    const startMs = sim.host.clock.monotonicMs();
    while (c.currentPosition(T0) !== 1) {
      deepStrictEqual(await c.poll(60_000), []);
    }
    ok(sim.host.clock.monotonicMs() - startMs < 1000);
  });
});

function refuse(errorCode: number): ScriptedAction {
  return {
    answer: ({ body }) => ({
      // deno-lint-ignore no-explicit-any -- a decoded request
      responses: body.topics.map((topic: any) => ({
        topic: topic.topic,
        topicId: topic.topicId,
        // deno-lint-ignore no-explicit-any -- a decoded request
        partitions: topic.partitions.map((partition: any) => ({
          partitionIndex: partition.partition,
          errorCode,
          highWatermark: -1,
          abortedTransactions: null,
          records: null,
        })),
      })),
    }),
  };
}

Deno.test("Consumer gives each record once and in order, whatever happens to its requests", async () => {
  const actions: ScriptedAction[] = [
    "pass",
    "close",
    "closeAfter",
    "silence",
    { delayMs: 30 },
    refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER),
    refuse(ErrorCode.UNKNOWN_TOPIC_ID),
    refuse(ErrorCode.FENCED_LEADER_EPOCH),
    {
      answer: () => ({
        errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
        responses: [],
      }),
    },
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1e6 }),
      fc.array(fc.constantFrom(...actions), { maxLength: 15 }),
      fc.array(fc.constantFrom(...actions.slice(0, 5)), { maxLength: 5 }),
      fc.integer({ min: 100, max: 3000 }),
      async (seed, fetches, lookups, partitionBytes) => {
        await scene({ seed, brokers: 2 }, async ({ fake, consumer }) => {
          const { partitions } = fake.state.createTopic("t", 3);
          partitions.forEach((p, i) => fill(p, 30, 1, 10 + i, 30));
          for (const broker of fake.brokers) {
            broker.script(apiKeys.Fetch, ...fetches);
            broker.script(apiKeys.Metadata, ...lookups);
            broker.script(apiKeys.ListOffsets, ...lookups);
          }
          const c = consumer({
            "request.timeout.ms": "1000",
            "max.partition.fetch.bytes": `${partitionBytes}`,
            "max.poll.records": "17",
          });
          c.assign(upTo(3).map((partition) => ({ topic: "t", partition })));
          const seen: number[][] = [[], [], []];
          const total = partitions.reduce((sum, p) => sum + p.endOffset, 0);
          for (let count = 0, polls = 0; count < total; polls++) {
            ok(polls < 2000);
            for (const { partition, records } of await c.poll(1000)) {
              seen[partition].push(...records.map(({ offset }) => offset));
              count += records.length;
            }
            if (polls === 3) fake.state.moveLeader("t", 1, 1);
          }
          partitions.forEach((p, i) =>
            deepStrictEqual(seen[i], upTo(p.endOffset))
          );
        });
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("Consumer goes back to where its log and the new leader's part", async () => {
  await scene({ brokers: 2 }, async ({ fake, consumer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    fill(partition, 5, 5);
    const c = consumer();
    c.assign([T0]);
    await readAll(c);
    strictEqual(c.currentPosition(T0), 10);
    // The new leader lacks the last batch, and has another one in its place.
    partition.batches.pop();
    partition.endOffset = 5;
    fake.state.moveLeader("t", 0, 2);
    const again: number[] = [];
    for (let i = 0; i < 30 && again.length === 0; i++) {
      again.push(...offsets(await c.poll(500)));
      if (c.currentPosition(T0) === 5) fill(partition, 3);
    }
    deepStrictEqual(again, [5, 6, 7]);
    ok(fake.broker(2).seen(apiKeys.OffsetForLeaderEpoch).length > 0);
  });
});

Deno.test("Consumer speaks to brokers without topic ids, by names", async () => {
  await scene({}, async ({ fake, consumer }) => {
    fill(fake.state.createTopic("t").partitions[0], 3);
    fake.broker(1).ranges.set(apiKeys.Metadata, [0, 7]);
    const c = consumer();
    c.assign([T0]);
    deepStrictEqual(offsets(await readAll(c)), [0, 1, 2]);
    strictEqual(fake.broker(1).seen(apiKeys.Fetch)[0].apiVersion, 12);
  });
});

Deno.test("Consumer.poll() tells of damaged batches until they are passed", async () => {
  await scene({}, async ({ fake, consumer }) => {
    const { partitions: [partition] } = fake.state.createTopic("t");
    fill(partition, 2, 2, 2);
    partition.batches[1][70] ^= 1;
    const c = consumer();
    c.assign([T0]);
    deepStrictEqual(offsets(await c.poll(1000)), [0, 1]);
    await rejects(c.poll(1000), /Cannot read t-0 at offset 2/);
    await rejects(c.poll(1000), /Cannot read t-0 at offset 2/);
    c.seek(T0, 4);
    deepStrictEqual(offsets(await c.poll(1000)), [4, 5]);
  });
});

Deno.test("Consumer.partitionsFor() tells of a missing topic at once, without making it", async () => {
  await scene({}, async ({ fake, consumer, sim }) => {
    fake.state.autoCreates = true;
    const startMs = sim.host.clock.monotonicMs();
    await rejects(consumer().partitionsFor("missing"), {
      errorName: "UNKNOWN_TOPIC_OR_PARTITION",
      message: "Topic missing does not exist",
    });
    ok(sim.host.clock.monotonicMs() - startMs < 50);
    strictEqual(fake.state.topics.size, 0);
  });
});

Deno.test("Consumer.poll() tells where no broker can be reached", async () => {
  const { host, run } = (() => {
    const sim = simHost(1);
    return { host: sim.host, run: sim.run.bind(sim) };
  })();
  await run(async () => {
    const c = createConsumer(host, {
      "bootstrap.servers": "localhost:1",
      "default.api.timeout.ms": "2000",
    });
    c.assign([T0]);
    await rejects(c.poll(60_000), {
      kind: "refused",
      message: /Cannot reach a Kafka broker at localhost:1 within 2000 ms/,
    });
    c.close();
  });
});

Deno.test("Consumer.offsetsForTimes() and its like follow the leaders", async () => {
  await scene({ brokers: 2 }, async ({ fake, consumer }) => {
    const { partitions } = fake.state.createTopic("t", 2);
    partitions.forEach((p) => fill(p, 5));
    partitions[1].logStartOffset = 2;
    const c = consumer();
    const both = [T0, { topic: "t", partition: 1 }];
    const starts = await c.beginningOffsets(both);
    deepStrictEqual(starts.map(({ value }) => value?.offset), [0, 2]);
    fake.state.moveLeader("t", 0, 2);
    const ends = await c.endOffsets(both);
    deepStrictEqual(ends.map(({ value }) => value?.offset), [5, 5]);
    const times = await c.offsetsForTimes([
      { ...T0, timestampMs: 3 },
      { ...T0, partition: 1, timestampMs: 99 },
      { ...T0, partition: 5, timestampMs: 0 },
    ]);
    deepStrictEqual(times.map(({ value }) => value?.offset), [
      3,
      -1,
      undefined,
    ]);
    strictEqual(
      times[2].error?.message,
      "Topic t has no partition 5: it has 2",
    );
  });
});
