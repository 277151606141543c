// Contradictions between keys of a broker: each alone is right, together they
// cannot hold.

import { type BrokerConfig, brokerConfig } from "./broker_config.ts";
import { checkCleanerMemory } from "./cleaner_checks.ts";
import { ConfigError } from "./config_error.ts";
import { didYouMean } from "./did_you_mean.ts";
import { brokerListeners } from "./listeners.ts";

/** Prefixes of keys that go to a plugin; kq loads none, so they have no effect. */
const PLUGIN_PREFIXES = ["rlmm.config.", "rsm.config."];

/** The data directories of a broker, in order. */
export function dataDirectories(config: BrokerConfig): string[] {
  const text = config["log.dirs"] ?? config["log.dir"];
  return text.split(",").map((path) => path.trim())
    .filter((path) => path !== "");
}

/** What is known of a key that is set: does it mean something, nothing, or is it not there at all? */
export function brokerKeyEffect(key: string): "used" | "none" | "unknown" {
  const row = brokerConfig.row(baseKey(key));
  if (row !== undefined) return row.effect ?? "used";
  return PLUGIN_PREFIXES.some((prefix) => key.startsWith(prefix))
    ? "none"
    : "unknown";
}

// `listener.name.internal.ssl.keystore.location` is a key for one listener.
function baseKey(key: string): string {
  return /^listener\.name\.[^.]+\.(?:(?:plain|scram-sha-256|scram-sha-512|gssapi|oauthbearer)\.)?(.+)$/
    .exec(key)?.[1] ?? key;
}

/** The error for a key that no row knows. */
export function unknownKeyError(key: string): ConfigError {
  return new ConfigError(
    `${key}: expected a broker's configuration key, got an unknown one` +
      didYouMean(key, brokerConfig.keys),
    { key },
  );
}

/**
 * Refuses a configuration whose keys contradict each other.
 *
 * @throws {ConfigError} `key` is the key to change.
 */
export function checkBrokerConfig(config: BrokerConfig): void {
  checkIds(config);
  checkDirectories(dataDirectories(config));
  checkListeners(config);
  checkTimes(config);
  checkConnectionLimits(config);
  checkCleanerMemory(config);
  checkConsumerGroups(config);
}

function contradiction(key: string, expected: string, got: string): never {
  throw new ConfigError(`${key}: expected ${expected}, got ${got}`, { key });
}

function checkIds(config: BrokerConfig): void {
  const id = config["broker.id"];
  const nodeId = config["node.id"];
  if (id !== -1 && nodeId !== -1 && id !== nodeId) {
    contradiction("node.id", `the same as broker.id (${id})`, `${nodeId}`);
  }
  if (id < -1) contradiction("broker.id", "-1 or more", `${id}`);
  if (id === -1 && nodeId < -1) {
    contradiction("node.id", "-1 or more", `${nodeId}`);
  }
  const given = id === -1 ? nodeId : id;
  if (given === -1 && !config["broker.id.generation.enable"]) {
    contradiction(
      "broker.id",
      "a number while broker.id.generation.enable is false",
      "nothing",
    );
  }
  const reserved = config["reserved.broker.max.id"];
  if (config["broker.id.generation.enable"] && given > reserved) {
    contradiction(
      id === -1 ? "node.id" : "broker.id",
      `at most reserved.broker.max.id (${reserved}) while ` +
        "broker.id.generation.enable is true",
      `${given}`,
    );
  }
}

function checkDirectories(directories: readonly string[]): void {
  if (directories.length === 0) {
    contradiction("log.dirs", "at least one directory", "none");
  }
  const seen: string[] = [];
  for (const directory of directories) {
    const path = normalPath(directory);
    for (const other of seen) {
      if (path === other) {
        contradiction("log.dirs", "each directory once", `${path} twice`);
      }
      const [inner, outer] = path.length > other.length
        ? [path, other]
        : [other, path];
      if (inner.startsWith(outer === "/" ? "/" : `${outer}/`)) {
        contradiction(
          "log.dirs",
          "directories beside each other",
          `${inner} inside ${outer}`,
        );
      }
    }
    seen.push(path);
  }
}

// Enough to see that `./a/` and `a` are one directory; links are not followed.
function normalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return (path.startsWith("/") ? "/" : "") + parts.join("/");
}

function checkListeners(config: BrokerConfig): void {
  const listeners = brokerListeners(config);
  const between = config["inter.broker.listener.name"];
  const names = listeners.map((listener) => listener.name);
  if (between !== null && !names.includes(between.toUpperCase())) {
    contradiction(
      "inter.broker.listener.name",
      `a name out of listeners (${names.join(", ")})`,
      between,
    );
  }
  const protocols = listeners.map((listener) => listener.securityProtocol);
  const protocol = config["security.inter.broker.protocol"] as typeof protocols[
    number
  ];
  if (between === null && !protocols.includes(protocol)) {
    contradiction(
      "inter.broker.listener.name",
      `the listener between brokers, as none speaks ${protocol}`,
      "nothing",
    );
  }
  checkKeys(config, listeners);
}

