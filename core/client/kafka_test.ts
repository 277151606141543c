// The client against a real Kafka cluster: set KQ_TEST_BOOTSTRAP to its
// `bootstrap.servers` to run this; topics of its own are made and deleted.

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { decodeUtf8 } from "../base/bytes.ts";
import { denoHost } from "../host/deno_host.ts";
import { createAdmin } from "./admin.ts";
import { type Consumer, createConsumer } from "./consumer.ts";
import type { RecordChunk } from "./fetched_data.ts";
import { createGroupConsumer } from "./group_consumer.ts";
import { OffsetAt } from "./list_offsets.ts";
import { createProducer } from "./producer.ts";

const bootstrap = Deno.env.get("KQ_TEST_BOOTSTRAP");
const ignore = bootstrap === undefined;
const config = { "bootstrap.servers": bootstrap ?? "" };
const host = denoHost();

async function withTopic(
  partitionCount: number,
  job: (topic: string) => Promise<void>,
): Promise<void> {
  const admin = createAdmin(host, config);
  const topic = `client-test-${host.clock.wallMs()}-${partitionCount}`;
  try {
    const [created] = await admin.createTopics([{
      name: topic,
      partitionCount,
      replicationFactor: 1,
    }]);
    strictEqual(created.error, null);
    await job(topic);
  } finally {
    await admin.deleteTopics([topic]);
    admin.close();
  }
}

async function readAll(consumer: Consumer): Promise<RecordChunk[]> {
  const ends = await consumer.endOffsets(consumer.assignment);
  const chunks: RecordChunk[] = [];
  while (
    !ends.every((end) =>
      (consumer.currentPosition(end) ?? -1) >= end.value!.offset
    )
  ) chunks.push(...await consumer.poll(1000));
  return chunks;
}

Deno.test({
  name: "Real Kafka: every compression comes back as it was sent",
  ignore,
  fn: () =>
    withTopic(2, async (topic) => {
      const sent: string[] = [];
      for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"]) {
        const producer = createProducer(host, {
          ...config,
          "compression.type": compression,
          "linger.ms": "5",
        });
        const values = Array.from(
          { length: 500 },
          (_, i) => `${compression}-${i}-${"ä€😀".repeat(i % 7)}`,
        );
        sent.push(...values);
        await Promise.all(values.map((value, i) =>
          producer.send({
            topic,
            partition: i % 2,
            key: i % 3 === 0 ? null : `${i}`,
            value,
            headers: [{ key: "h", value: null }],
          })
        ));
        await producer.close();
      }
      const consumer = createConsumer(host, {
        ...config,
        "auto.offset.reset": "earliest",
      });
      consumer.assign(await consumer.partitionsFor(topic));
      const chunks = await readAll(consumer);
      const seen = chunks.flatMap(({ records }) =>
        records.map(({ value }) => decodeUtf8(value!))
      );
      deepStrictEqual(seen.sort(), sent.sort());
      consumer.close();
    }),
});

Deno.test({
  name: "Real Kafka: offsets by place and by time",
  ignore,
  fn: () =>
    withTopic(1, async (topic) => {
      const producer = createProducer(host, config);
      for (let i = 0; i < 10; i++) {
        await producer.send({ topic, value: `${i}`, timestampMs: 1000 + i });
      }
      await producer.close();
      const admin = createAdmin(host, config);
      const at = (timestampMs: number) => ({
        topic,
        partition: 0,
        timestampMs,
      });
      const found = await admin.listOffsets([
        at(OffsetAt.earliest),
        at(OffsetAt.latest),
        at(1004),
        at(9999),
      ]);
      deepStrictEqual(found.map(({ value }) => value?.offset), [0, 10, 4, -1]);
      const [low] = await admin.deleteRecords([{
        topic,
        partition: 0,
        beforeOffset: 6,
      }]);
      strictEqual(low.value, 6);
      const consumer = createConsumer(host, {
        ...config,
        "auto.offset.reset": "earliest",
      });
      consumer.assign([{ topic, partition: 0 }]);
      consumer.seek({ topic, partition: 0 }, 2);
      const chunks = await readAll(consumer);
      deepStrictEqual(
        chunks.flatMap(({ records }) => records.map(({ offset }) => offset)),
        [6, 7, 8, 9],
      );
      consumer.close();
      admin.close();
    }),
});

Deno.test({
  name: "Real Kafka: topics, configurations and the cluster are described",
  ignore,
  fn: () =>
    withTopic(3, async (topic) => {
      const admin = createAdmin(host, config);
      const [described] = await admin.describeTopics([topic]);
      strictEqual(described.partitions.length, 3);
      const names = (await admin.listTopics()).map(({ name }) => name);
      ok(names.includes(topic));
      const resource = { type: 2, name: topic };
      const [changed] = await admin.incrementalAlterConfigs([{
        resource,
        changes: [{ name: "retention.ms", operation: "set", value: "12345" }],
      }]);
      strictEqual(changed.error, null);
      const [{ entries }] = await admin.describeConfigs([resource], {
        keys: ["retention.ms"],
      });
      strictEqual(entries[0].value, "12345");
      const { nodes } = await admin.describeCluster();
      ok(nodes.length > 0);
      admin.close();
    }),
});

for (
  const strategy of ["range", "roundrobin", "sticky", "cooperative-sticky"]
) {
  Deno.test({
    name: `Real Kafka: two members share a topic by ${strategy}`,
    ignore,
    fn: () =>
      withTopic(4, async (topic) => {
        const group = `${topic}-${strategy}`;
        const member = () =>
          createGroupConsumer(host, {
            ...config,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "heartbeat.interval.ms": "200",
            "partition.assignment.strategy": strategy,
          });
        const consumers = [member(), member()];
        const both = (isDone: () => boolean) =>
          Promise.all(consumers.map(async (consumer) => {
            while (!isDone()) await consumer.poll(100);
          }));
        const sizes = () => consumers.map((c) => c.assignment.length).join();
        for (const consumer of consumers) consumer.subscribe([topic]);
        await both(() => sizes() === "2,2");
        const [first, second] = consumers;
        const places = [...first.assignment, ...second.assignment];
        strictEqual(new Set(places.map(({ partition }) => partition)).size, 4);
        await first.commitSync([{ ...first.assignment[0], offset: 0 }]);
        const admin = createAdmin(host, config);
        const [{ value }] = await admin.describeGroups([group]);
        deepStrictEqual(
          [value!.state, value!.assignor, value!.members.length],
          ["Stable", strategy, 2],
        );
        await second.close();
        consumers.pop();
        await both(() => sizes() === "4");
        await first.close();
        const [{ error }] = await admin.deleteGroups([group]);
        strictEqual(error, null);
        admin.close();
      }),
  });
}
