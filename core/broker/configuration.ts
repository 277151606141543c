// The configuration of a running broker. Its file and command line are fixed;
// what the cluster says for all brokers, or for this one, changes while it runs.

import type { BrokerConfig } from "../config/broker_config.ts";
import {
  type BrokerConfigLayers,
  effectiveBrokerConfig,
} from "../config/broker_layers.ts";
import type { ClusterImage } from "../controller/cluster_image.ts";

/** The broker's configuration: what its file says, and what the cluster adds. */
export class Configuration {
  #layers: BrokerConfigLayers;
  #config: BrokerConfig;

  /** @param fixed Texts of the file and the command line. */
  constructor(fixed: ReadonlyMap<string, string>, config: BrokerConfig) {
    this.#layers = { fixed, clusterWide: new Map(), thisBroker: new Map() };
    this.#config = config;
  }

  get config(): BrokerConfig {
    return this.#config;
  }

  get layers(): BrokerConfigLayers {
    return this.#layers;
  }

  /** Takes over what an image says for a broker; true where it is news. */
  update(image: ClusterImage, brokerId: number): boolean {
    const clusterWide = image.brokerDefaultConfig;
    const thisBroker = image.brokerConfigs.get(brokerId) ?? NO_OVERRIDES;
    const { fixed, ...before } = this.#layers;
    if (
      isSame(clusterWide, before.clusterWide) &&
      isSame(thisBroker, before.thisBroker)
    ) return false;
    this.#layers = { fixed, clusterWide, thisBroker };
    this.#config = effectiveBrokerConfig(this.#layers);
    return true;
  }
}

const NO_OVERRIDES: ReadonlyMap<string, string> = new Map();

function isSame(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): boolean {
  if (one === other) return true;
  return one.size === other.size &&
    [...one].every(([key, text]) => other.get(key) === text);
}
