// A key is marked as used exactly where some code reads it, so that the line
// about keys without effect, which a broker prints at its start, is true.

import { deepEqual } from "node:assert/strict";
import { brokerConfig } from "./broker_config.ts";
import {
  adminConfig,
  consumerConfig,
  producerConfig,
} from "./client_config.ts";
import type { ConfigRow } from "./table.ts";
import { topicConfig } from "./topic_config.ts";

const ROOT = new URL("../../", import.meta.url);

/** Places that name keys without acting on them. */
const NO_READERS = [
  /_test\.ts$/,
  /_bench\.ts$/,
  /^core\/(config|cli|testing)\//,
];

/** Places among them that do act. */
const READERS = [
  "core/config/listeners.ts",
  "core/config/broker_checks.ts",
  "core/config/topic_defaults.ts",
  "commands/broker_start.ts",
];

/** Keys that only contradict others, in broker_checks.ts, and do nothing yet. */
const CHECKED_ONLY = [
  "replica.fetch.max.bytes",
  "replica.fetch.wait.max.ms",
  "replica.lag.time.max.ms",
  "ssl.keystore.certificate.chain",
  "ssl.keystore.location",
];

function* sources(folder: string): Iterable<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = `${folder}${name}`;
    if (isDirectory) yield* sources(`${path}/`);
    else if (name.endsWith(".ts")) yield path;
  }
}

function textOf(paths: Iterable<string>): string {
  return [...paths].map((path) => Deno.readTextFileSync(new URL(path, ROOT)))
    .join("\n");
}

const code = textOf([
  ...[...sources("core/")].filter((path) =>
    !NO_READERS.some((pattern) => pattern.test(path))
  ),
  ...READERS,
]);

const isNamed = (key: string) => code.includes(`"${key}"`);

/** Broker's keys that topics read in their own name. */
const behindTopics = new Set(
  topicConfig.keys.filter(isNamed).flatMap((key) =>
    topicConfig.row(key)!.synonyms ?? []
  ),
);

const tables = {
  broker: brokerConfig,
  topic: topicConfig,
  producer: producerConfig,
  consumer: consumerConfig,
  admin: adminConfig,
};

for (const [scope, table] of Object.entries(tables)) {
  Deno.test(`${scope} keys are marked as used where code reads them`, () => {
    const wrong = table.keys.filter((key) => {
      const row: ConfigRow = table.row(key)!;
      const isRead = (isNamed(key) && !CHECKED_ONLY.includes(key)) ||
        (scope === "broker" && behindTopics.has(key));
      return isRead !== ((row.effect ?? "used") === "used");
    });
    deepEqual(wrong, []);
  });
}