function checkKeys(
  config: BrokerConfig,
  listeners: ReturnType<typeof brokerListeners>,
): void {
  for (const { name, securityProtocol } of listeners) {
    const needsKeys = securityProtocol.endsWith("SSL");
    const hasKeys = config["ssl.keystore.location"] !== null ||
      config["ssl.keystore.certificate.chain"] !== null;
    if (needsKeys && !hasKeys) {
      contradiction(
        "ssl.keystore.location",
        `a key for the listener ${name}, which speaks ${securityProtocol}`,
        "nothing",
      );
    }
    if (securityProtocol !== "PLAINTEXT") {
      contradiction(
        "listeners",
        "listeners that speak PLAINTEXT, the only protocol served so far",
        `${name}, which speaks ${securityProtocol}`,
      );
    }
  }
}

function checkTimes(config: BrokerConfig): void {
  const shortest = config["group.min.session.timeout.ms"];
  const longest = config["group.max.session.timeout.ms"];
  if (shortest > longest) {
    contradiction(
      "group.min.session.timeout.ms",
      `at most group.max.session.timeout.ms (${longest})`,
      `${shortest}`,
    );
  }
  for (
    const key of [
      "log.retention.ms",
      "log.retention.minutes",
      "log.retention.hours",
    ] as const
  ) {
    if (config[key] === 0) contradiction(key, "-1, or 1 and more", "0");
  }
  const wait = config["replica.fetch.wait.max.ms"];
  const lag = config["replica.lag.time.max.ms"];
  if (wait > lag) {
    contradiction(
      "replica.fetch.wait.max.ms",
      `at most replica.lag.time.max.ms (${lag})`,
      `${wait}`,
    );
  }
}

function checkConnectionLimits(config: BrokerConfig): void {
  const overrides = config["max.connections.per.ip.overrides"];
  for (const item of overrides.split(",")) {
    if (item.trim() === "" || /^\S.*:\d{1,9}$/.test(item.trim())) continue;
    contradiction(
      "max.connections.per.ip.overrides",
      "HOST:COUNT by comma",
      JSON.stringify(overrides),
    );
  }
  if (config["max.connections.per.ip"] === 0 && overrides.trim() === "") {
    contradiction(
      "max.connections.per.ip",
      "0 only where max.connections.per.ip.overrides lets somebody in",
      "0",
    );
  }
}

/** The members' times have to lie within the limits that the broker sets itself. */
function checkConsumerGroups(config: BrokerConfig): void {
  const bounded = [
    [
      "group.consumer.heartbeat.interval.ms",
      "group.consumer.min.heartbeat.interval.ms",
      "group.consumer.max.heartbeat.interval.ms",
    ],
    [
      "group.consumer.session.timeout.ms",
      "group.consumer.min.session.timeout.ms",
      "group.consumer.max.session.timeout.ms",
    ],
  ] as const;
  for (const [key, minKey, maxKey] of bounded) {
    const value = config[key];
    const min = config[minKey];
    const max = config[maxKey];
    if (value >= min && value <= max) continue;
    contradiction(
      key,
      `at least ${minKey} (${min}) and at most ${maxKey} (${max})`,
      `${value}`,
    );
  }
  const interval = config["group.consumer.heartbeat.interval.ms"];
  const session = config["group.consumer.session.timeout.ms"];
  if (interval >= session) {
    contradiction(
      "group.consumer.heartbeat.interval.ms",
      `less than group.consumer.session.timeout.ms (${session})`,
      `${interval}`,
    );
  }
}

/** What can be started, and yet is probably a mistake; one line each. */
export function doubtfulSettings(config: BrokerConfig): string[] {
  const doubts: string[] = [];
  const inSync = config["min.insync.replicas"];
  const replicas = config["default.replication.factor"];
  if (inSync > replicas) {
    doubts.push(
      `min.insync.replicas (${inSync}) is more than default.replication.factor (${replicas}): ` +
        "topics created without a replication factor take no record with acks=all",
    );
  }
  const message = config["message.max.bytes"];
  const fetched = config["replica.fetch.max.bytes"];
  if (replicas > 1 && message > fetched) {
    doubts.push(
      `message.max.bytes (${message}) is more than replica.fetch.max.bytes (${fetched}): ` +
        "followers copy such records one at a time",
    );
  }
  return doubts;
}
