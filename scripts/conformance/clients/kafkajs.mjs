// kafkajs: answers the operations of client.ts, one JSON line each.
// usage: node kafkajs.mjs BOOTSTRAP MODULES_DIRECTORY

import { createRequire } from "node:module";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { groupOperations, readInGroup } from "./kafkajs_groups.mjs";
import { transactionOperations } from "./kafkajs_transactions.mjs";
import { serve } from "./worker.mjs";

const [bootstrap, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/package.json`);
const {
  Kafka,
  CompressionTypes,
  CompressionCodecs,
  ConfigResourceTypes,
  logLevel,
} = require("kafkajs");
const lz4 = require("lz4-napi");

// kafkajs has gzip built in and takes the others as plug-ins.
CompressionCodecs[CompressionTypes.Snappy] = require("kafkajs-snappy");
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: (buffer) => lz4.decompressFrame(buffer),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: (encoder) => Promise.resolve(zstdCompressSync(encoder.buffer)),
  decompress: (buffer) => Promise.resolve(zstdDecompressSync(buffer)),
});

const compressionTypes = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

const kafka = new Kafka({
  clientId: "kafkajs",
  brokers: [bootstrap],
  logLevel: logLevel.NOTHING,
  requestTimeout: 30_000,
});

async function withAdmin(run) {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await run(admin);
  } finally {
    await admin.disconnect();
  }
}

async function partitionZero(topic) {
  const rows = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
  return rows.find(({ partition }) => partition === 0);
}

await serve({
  async produce({ topic, records, compression, acks, isIdempotent }) {
    const producer = kafka.producer({
      idempotent: isIdempotent,
      allowAutoTopicCreation: true,
    });
    await producer.connect();
    try {
      await producer.send({
        topic,
        acks: acks === "all" ? -1 : Number(acks),
        compression: compressionTypes[compression],
        messages: records.map(({ key, value, headers }) => ({
          key,
          value,
          partition: 0,
          headers: Object.fromEntries(
            headers.map(([name]) => [
              name,
              headers.filter(([other]) => other === name)
                .map(([, content]) => content),
            ]),
          ),
        })),
      });
    } finally {
      await producer.disconnect();
    }
  },
  consume: ({ sources }) => readInGroup(kafka, sources),
  createTopic: ({ topic, partitions, config }) =>
    withAdmin(async (admin) => {
      const isNew = await admin.createTopics({
        waitForLeaders: false,
        topics: [{
          topic,
          numPartitions: partitions,
          replicationFactor: 1,
          configEntries: Object.entries(config).map(([name, value]) => ({
            name,
            value,
          })),
        }],
      });
      if (!isNew) throw new Error("TOPIC_ALREADY_EXISTS");
    }),
  listTopics: () => withAdmin((admin) => admin.listTopics()),
  partitionCount: ({ topic }) =>
    withAdmin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0].partitions.length;
    }),
  addPartitions: ({ topic, total }) =>
    withAdmin((admin) =>
      admin.createPartitions({
        topicPartitions: [{ topic, count: total }],
      })
    ),
  getConfig: ({ topic, key }) =>
    withAdmin(async (admin) => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{
          type: ConfigResourceTypes.TOPIC,
          name: topic,
          configNames: [key],
        }],
      });
      return resources[0].configEntries[0].configValue;
    }),
  setConfig: ({ topic, key, value }) =>
    withAdmin((admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{
          type: ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: key, value }],
        }],
      })
    ).then(() => null),
  deleteRecords: ({ topic, before }) =>
    withAdmin(async (admin) => {
      // Without this call the client does not know where the partition is.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({
        topic,
        partitions: [{ partition: 0, offset: String(before) }],
      });
    }),
  async offsets({ topic }) {
    const { low, high } = await partitionZero(topic);
    return { earliest: Number(low), latest: Number(high) };
  },
  async offsetForTime({ topic, timestampMs }) {
    const rows = await withAdmin((admin) =>
      admin.fetchTopicOffsetsByTimestamp(topic, timestampMs)
    );
    return Number(rows.find(({ partition }) => partition === 0).offset);
  },
  deleteTopic: ({ topic }) =>
    withAdmin((admin) => admin.deleteTopics({ topics: [topic] })),
  ...groupOperations(kafka, withAdmin),
  ...transactionOperations(kafka),
});
