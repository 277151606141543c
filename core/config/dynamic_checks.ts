// What a running broker refuses of a new dynamic configuration: keys that are
// read at the start only, keys of one broker set for all, values that do not fit,
// and steps that are too large.
//
// Source: Kafka documentation, "Updating Broker Configs"; KIP-226; observed:
// answers of Apache Kafka 3.9.1.

import { type BrokerConfig, brokerConfig } from "./broker_config.ts";
import { checkBrokerConfig, unknownKeyError } from "./broker_checks.ts";
import {
  type BrokerConfigLayers,
  effectiveBrokerConfig,
} from "./broker_layers.ts";
import { ConfigError } from "./config_error.ts";
import { parseValue } from "./value.ts";

/** Where dynamic broker configuration is written. */
export type DynamicScope = "cluster-wide" | "per-broker";

/** Counts of threads go up to the double and down to the half at a time, as in Kafka. */
const THREAD_COUNTS = [
  "background.threads",
  "log.cleaner.threads",
  "num.io.threads",
  "num.network.threads",
  "num.recovery.threads.per.data.dir",
  "num.replica.fetchers",
] as const;

/** Limits that may be 0 in a file, and not in a broker that runs. */
const POSITIVE = ["max.connections", "max.connection.creation.rate"] as const;

/** Keys of TLS and logins that Kafka changes for one listener at a time only. */
const OF_ONE_LISTENER = /^ssl\./;

/** Keys that Kafka changes by binding other listeners. */
const BOUND: readonly string[] = [
  "listener.security.protocol.map",
  "listeners",
];

/** A change of the dynamic texts of one scope. */
export interface DynamicChange {
  readonly scope: DynamicScope;
  readonly before: BrokerConfigLayers;
  readonly after: BrokerConfigLayers;
}

/**
 * Checks the dynamic texts that a scope would have after a change. Texts that
 * stay as they were are taken as they are: another broker may have stored them.
 *
 * @throws {ConfigError} Where a key is unknown, cannot be changed while the
 * broker runs, cannot be changed for all brokers at once, has a bad value, or
 * contradicts another.
 */
export function checkDynamicConfig(
  { scope, before, after }: DynamicChange,
): void {
  const layer = scope === "cluster-wide" ? "clusterWide" : "thisBroker";
  for (const [key, text] of after[layer]) {
    if (before[layer].get(key) !== text) checkKey(scope, key, text);
  }
  const now = effectiveBrokerConfig(before);
  const wanted = effectiveBrokerConfig(after);
  checkSteps(now, wanted);
  checkBrokerConfig(wanted);
}

function checkKey(scope: DynamicScope, key: string, text: string): void {
  const row = brokerConfig.row(key);
  if (row === undefined) {
    throw listenerKeyError(key) ?? unknownKeyError(key);
  }
  const dynamic = row.dynamic ?? "no";
  if (dynamic === "no") {
    throw new ConfigError(
      `Cannot update these configs dynamically: ${key} is read at the start ` +
        "only. Set it in server.properties and start the broker anew",
      { key },
    );
  }
  if (OF_ONE_LISTENER.test(key)) {
    throw new ConfigError(
      "These security configs can be dynamically updated only per-listener " +
        `using the listener prefix: ${key}. This broker has no listener with TLS`,
      { key },
    );
  }
  if (dynamic === "per-broker" && scope === "cluster-wide") {
    throw new ConfigError(
      "Cannot update these configs at default cluster level, broker id must " +
        `be specified: ${key}`,
      { key },
    );
  }
  if (BOUND.includes(key)) {
    throw new ConfigError(
      `${key}: expected to stay as it is while this broker runs, as its ` +
        "listeners are bound at the start only. Set it in server.properties; " +
        "advertised.listeners can change",
      { key },
    );
  }
  parseValue(row, key, text);
}

/** `listener.name.NAME.KEY` is a key of Kafka's; no listener here has keys of its own. */
function listenerKeyError(key: string): ConfigError | null {
  const [, base] = /^listener\.name\.[^.]+\.(.+)$/.exec(key) ?? [];
  if (base === undefined) return null;
  return new ConfigError(
    `${key}: expected a key of the whole broker, got one of a single listener, ` +
      "whose keys cannot be changed while this broker runs" +
      (brokerConfig.row(base) === undefined ? "" : `: set ${base}`),
    { key },
  );
}

function checkSteps(now: BrokerConfig, wanted: BrokerConfig): void {
  for (const key of POSITIVE) {
    if (wanted[key] === now[key] || wanted[key] > 0) continue;
    throw new ConfigError(`${key}: expected 1 or more, got ${wanted[key]}`, {
      key,
    });
  }
  for (const key of THREAD_COUNTS) {
    const [from, to] = [now[key], wanted[key]];
    if (to * 2 >= from && to <= from * 2) continue;
    throw new ConfigError(
      `Dynamic thread count update validation failed for ${key}=${to}, value ` +
        (to > from
          ? `should not be greater than double the current value ${from}`
          : `should be at least half the current value ${from}`),
      { key },
    );
  }
}
