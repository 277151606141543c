// What DescribeConfigs answers about a key: its value, where it comes from, and
// every other place that would speak if that one fell silent.
//
// Source: Kafka's protocol, DescribeConfigs; KIP-226 (sources and synonyms),
// KIP-569 (types and documentation).

import { brokerConfig } from "./broker_config.ts";
import {
  type BrokerConfigLayers,
  effectiveBrokerConfig,
} from "./broker_layers.ts";
import { type ConfigRow, type ConfigType, defaultValue } from "./table.ts";
import { topicConfig } from "./topic_config.ts";
import { configuredTopic } from "./topic_defaults.ts";
import { formatValue } from "./value.ts";

/** Where a value comes from, by the protocol's numbers. */
export const ConfigSource = {
  DYNAMIC_TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
} as const;

/** Types of values, by the protocol's numbers; 0 is a key that nobody knows. */
export const CONFIG_TYPE_CODES: { readonly [T in ConfigType]: number } = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
};

export interface ConfigSynonym {
  readonly name: string;
  /** `null` for a secret. */
  readonly value: string | null;
  readonly source: number;
}

export interface ConfigEntry extends ConfigSynonym {
  readonly readOnly: boolean;
  readonly isSensitive: boolean;
  /** In the order in which they win; the first is the one in force. */
  readonly synonyms: readonly ConfigSynonym[];
  readonly configType: number;
  readonly documentation: string;
}

/**
 * All keys of a topic.
 *
 * @param overrides The topic's own texts by key.
 * @param layers The configuration of the broker that answers.
 */
export function describeTopicConfig(
  overrides: ReadonlyMap<string, string>,
  layers: BrokerConfigLayers,
): ConfigEntry[] {
  const config = configuredTopic(
    effectiveBrokerConfig(layers),
    overrides,
  );
  return topicConfig.keys.map((name) => {
    const row: ConfigRow = topicConfig.row(name)!;
    const value = formatValue(row, config[name as keyof typeof config]);
    const behind = row.synonyms?.[0];
    const synonyms = behind === undefined ? [] : brokerSynonyms(behind, layers);
    if (overrides.has(name)) {
      const source = ConfigSource.DYNAMIC_TOPIC_CONFIG;
      synonyms.unshift({ name, value, source });
    }
    return entry(name, value, { row, synonyms, readOnly: false });
  });
}

/** All keys of a broker, those that it was given and does not know included. */
export function describeBrokerConfig(
  layers: BrokerConfigLayers,
): ConfigEntry[] {
  const config = effectiveBrokerConfig(layers);
  const known = brokerConfig.keys.map((name) => {
    const row: ConfigRow = brokerConfig.row(name)!;
    const value = formatValue(row, config[name as keyof typeof config]);
    return entry(name, value, {
      row,
      synonyms: brokerSynonyms(name, layers),
      readOnly: (row.dynamic ?? "no") === "no",
    });
  });
  const unknown = [...layers.fixed.keys()].filter((name) =>
    brokerConfig.row(name) === undefined
  );
  return [...known, ...unknown.map((name) => unknownEntry(name))];
}

/** What the cluster says for all brokers: only the keys that it sets. */
export function describeClusterConfig(
  clusterWide: ReadonlyMap<string, string>,
): ConfigEntry[] {
  const source = ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG;
  return [...clusterWide].map(([name, text]) => {
    const row = brokerConfig.row(name);
    if (row === undefined) return unknownEntry(name, source);
    const value = row.type === "password" ? null : text;
    return entry(name, value, {
      row,
      synonyms: [{ name, value, source }],
      readOnly: (row.dynamic ?? "no") === "no",
    });
  });
}

function entry(
  name: string,
  value: string | null,
  details: {
    row: ConfigRow;
    synonyms: readonly ConfigSynonym[];
    readOnly: boolean;
  },
): ConfigEntry {
  const { row, synonyms, readOnly } = details;
  const isSensitive = row.type === "password";
  return {
    name,
    value: isSensitive ? null : value,
    source: synonyms[0]?.source ?? ConfigSource.DEFAULT_CONFIG,
    readOnly,
    isSensitive,
    synonyms,
    configType: CONFIG_TYPE_CODES[row.type],
    documentation: row.doc,
  };
}

// Nobody knows what it is, so it may be a secret: Kafka hides it too.
function unknownEntry(
  name: string,
  source: number = ConfigSource.STATIC_BROKER_CONFIG,
): ConfigEntry {
  return {
    name,
    value: null,
    source,
    readOnly: true,
    isSensitive: true,
    synonyms: [{ name, value: null, source }],
    configType: 0,
    documentation: "",
  };
}

// Where several keys say the same, the list starts at the key asked for, as in
// Kafka: `log.retention.hours` alone is no synonym of `log.retention.ms`.
function brokerSynonyms(
  key: string,
  layers: BrokerConfigLayers,
): ConfigSynonym[] {
  const names = brokerConfig.row(key)?.synonyms ?? [key];
  const found: ConfigSynonym[] = [];
  const sources = [
    [layers.thisBroker, ConfigSource.DYNAMIC_BROKER_CONFIG],
    [layers.clusterWide, ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG],
    [layers.fixed, ConfigSource.STATIC_BROKER_CONFIG],
  ] as const;
  for (const [texts, source] of sources) {
    for (const name of names) {
      const text = texts.get(name);
      if (text !== undefined) {
        found.push({ name, value: shown(name, text), source });
      }
    }
  }
  for (const name of names) {
    const row = brokerConfig.row(name);
    const value = row && formatValue(row, defaultValue(row));
    if (value !== undefined && value !== null) {
      found.push({ name, value, source: ConfigSource.DEFAULT_CONFIG });
    }
  }
  const first = found.findIndex((synonym) => synonym.name === key);
  return first === -1 ? [] : found.slice(first);
}

function shown(name: string, text: string): string | null {
  return brokerConfig.row(name)?.type === "password" ? null : text.trim();
}
