import { deepEqual, equal, throws } from "node:assert/strict";
import {
  type BrokerConfigLayers,
  effectiveBrokerConfig,
} from "./broker_layers.ts";
import {
  type ConfigEntry,
  describeBrokerConfig,
  describeClusterConfig,
  describeTopicConfig,
} from "./describe.ts";
import { checkTopicOverrides } from "./topic_checks.ts";
import { topicConfigFromBroker } from "./topic_defaults.ts";

type Texts = { [key: string]: string };

function layers(fixed: Texts, clusterWide: Texts = {}, thisBroker: Texts = {}) {
  const map = (texts: Texts) => new Map(Object.entries(texts));
  return {
    fixed: map(fixed),
    clusterWide: map(clusterWide),
    thisBroker: map(thisBroker),
  } satisfies BrokerConfigLayers;
}

function find(entries: ConfigEntry[], name: string): ConfigEntry {
  return entries.find((entry) => entry.name === name)!;
}

/** An entry's chain as Kafka's tools print it. */
function chain(entry: ConfigEntry): string {
  const sources = ["", "TOPIC", "BROKER", "CLUSTER", "STATIC", "DEFAULT"];
  return entry.synonyms.map(({ name, value, source }) =>
    `${sources[source]}:${name}=${value}`
  ).join(", ");
}

Deno.test("a topic's default comes from the broker's synonyms", () => {
  const cases: [fixed: Texts, key: string, value: unknown][] = [
    [{ "log.retention.hours": "1" }, "retention.ms", 3_600_000],
    [
      { "log.retention.minutes": "1", "log.retention.hours": "1" },
      "retention.ms",
      60_000,
    ],
    [
      { "log.retention.ms": "5", "log.retention.minutes": "1" },
      "retention.ms",
      5,
    ],
    [{ "log.retention.hours": "-1" }, "retention.ms", -1],
    [{ "log.roll.hours": "2" }, "segment.ms", 7_200_000],
    [{ "log.roll.jitter.ms": "9" }, "segment.jitter.ms", 9],
    [{ "log.flush.scheduler.interval.ms": "7" }, "flush.ms", 7],
    [
      { "log.flush.interval.ms": "8", "log.flush.scheduler.interval.ms": "7" },
      "flush.ms",
      8,
    ],
    [{ "message.max.bytes": "99" }, "max.message.bytes", 99],
    [{ "log.segment.bytes": "1024" }, "segment.bytes", 1024],
  ];
  for (const [fixed, key, value] of cases) {
    const broker = effectiveBrokerConfig(layers(fixed));
    const config = topicConfigFromBroker(broker, new Map());
    equal(config[key as keyof typeof config], value, key);
  }
});

Deno.test("the older limit of timestamps holds where the newer ones are not set", () => {
  const broker = effectiveBrokerConfig(layers({}));
  const limits = (overrides: Texts) => {
    const config = topicConfigFromBroker(
      broker,
      new Map(Object.entries(overrides)),
    );
    return [
      config["message.timestamp.before.max.ms"],
      config["message.timestamp.after.max.ms"],
    ];
  };
  const older = { "message.timestamp.difference.max.ms": "5" };
  deepEqual(limits(older), [5, 5]);
  deepEqual(limits({ ...older, "message.timestamp.after.max.ms": "9" }), [
    5,
    9,
  ]);
  const [shown] = describeTopicConfig(
    new Map(Object.entries(older)),
    layers({}),
  ).filter(({ name }) => name === "message.timestamp.before.max.ms");
  equal(shown.value, "9223372036854775807");
});

Deno.test("describeTopicConfig() gives source and chain as Kafka does", () => {
  const entries = describeTopicConfig(
    new Map([["segment.bytes", "2048"]]),
    layers({ "log.segment.bytes": "4096", "log.retention.hours": "1" }, {
      "message.max.bytes": "77",
    }),
  );
  const segment = find(entries, "segment.bytes");
  equal(segment.value, "2048");
  equal(segment.source, 1);
  equal(
    chain(segment),
    "TOPIC:segment.bytes=2048, STATIC:log.segment.bytes=4096, " +
      "DEFAULT:log.segment.bytes=1073741824",
  );
  const retention = find(entries, "retention.ms");
  deepEqual([retention.value, retention.source, chain(retention)], [
    "3600000",
    5,
    "",
  ]);
  const size = find(entries, "max.message.bytes");
  equal(size.source, 3);
  equal(
    chain(size),
    "CLUSTER:message.max.bytes=77, DEFAULT:message.max.bytes=1048588",
  );
  equal(find(entries, "flush.messages").value, "9223372036854775807");
  equal(entries.every((entry) => !entry.readOnly), true);
});

Deno.test("describeBrokerConfig() tells read-only keys, secrets and strangers", () => {
  const entries = describeBrokerConfig(layers(
    { "ssl.key.password": "hunter2", "rsm.config.bucket": "b" },
    { "log.cleaner.threads": "2" },
    { "log.cleaner.threads": "3" },
  ));
  const threads = find(entries, "log.cleaner.threads");
  deepEqual(
    [threads.value, threads.source, threads.readOnly, threads.configType],
    ["3", 2, false, 3],
  );
  equal(
    chain(threads),
    "BROKER:log.cleaner.threads=3, CLUSTER:log.cleaner.threads=2, " +
      "DEFAULT:log.cleaner.threads=1",
  );
  const password = find(entries, "ssl.key.password");
  deepEqual([password.value, password.isSensitive], [null, true]);
  equal(chain(password), "STATIC:ssl.key.password=null");
  const stranger = find(entries, "rsm.config.bucket");
  deepEqual([stranger.value, stranger.isSensitive], [null, true]);
  const version = find(entries, "inter.broker.protocol.version");
  deepEqual([version.value, version.readOnly], ["3.9-IV0", true]);
  equal(find(entries, "num.partitions").documentation.length > 20, true);
});

Deno.test("describeClusterConfig() shows only what the cluster sets", () => {
  const entries = describeClusterConfig(new Map([["max.connections", "5"]]));
  equal(entries.length, 1);
  deepEqual([entries[0].value, entries[0].source], ["5", 3]);
});

Deno.test("effectiveBrokerConfig() passes over texts that cannot hold", () => {
  const config = effectiveBrokerConfig(layers(
    { "num.partitions": "3" },
    { "num.partitions": "9", "max.connections": "many" },
    { "max.connections": "7" },
  ));
  equal(config["num.partitions"], 3);
  equal(config["max.connections"], 7);
});

Deno.test("checkTopicOverrides() refuses strangers, bad values and conflicts", () => {
  const cases: [overrides: Texts, message: RegExp][] = [
    [
      { "retention.m": "1" },
      /Unknown topic config name: retention\.m, did you mean "retention\.ms"/,
    ],
    [{ "retention.ms": "-2" }, /retention\.ms: expected .* from -1 to/],
    [{ "cleanup.policy": "shred" }, /list by comma of compact, delete/],
    [
      { "min.compaction.lag.ms": "2", "max.compaction.lag.ms": "1" },
      /conflict topic config/,
    ],
    [{ "leader.replication.throttled.replicas": "1:x" }, /PARTITION:BROKER/],
    [{ "remote.storage.enable": "true" }, /Tiered Storage/],
  ];
  for (const [overrides, message] of cases) {
    throws(
      () => checkTopicOverrides(new Map(Object.entries(overrides))),
      message,
    );
  }
  checkTopicOverrides(
    new Map([["leader.replication.throttled.replicas", "*"]]),
  );
});
