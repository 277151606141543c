// Compares the tables with what Kafka itself prints.

import { deepEqual, equal, ok } from "node:assert/strict";
import { brokerConfig } from "./broker_config.ts";
import {
  adminConfig,
  consumerConfig,
  producerConfig,
} from "./client_config.ts";
import { type ConfigRow, defaults, defaultValue } from "./table.ts";
import { topicConfig } from "./topic_config.ts";
import { formatValue } from "./value.ts";

interface KafkaRow {
  readonly name: string;
  readonly type: string;
  readonly default?: string | null;
  readonly importance: string;
}

const FILE = new URL(
  "../../testdata/config/kafka-3.9-defaults.json",
  import.meta.url,
);
const kafka: { readonly [scope: string]: readonly KafkaRow[] } = JSON.parse(
  Deno.readTextFileSync(FILE),
);

const tables = {
  broker: brokerConfig,
  topic: topicConfig,
  producer: producerConfig,
  consumer: consumerConfig,
  admin: adminConfig,
};

// Where kq means to differ from Kafka.
const OWN_DEFAULTS: { readonly [key: string]: string } = {
  listeners: "PLAINTEXT://127.0.0.1:9092",
  // As from Kafka 4 on.
  "group.coordinator.rebalance.protocols": "classic,consumer",
};

// Kafka 3.9 has the first two and does not show them. The others are kq's own.
const NOT_SHOWN_THERE = [
  "group.consumer.migration.policy",
  "log.initial.task.delay.ms",
  "log.dirs.min.free.bytes",
  "replica.alter.log.dirs.io.max.bytes.per.second",
];

// Clients of Kafka have to name a class here; kq's take bytes.
const OPTIONAL_HERE = /^(key|value)\.(de)?serializer$/;

for (const [scope, table] of Object.entries(tables)) {
  Deno.test(`the ${scope} table has Kafka's keys, types and defaults`, () => {
    deepEqual(
      table.keys.filter((key) => !NOT_SHOWN_THERE.includes(key)),
      kafka[scope].map((row) => row.name).sort(),
    );
    for (const row of kafka[scope]) {
      const own: ConfigRow = table.row(row.name)!;
      equal(own.type, row.type, row.name);
      equal(own.importance, row.importance, row.name);
      const expected = OWN_DEFAULTS[row.name] ?? row.default;
      if (expected === undefined) {
        ok(OPTIONAL_HERE.test(row.name), row.name);
        continue;
      }
      const text = formatValue(own, defaultValue(own));
      equal(text, expected?.replaceAll(", ", ",") ?? null, row.name);
    }
  });

  Deno.test(`every ${scope} key says what it does, on one line`, () => {
    for (const key of table.keys) {
      const { doc } = table.row(key)!;
      ok(/^[A-Z].*\.$/.test(doc) && !doc.includes("\n"), `${key}: ${doc}`);
    }
  });
}

Deno.test("a topic's synonyms are keys of the broker with the same type", () => {
  for (const key of topicConfig.keys) {
    for (const name of topicConfig.row(key)!.synonyms ?? []) {
      ok(brokerConfig.row(name) !== undefined, `${key}: ${name}`);
    }
  }
});

Deno.test("defaults() knows types by key", () => {
  const config = defaults(brokerConfig);
  const segmentBytes: number = config["log.segment.bytes"];
  const directories: string | null = config["log.dirs"];
  const policy: readonly string[] = config["log.cleanup.policy"];
  deepEqual([segmentBytes, directories, policy], [2 ** 30, null, ["delete"]]);
});
