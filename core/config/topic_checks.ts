// What a topic's own configuration may say: known keys, fitting values, and no
// two that contradict each other.

import { ConfigError } from "./config_error.ts";
import { didYouMean } from "./did_you_mean.ts";
import { topicConfig } from "./topic_config.ts";
import { parseValue } from "./value.ts";

/**
 * Refuses overrides that a topic cannot have.
 *
 * @param overrides Texts by topic key, all that the topic would then have.
 * @throws {ConfigError} `reason` is what the answer to the client says.
 */
export function checkTopicOverrides(
  overrides: ReadonlyMap<string, string>,
): void {
  for (const [key, text] of overrides) {
    const row = topicConfig.row(key);
    if (row === undefined) {
      throw new ConfigError(
        `Unknown topic config name: ${key}${didYouMean(key, topicConfig.keys)}`,
        { key },
      );
    }
    parseValue(row, key, text);
  }
  checkThrottles(overrides);
  if (overrides.get("remote.storage.enable")?.trim() === "true") {
    throw new ConfigError(
      "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
      { key: "remote.storage.enable" },
    );
  }
  const least = numberOf(overrides, "min.compaction.lag.ms");
  const most = numberOf(overrides, "max.compaction.lag.ms");
  if (least !== null && most !== null && least > most) {
    throw new ConfigError(
      `conflict topic config setting min.compaction.lag.ms (${least}) > ` +
        `max.compaction.lag.ms (${most})`,
      { key: "min.compaction.lag.ms" },
    );
  }
}

function numberOf(
  overrides: ReadonlyMap<string, string>,
  key: string,
): number | null {
  const text = overrides.get(key);
  return text === undefined ? null : Number(text);
}

function checkThrottles(overrides: ReadonlyMap<string, string>): void {
  for (const side of ["leader", "follower"]) {
    const key = `${side}.replication.throttled.replicas`;
    const text = overrides.get(key)?.trim() ?? "";
    if (text !== "" && !/^(\*|\d+:\d+(\s*,\s*\d+:\d+)*)$/.test(text)) {
      throw new ConfigError(
        `${key}: expected PARTITION:BROKER by comma, or *, got ${
          JSON.stringify(text)
        }`,
        { key },
      );
    }
  }
}
