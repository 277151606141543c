// What a topic's configuration is where the topic itself does not say: the
// broker's, under the broker's own names and units.
//
// Source: Kafka documentation, "Configuration: Topic Configs" ("Server Default
// Property").

import { HOUR_MS, MINUTE_MS } from "../base/units.ts";
import type { BrokerConfig } from "./broker_config.ts";
import { type ConfigValue, LONG_MAX, readConfig } from "./table.ts";
import { type TopicConfig, topicConfig } from "./topic_config.ts";

/**
 * A topic's configuration as it is in force: its own overrides over the broker's
 * defaults, and the older limit of timestamps taken into the newer ones.
 *
 * @param overrides Texts by topic key, as the topic's znode holds them; keys
 * that are no topic keys are ignored.
 * @throws {ConfigError} Where an override does not fit its row.
 */
export function topicConfigFromBroker(
  broker: BrokerConfig,
  overrides: ReadonlyMap<string, string>,
): TopicConfig {
  const config = configuredTopic(broker, overrides);
  const differenceMs = config["message.timestamp.difference.max.ms"];
  const limitMs = (key: "before" | "after") => {
    const ms = config[`message.timestamp.${key}.max.ms`];
    return ms === LONG_MAX ? differenceMs : ms;
  };
  return {
    ...config,
    "message.timestamp.before.max.ms": limitMs("before"),
    "message.timestamp.after.max.ms": limitMs("after"),
  };
}

/**
 * A topic's configuration key by key, as DescribeConfigs shows it.
 *
 * @param overrides Texts by topic key, as the topic's znode holds them; keys
 * that are no topic keys are ignored.
 * @throws {ConfigError} Where an override does not fit its row.
 */
export function configuredTopic(
  broker: BrokerConfig,
  overrides: ReadonlyMap<string, string>,
): TopicConfig {
  const own = readConfig(topicConfig, overrides);
  const values: Record<string, ConfigValue> = { ...own };
  for (const [key, row] of Object.entries(topicConfig.rows)) {
    const synonym = "synonyms" in row ? row.synonyms?.[0] : undefined;
    if (overrides.has(key) || synonym === undefined) continue;
    values[key] = brokerDefault(broker, synonym);
  }
  return values as TopicConfig;
}

// The few keys that a broker may give in several units, or leave to another.
function brokerDefault(broker: BrokerConfig, key: string): ConfigValue {
  switch (key) {
    case "log.retention.ms":
      return retentionMs(broker);
    case "log.roll.ms":
      return broker["log.roll.ms"] ?? broker["log.roll.hours"] * HOUR_MS;
    case "log.roll.jitter.ms":
      return broker["log.roll.jitter.ms"] ??
        broker["log.roll.jitter.hours"] * HOUR_MS;
    case "log.flush.interval.ms":
      return broker["log.flush.interval.ms"] ??
        broker["log.flush.scheduler.interval.ms"];
    default:
      return broker[key as keyof BrokerConfig];
  }
}

// Any negative number means for ever, as in Kafka.
function retentionMs(broker: BrokerConfig): number {
  const minutes = broker["log.retention.minutes"];
  const ms = broker["log.retention.ms"] ??
    (minutes === null
      ? broker["log.retention.hours"] * HOUR_MS
      : minutes * MINUTE_MS);
  return ms < 0 ? -1 : ms;
}
