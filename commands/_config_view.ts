// What is in force of an entity's keys: each key's value, where it is from, and
// which narrower scopes have a value of their own that wins there.
//
// A topic's own value wins over its broker's, a broker's own over the one for all
// brokers, and those over the broker's file and the defaults.

import type { Admin } from "../core/client/admin.ts";
import {
  type ConfigDescription,
  type ConfigEntry,
  type ConfigResource,
  ConfigResourceType,
  ConfigSource,
  type ConfigSynonym,
} from "../core/client/admin_types.ts";
import { topicConfig } from "../core/config/topic_config.ts";

const SOURCE_NAMES = new Map<number, string>([
  [ConfigSource.dynamicTopic, "DYNAMIC_TOPIC_CONFIG"],
  [ConfigSource.dynamicBroker, "DYNAMIC_BROKER_CONFIG"],
  [ConfigSource.dynamicDefaultBroker, "DYNAMIC_DEFAULT_BROKER_CONFIG"],
  [ConfigSource.staticBroker, "STATIC_BROKER_CONFIG"],
  [ConfigSource.default, "DEFAULT_CONFIG"],
  [ConfigSource.dynamicBrokerLogger, "DYNAMIC_BROKER_LOGGER_CONFIG"],
  [ConfigSource.clientMetrics, "CLIENT_METRICS_CONFIG"],
  [ConfigSource.group, "GROUP_CONFIG"],
]);

/** Topics that one request asks about. */
const TOPICS_PER_REQUEST = 500;

/** Kafka's own name of where a value is from. */
export function sourceName(source: number): string {
  return SOURCE_NAMES.get(source) ?? "UNKNOWN";
}

/** A key's value as it is in force. */
export interface KeyState {
  /** `null` where not set, or not to be seen. */
  readonly value: string | null;
  readonly source: number;
  /** All values there are, in the order in which they win. */
  readonly synonyms: readonly ConfigSynonym[];
  readonly isSensitive: boolean;
}

/** A narrower scope with a value of its own. */
export interface Override {
  /** Such as `broker 1`, `topic orders`. */
  readonly entity: string;
  readonly name: string;
  readonly value: string | null;
}

/** What is in force of some keys of one entity. */
export interface ConfigView {
  /** By key; keys that the cluster does not know are missing. */
  readonly keys: ReadonlyMap<string, KeyState>;
  /** By key. */
  readonly overrides: ReadonlyMap<string, readonly Override[]>;
}

/** The source of what is set of an entity itself. */
export function ownSource({ type, name }: ConfigResource): number {
  if (type === ConfigResourceType.topic) return ConfigSource.dynamicTopic;
  return name === ""
    ? ConfigSource.dynamicDefaultBroker
    : ConfigSource.dynamicBroker;
}

/**
 * Reads what is in force. For all brokers, it is what a broker has that says
 * nothing of its own.
 *
 * @throws {KafkaError} Where there is no such entity.
 */
export async function configView(
  admin: Admin,
  resource: ConfigResource,
  keys: readonly string[],
): Promise<ConfigView> {
  const isBroker = resource.type === ConfigResourceType.broker;
  const described = isBroker && resource.name === ""
    ? await describeBrokers(admin, keys)
    : await describe(admin, [resource], keys);
  const own = ownSource(resource);
  const overrides = new Map<string, Override[]>();
  const states = new Map<string, KeyState>();
  for (const { resource: { name }, entries } of described) {
    for (const entry of entries) {
      const isOverridden = isBroker && resource.name === "" &&
        entry.source === ConfigSource.dynamicBroker;
      if (isOverridden) add(overrides, entry.name, `broker ${name}`, entry);
      if (!states.has(entry.name)) {
        states.set(entry.name, isOverridden ? below(entry, own) : entry);
      }
    }
  }
  if (isBroker) await addTopics(admin, keys, overrides);
  return { keys: states, overrides };
}

/** A key as it would be if only the sources from `source` on spoke. */
export function below(
  { synonyms, isSensitive }: KeyState,
  source: number,
): KeyState {
  return stateOf(synonyms.filter((each) => each.source >= source), isSensitive);
}

/** A key whose values are those given, in the order in which they win. */
export function stateOf(
  synonyms: readonly ConfigSynonym[],
  isSensitive: boolean,
): KeyState {
  const [first] = synonyms;
  return {
    value: first?.value ?? null,
    source: first?.source ?? ConfigSource.default,
    synonyms,
    isSensitive,
  };
}

async function describe(
  admin: Admin,
  resources: readonly ConfigResource[],
  keys: readonly string[],
): Promise<readonly ConfigDescription[]> {
  const described = await admin.describeConfigs(resources, {
    keys,
    includeSynonyms: true,
  });
  for (const { error } of described) if (error !== null) throw error;
  return described;
}

async function describeBrokers(
  admin: Admin,
  keys: readonly string[],
): Promise<readonly ConfigDescription[]> {
  const { nodes } = await admin.describeCluster();
  const ids = nodes.map(({ id }) => id).sort((a, b) => a - b);
  return await describe(
    admin,
    ids.map((id) => ({ type: ConfigResourceType.broker, name: `${id}` })),
    keys,
  );
}

/** Adds the topics that have a value of their own for what a broker's key says. */
async function addTopics(
  admin: Admin,
  keys: readonly string[],
  overrides: Map<string, Override[]>,
): Promise<void> {
  const brokerKeys = new Map<string, string>();
  for (const topicKey of topicConfig.keys) {
    const behind = topicConfig.row(topicKey)?.synonyms ?? [];
    const key = behind.find((name) => keys.includes(name));
    if (key !== undefined) brokerKeys.set(topicKey, key);
  }
  if (brokerKeys.size === 0) return;
  const topics = await admin.listTopics({ includeInternal: true });
  const names = topics.map(({ name }) => name).sort();
  for (let at = 0; at < names.length; at += TOPICS_PER_REQUEST) {
    const described = await admin.describeConfigs(
      names.slice(at, at + TOPICS_PER_REQUEST)
        .map((name) => ({ type: ConfigResourceType.topic, name })),
      { keys: [...brokerKeys.keys()] },
    );
    // A topic that has gone meanwhile overrides nothing.
    for (const { resource: { name }, entries } of described) {
      for (const entry of entries) {
        const key = brokerKeys.get(entry.name);
        if (key === undefined) continue;
        if (entry.source !== ConfigSource.dynamicTopic) continue;
        add(overrides, key, `topic ${name}`, entry);
      }
    }
  }
}

function add(
  overrides: Map<string, Override[]>,
  key: string,
  entity: string,
  { name, value }: ConfigEntry,
): void {
  const known = overrides.get(key) ?? [];
  overrides.set(key, [...known, { entity, name, value }]);
}
