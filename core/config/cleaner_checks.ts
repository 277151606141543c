// What compaction needs to be configured with at least.
//
// Source: observed: Apache Kafka 3.9.1 starts with no less.

import { MIB } from "../base/units.ts";
import type { BrokerConfig } from "./broker_config.ts";
import { ConfigError } from "./config_error.ts";

const KEY = "log.cleaner.dedupe.buffer.size";

/**
 * Refuses a map of keys too small to clean with.
 *
 * @throws {ConfigError}
 */
export function checkCleanerMemory(config: BrokerConfig): void {
  if (!config["log.cleaner.enable"]) return;
  const threadCount = config["log.cleaner.threads"];
  const sizeBytes = config[KEY];
  if (sizeBytes / threadCount > MIB) return;
  throw new ConfigError(
    `${KEY}: expected more than 1 MiB for each of log.cleaner.threads ` +
      `(${threadCount}), got ${sizeBytes}`,
    { key: KEY },
  );
}
