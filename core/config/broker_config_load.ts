// From a `server.properties` and the options of a command line to a broker's
// configuration, with every mistake named by its place.

import {
  brokerKeyEffect,
  checkBrokerConfig,
  doubtfulSettings,
  unknownKeyError,
} from "./broker_checks.ts";
import { type BrokerConfig, brokerConfig } from "./broker_config.ts";
import { ConfigError, type ConfigPosition } from "./config_error.ts";
import { parseProperties, type Properties } from "./properties.ts";
import { readConfig } from "./table.ts";

export interface BrokerConfigSources {
  /** A `.properties` file; `name` is how errors call it. */
  readonly file?: { readonly name: string; readonly bytes: Uint8Array };
  /** `key=value` each; they win over the file, and the last one wins. */
  readonly overrides?: readonly string[];
  /** What the command sets where neither file nor overrides do. */
  readonly fallbacks?: ReadonlyMap<string, string>;
  /** Refuses what is otherwise only remarked on. */
  readonly strict?: boolean;
}

export interface LoadedBrokerConfig {
  readonly config: BrokerConfig;
  /** The texts as given, which DescribeConfigs shows as static. */
  readonly texts: ReadonlyMap<string, string>;
  /** Keys that were given and mean nothing in kq, in the order of the alphabet. */
  readonly withoutEffect: readonly string[];
  /** What looks like a mistake, one line each. */
  readonly doubts: readonly string[];
}

/**
 * Reads a broker's configuration.
 *
 * @throws {ConfigError} For the first mistake, with its place.
 */
export function loadBrokerConfig(
  sources: BrokerConfigSources,
): LoadedBrokerConfig {
  const { texts, positions } = collect(sources);
  const withoutEffect: string[] = [];
  for (const key of [...texts.keys()].sort()) {
    const effect = brokerKeyEffect(key);
    if (effect === "unknown") throw place(unknownKeyError(key), positions);
    if (effect === "none") withoutEffect.push(key);
  }
  const given = readConfig(brokerConfig, texts, { positions });
  try {
    checkBrokerConfig(given);
  } catch (error) {
    throw error instanceof ConfigError ? place(error, positions) : error;
  }
  const isNamedTwice = nameTwice(texts);
  const config = isNamedTwice ? readConfig(brokerConfig, texts) : given;
  const doubts = doubtfulSettings(config);
  if (sources.strict) refuseRemarks(withoutEffect, doubts, positions);
  return { config, texts, withoutEffect, doubts };
}

function collect(sources: BrokerConfigSources): Properties {
  const { file, overrides = [], fallbacks = new Map() } = sources;
  const { texts, positions } = file === undefined
    ? { texts: new Map(), positions: new Map() }
    : parseProperties(file.bytes, file.name);
  for (const override of overrides) {
    const separator = override.indexOf("=");
    const position = { source: "--override" };
    if (separator < 1) {
      throw new ConfigError(
        `expected KEY=VALUE, got ${JSON.stringify(override)}`,
        { position },
      );
    }
    const key = override.slice(0, separator).trim();
    texts.set(key, override.slice(separator + 1));
    positions.set(key, position);
  }
  for (const [key, text] of fallbacks) {
    if (!texts.has(key)) texts.set(key, text);
  }
  return { texts, positions };
}

/** Two keys for one number: who sets one has set both. */
function nameTwice(texts: Map<string, string>): boolean {
  const [brokerId, nodeId] = ["broker.id", "node.id"];
  if (texts.has(brokerId) === texts.has(nodeId)) return false;
  texts.set(nodeId, texts.get(nodeId) ?? texts.get(brokerId)!);
  texts.set(brokerId, texts.get(nodeId)!);
  return true;
}

function place(
  error: ConfigError,
  positions: ReadonlyMap<string, ConfigPosition>,
): ConfigError {
  const position = error.key === null ? undefined : positions.get(error.key);
  return position === undefined ? error : error.at(position);
}

function refuseRemarks(
  withoutEffect: readonly string[],
  doubts: readonly string[],
  positions: ReadonlyMap<string, ConfigPosition>,
): void {
  for (const key of withoutEffect) {
    throw place(
      new ConfigError(
        `${key}: expected a key that means something in kq, got one without ` +
          "effect (--strict refuses it)",
        { key },
      ),
      positions,
    );
  }
  for (const doubt of doubts) {
    throw new ConfigError(`${doubt} (--strict refuses it)`);
  }
}
