// How much a broker lets its clients take, from its configuration.
//
// Where Kafka's default is "no limit", kq has one: nobody should be able to use
// up a broker by connecting to it. Clients on the same machine are let off the
// limit for each address, unless the configuration sets one.

import { MIB, SECOND_MS } from "../base/units.ts";
import type { BrokerConfig } from "../config/broker_config.ts";
import { INT_MAX } from "../config/table.ts";
import { isLoopback, type ServerLimits } from "../rpc/server.ts";

/** Connections at once, where `max.connections` says nothing. */
const CONNECTIONS_MAX = 16_384;

/** Connections at once from one other machine, where `max.connections.per.ip` says nothing. */
const CONNECTIONS_PER_HOST_MAX = 1000;

/** What requests and answers under way may hold, where `queued.max.request.bytes` says nothing. */
const MEMORY_MAX_BYTES = 256 * MIB;

/** Limits that follow the configuration as it changes. */
export class BrokerLimits implements ServerLimits {
  readonly inFlightMax = 100;
  readonly unsentMaxBytes = 16 * MIB;
  readonly handshakeMs = 10 * SECOND_MS;
  readonly #config: () => BrokerConfig;

  constructor(config: () => BrokerConfig) {
    this.#config = config;
  }

  get frameMaxBytes(): number {
    return this.#config()["socket.request.max.bytes"];
  }

  /** Kafka's -1 is for ever. */
  get idleMs(): number {
    const idleMs = this.#config()["connections.max.idle.ms"];
    return idleMs < 0 ? Infinity : idleMs;
  }

  get connectionsMax(): number {
    const count = this.#config()["max.connections"];
    return count === INT_MAX ? CONNECTIONS_MAX : count;
  }

  get connectionsPerSecondMax(): number {
    const count = this.#config()["max.connection.creation.rate"];
    return count === INT_MAX ? Infinity : Math.max(1, count);
  }

  get memoryMaxBytes(): number {
    const sizeBytes = this.#config()["queued.max.request.bytes"];
    return sizeBytes > 0 ? sizeBytes : MEMORY_MAX_BYTES;
  }

  connectionsPerHostMax(host: string): number {
    const config = this.#config();
    const override = hostCounts(config["max.connections.per.ip.overrides"])
      .get(host);
    if (override !== undefined) return override;
    const count = config["max.connections.per.ip"];
    if (count !== INT_MAX) return count;
    return isLoopback(host) ? Infinity : CONNECTIONS_PER_HOST_MAX;
  }
}

/** Reads `HOST:COUNT` by comma; the host may have colons of its own. */
function hostCounts(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of text.split(",")) {
    const separator = item.lastIndexOf(":");
    if (separator < 1) continue;
    const count = Number(item.slice(separator + 1));
    if (Number.isInteger(count)) {
      counts.set(item.slice(0, separator).trim(), count);
    }
  }
  return counts;
}
