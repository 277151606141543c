// @platformatic/kafka: answers the operations of client.ts, one JSON line each.
// usage: node platformatic.mjs BOOTSTRAP MODULES_DIRECTORY
//
// Its consumer joins a group, but its `fetch` does not: reading goes through that.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { groupOperations } from "./platformatic_groups.mjs";
import { transactionOperations } from "./platformatic_transactions.mjs";
import { readRecord, serve } from "./worker.mjs";

const [bootstrap, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/package.json`);
const platformatic = await import(
  pathToFileURL(require.resolve("@platformatic/kafka")).href
);
const {
  Admin,
  ConfigResourceTypes,
  Consumer,
  IncrementalAlterConfigOperationTypes,
  ListOffsetTimestamps,
  Producer,
} = platformatic;

const LARGE = 16 * 1024 * 1024;
const READ_TIMEOUT_MS = 45_000;
const options = {
  clientId: "platformatic",
  bootstrapBrokers: [bootstrap],
  timeout: 30_000,
};

// One of each for all calls: closing one while its connections open fails in it.
const admin = new Admin(options);
const consumer = new Consumer({ ...options, groupId: "unused" });
const producer = new Producer({ ...options, autocreateTopics: true });

const octets = (text) => text === null ? null : Buffer.from(text);

async function readSource({ topic, partition, offset, count }) {
  const metadata = await consumer.metadata({ topics: [topic] });
  const { id, partitions } = metadata.topics.get(topic);
  const records = [];
  const deadline = Date.now() + READ_TIMEOUT_MS;
  let next = BigInt(offset);
  while (records.length < count) {
    if (Date.now() > deadline) {
      throw new Error(`records missing: ${records.length} of ${count}`);
    }
    const { responses } = await consumer.fetch({
      node: partitions[partition].leader,
      minBytes: 1,
      maxBytes: LARGE,
      maxWaitTime: 100,
      topics: [{
        topicId: id,
        partitions: [{
          partition,
          currentLeaderEpoch: -1,
          fetchOffset: next,
          lastFetchedEpoch: -1,
          partitionMaxBytes: LARGE,
        }],
      }],
    });
    for (const batch of responses[0]?.partitions[0]?.records ?? []) {
      for (const record of batch.records) {
        const at = batch.firstOffset + BigInt(record.offsetDelta);
        if (at < next) continue;
        next = at + 1n;
        records.push(readRecord({
          ...record,
          offset: at,
          timestamp: batch.firstTimestamp + record.timestampDelta,
        }));
      }
    }
  }
  return records.slice(0, count);
}

async function listOffset(topic, timestamp) {
  const topics = await admin.listOffsets({
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }],
  });
  return Number(topics[0].partitions[0].offset);
}

await serve({
  async produce({ topic, records, compression, acks, isIdempotent }) {
    await producer.send({
      acks: acks === "all" ? -1 : Number(acks),
      compression,
      idempotent: isIdempotent,
      messages: records.map(({ key, value, headers }) => ({
        topic,
        partition: 0,
        // What is left out is null on the wire.
        ...(key !== null && { key: octets(key) }),
        ...(value !== null && { value: octets(value) }),
        headers: new Map(
          headers.map(([name, content]) => [octets(name), octets(content)]),
        ),
      })),
    });
  },
  async consume({ sources }) {
    const all = [];
    for (const source of sources) all.push(await readSource(source));
    return all;
  },
  async createTopic({ topic, partitions, config }) {
    await admin.createTopics({
      topics: [topic],
      partitions,
      replicas: 1,
      configs: Object.entries(config).map(([name, value]) => ({ name, value })),
    });
  },
  listTopics: () => admin.listTopics(),
  async partitionCount({ topic }) {
    const { topics } = await admin.metadata({
      topics: [topic],
      forceUpdate: true,
    });
    return topics.get(topic).partitionsCount;
  },
  addPartitions: ({ topic, total }) =>
    admin.createPartitions({ topics: [{ name: topic, count: total }] }),
  async getConfig({ topic, key }) {
    const [{ configs }] = await admin.describeConfigs({
      resources: [{
        resourceType: ConfigResourceTypes.TOPIC,
        resourceName: topic,
        configurationKeys: [key],
      }],
    });
    return configs[0].value;
  },
  setConfig: ({ topic, key, value }) =>
    admin.incrementalAlterConfigs({
      resources: [{
        resourceType: ConfigResourceTypes.TOPIC,
        resourceName: topic,
        configs: [{
          name: key,
          configOperation: IncrementalAlterConfigOperationTypes.SET,
          value,
        }],
      }],
    }),
  async deleteRecords({ topic, before }) {
    await admin.deleteRecords({
      topics: [{
        name: topic,
        partitions: [{ partition: 0, offset: BigInt(before) }],
      }],
    });
  },
  async offsets({ topic }) {
    return {
      earliest: await listOffset(topic, ListOffsetTimestamps.EARLIEST),
      latest: await listOffset(topic, ListOffsetTimestamps.LATEST),
    };
  },
  offsetForTime: ({ topic, timestampMs }) =>
    listOffset(topic, BigInt(timestampMs)),
  deleteTopic: ({ topic }) => admin.deleteTopics({ topics: [topic] }),
  ...groupOperations(platformatic, options, admin),
  ...transactionOperations(platformatic, options),
});
