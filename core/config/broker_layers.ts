// The layers of a running broker's configuration: what its file says, what the
// cluster says for all brokers, what it says for this one. The last wins.
//
// Source: Kafka documentation, "Updating Broker Configs"; KIP-226.

import { type BrokerConfig, brokerConfig } from "./broker_config.ts";
import { ConfigError, ConfigValueError } from "./config_error.ts";
import { readConfig } from "./table.ts";
import { parseValue } from "./value.ts";

/** Texts by key, as each place holds them. */
export interface BrokerConfigLayers {
  /** From the file and the command line. */
  readonly fixed: ReadonlyMap<string, string>;
  /** From `/config/brokers/<default>`. */
  readonly clusterWide: ReadonlyMap<string, string>;
  /** From `/config/brokers/ID`. */
  readonly thisBroker: ReadonlyMap<string, string>;
}

/**
 * The configuration now in force. A dynamic text that does not fit its row,
 * or is no dynamic key, is passed over, so that a bad znode stops no broker.
 */
export function effectiveBrokerConfig(
  layers: BrokerConfigLayers,
): BrokerConfig {
  const texts = new Map(layers.fixed);
  for (const layer of [layers.clusterWide, layers.thisBroker]) {
    for (const [key, text] of layer) {
      if (isUsable(key, text)) texts.set(key, text);
    }
  }
  return readConfig(brokerConfig, texts);
}

function isUsable(key: string, text: string): boolean {
  const row = brokerConfig.row(key);
  if ((row?.dynamic ?? "no") === "no" || row === undefined) return false;
  try {
    parseValue(row, key, text);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/**
 * The words in which Kafka answers a bad value of an AlterConfigs or
 * CreateTopics request.
 */
export function invalidValueMessage(error: ConfigError): string {
  if (!(error instanceof ConfigValueError)) return error.reason;
  const got = /^"(.*)"/.exec(error.got)?.[1] ?? error.got;
  return `Invalid value ${got} for configuration ${error.key}: expected ${error.expected}`;
}
