// What the broker compresses itself: with the codec and the level that the topic,
// or else the broker, asks for as each batch comes.

import { deepEqual } from "node:assert/strict";
import { encodeUtf8 } from "../base/bytes.ts";
import { type CompressionName, compressions } from "../compress/codecs.ts";
import { loadBrokerConfig } from "../config/broker_config_load.ts";
import { topicConfigFromBroker } from "../config/topic_defaults.ts";
import type { TopicConfig } from "../config/topic_config.ts";
import { encodeBatch } from "../record/record_batch.ts";
import {
  openTestLogs,
  testTopicConfig,
  TOPIC_ID,
} from "../testing/log_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import type { PartitionLog } from "./partition_log.ts";

/** Long enough for levels to differ. */
const records = Array.from({ length: 200 }, (_, i) => ({
  timestampMs: 1000 + i,
  key: null,
  value: encodeUtf8(
    `{"id":${i * 7919 % 1000},"name":"customer-${i % 17}","sum":${i * i}}`,
  ),
}));

async function withLog(
  config: TopicConfig,
  run: (log: PartitionLog) => void,
): Promise<void> {
  const sim = simHost(2);
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    run(
      dirs.createLog({ topic: "t", partition: 0, topicId: TOPIC_ID, config }),
    );
    dirs.abandon();
  });
}

/** Appends the records as `source` has them; gives what the log holds of them. */
function stored(log: PartitionLog, source: CompressionName): Uint8Array {
  const { baseOffset } = log.append(
    encodeBatch({ records, compression: source }),
    { leaderEpoch: 0, nowMs: 5000, origin: "client" },
  );
  const read = log.read(baseOffset, {
    maxBytes: 1_000_000,
    minOneBatch: true,
    upToOffset: log.logEndOffset,
  });
  const bytes = new Uint8Array(read.source.sizeBytes);
  read.source.readInto(bytes);
  return bytes;
}

function wanted(
  baseOffset: number,
  compression: CompressionName,
  compressionLevel?: number,
): Uint8Array {
  return encodeBatch({
    records,
    compression,
    compressionLevel,
    baseOffset,
    partitionLeaderEpoch: 0,
  });
}

Deno.test("a change of codec or level counts from the next batch on", async () => {
  await withLog(testTopicConfig({}), (log) => {
    deepEqual(stored(log, "zstd"), wanted(0, "zstd"));
    let baseOffset = records.length;
    for (const { name, levels } of compressions) {
      if (levels === null) continue;
      const sizes = new Set<number>();
      for (const level of [levels.min, levels.default, levels.max]) {
        log.updateConfig(testTopicConfig({
          "compression.type": name,
          [`compression.${name}.level`]: level,
        }));
        const bytes = stored(log, "snappy");
        deepEqual(bytes, wanted(baseOffset, name, level), `${name} ${level}`);
        baseOffset += records.length;
        sizes.add(bytes.length);
      }
      deepEqual(sizes.size > 1, true, `the levels of ${name} differ`);
    }
    log.updateConfig(testTopicConfig({ "compression.type": "uncompressed" }));
    deepEqual(stored(log, "gzip"), wanted(baseOffset, "none"));
  });
});

Deno.test("a batch that has the topic's codec stays as it is, whatever its level", async () => {
  const config = testTopicConfig({
    "compression.type": "gzip",
    "compression.gzip.level": 1,
  });
  await withLog(config, (log) => {
    deepEqual(stored(log, "gzip"), wanted(0, "gzip"));
  });
});

Deno.test("the broker's codec and levels count where the topic has none", async () => {
  const levels = { gzip: 1, lz4: 17, zstd: -5 };
  for (const [name, level] of Object.entries(levels)) {
    const { config } = loadBrokerConfig({
      overrides: [
        "log.dirs=/data/logs",
        `compression.type=${name}`,
        `compression.${name}.level=${level}`,
      ],
    });
    const codec = name as CompressionName;
    await withLog(topicConfigFromBroker(config, new Map()), (log) => {
      deepEqual(stored(log, "none"), wanted(0, codec, level));
    });
    const own = new Map([[`compression.${name}.level`, "2"]]);
    await withLog(topicConfigFromBroker(config, own), (log) => {
      deepEqual(stored(log, "none"), wanted(0, codec, 2));
    });
  }
});
