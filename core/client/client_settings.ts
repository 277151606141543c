// What every client is told about reaching a cluster, out of Kafka's own
// configuration keys.

import {
  type ConfigRows,
  type ConfigTable,
  readConfig,
  type RowValues,
} from "../config/table.ts";
import { ConfigError } from "../config/config_error.ts";
import type { AdminConfig } from "../config/client_config.ts";
import type { Address } from "../host/host.ts";

/** Configuration as texts, by Kafka's own key names. */
export type ConfigTexts =
  | ReadonlyMap<string, string>
  | Readonly<Record<string, string>>;

/** The keys that all clients share. */
export type CommonClientConfig = Pick<
  AdminConfig,
  | "bootstrap.servers"
  | "client.id"
  | "connections.max.idle.ms"
  | "metadata.max.age.ms"
  | "reconnect.backoff.ms"
  | "reconnect.backoff.max.ms"
  | "request.timeout.ms"
  | "retry.backoff.ms"
  | "retry.backoff.max.ms"
  | "security.protocol"
  | "socket.connection.setup.timeout.ms"
  | "socket.connection.setup.timeout.max.ms"
>;

/** How a client reaches its cluster. */
export interface ClientSettings {
  readonly bootstrap: readonly Address[];
  readonly clientId: string;
  readonly requestTimeoutMs: number;
  /** The longest that one call of the application takes, retries included. */
  readonly apiTimeoutMs: number;
  readonly retryBackoff: Backoff;
  readonly reconnectBackoff: Backoff;
  readonly connectTimeout: Backoff;
  readonly connectionsMaxIdleMs: number;
  readonly metadataMaxAgeMs: number;
  /** Whether asking for a missing topic may create it. */
  readonly allowAutoTopicCreation: boolean;
}

/** A time that doubles with each failure in a row. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** The share by which a backoff varies, so that clients do not come back together. */
const JITTER = 0.2;

/**
 * How long to wait after a number of failures in a row.
 *
 * @param random In [0, 1).
 */
export function backoffMs(
  backoff: Backoff,
  failureCount: number,
  random: () => number,
): number {
  const exponent = Math.min(Math.max(failureCount - 1, 0), 30);
  const meanMs = Math.min(backoff.firstMs * 2 ** exponent, backoff.maxMs);
  return meanMs * (1 - JITTER + 2 * JITTER * random());
}

/** Texts as a map, whichever form they came in. */
export function configMap(texts: ConfigTexts): ReadonlyMap<string, string> {
  return texts instanceof Map ? texts : new Map(Object.entries(texts));
}

/** Reads texts by a table of client keys. */
export function readClientConfig<T extends ConfigRows>(
  table: ConfigTable<T>,
  texts: ConfigTexts,
): RowValues<T> {
  return readConfig(table, configMap(texts));
}

/**
 * Takes the shared part of a configuration.
 *
 * @throws {ConfigError} Where `bootstrap.servers` is missing or malformed, or
 * asks for a protocol that is not served.
 */
export function clientSettings(
  config: CommonClientConfig,
  rest: { readonly apiTimeoutMs: number; readonly autoCreate?: boolean },
): ClientSettings {
  if (config["security.protocol"].toUpperCase() !== "PLAINTEXT") {
    throw new ConfigError(
      `security.protocol: only PLAINTEXT is spoken yet, got ${
        config["security.protocol"]
      }`,
      { key: "security.protocol" },
    );
  }
  return {
    bootstrap: parseBootstrap(config["bootstrap.servers"]),
    clientId: config["client.id"],
    requestTimeoutMs: config["request.timeout.ms"],
    apiTimeoutMs: rest.apiTimeoutMs,
    retryBackoff: {
      firstMs: config["retry.backoff.ms"],
      maxMs: Math.max(
        config["retry.backoff.max.ms"],
        config["retry.backoff.ms"],
      ),
    },
    reconnectBackoff: {
      firstMs: config["reconnect.backoff.ms"],
      maxMs: Math.max(
        config["reconnect.backoff.max.ms"],
        config["reconnect.backoff.ms"],
      ),
    },
    connectTimeout: {
      firstMs: config["socket.connection.setup.timeout.ms"],
      maxMs: Math.max(
        config["socket.connection.setup.timeout.max.ms"],
        config["socket.connection.setup.timeout.ms"],
      ),
    },
    connectionsMaxIdleMs: config["connections.max.idle.ms"],
    metadataMaxAgeMs: config["metadata.max.age.ms"],
    allowAutoTopicCreation: rest.autoCreate ?? false,
  };
}

/**
 * Reads `HOST:PORT` items; IPv6 addresses are in brackets, and a protocol in
 * front (`PLAINTEXT://`) is taken off.
 *
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { parseBootstrap } from "./client_settings.ts";
 *
 * deepStrictEqual(parseBootstrap(["kafka:9092", "[::1]:9093"]), [
 *   { host: "kafka", port: 9092 },
 *   { host: "::1", port: 9093 },
 * ]);
 * ```
 *
 * @throws {ConfigError} Where there is none, or one is not of this form.
 */
export function parseBootstrap(items: readonly string[]): Address[] {
  const key = "bootstrap.servers";
  if (items.length === 0) {
    throw new ConfigError(`${key}: expected HOST:PORT, got nothing`, { key });
  }
  return items.map((item) => {
    const match =
      /^(?:[A-Z_]+:\/\/)?(?:\[([0-9a-fA-F:.%]+)\]|([^:\s[\]]+)):(\d{1,5})$/
        .exec(item.trim());
    const port = Number(match?.[3]);
    if (match === null || port < 1 || port > 65_535) {
      throw new ConfigError(`${key}: expected HOST:PORT, got "${item}"`, {
        key,
      });
    }
    return { host: match[1] ?? match[2], port };
  });
}
