// How a producer behaves, out of Kafka's own configuration keys.

import { ConfigError } from "../config/config_error.ts";
import { producerConfig } from "../config/client_config.ts";
import type { CompressionName } from "../compress/codecs.ts";
import {
  type ClientSettings,
  clientSettings,
  configMap,
  type ConfigTexts,
  readClientConfig,
} from "./client_settings.ts";
import type { BatchFormat } from "./producer_batch.ts";
import type { SenderOptions } from "./sender.ts";
import type { TransactionSettings } from "./transactions.ts";

export interface ProducerSettings {
  readonly client: ClientSettings;
  readonly sender: SenderOptions;
  readonly isIdempotent: boolean;
  /** `null` without a transactional id. */
  readonly transactions: TransactionSettings | null;
  readonly format: BatchFormat;
  readonly lingerMs: number;
  readonly memoryBytes: number;
  readonly blockMaxMs: number;
  readonly metadataMaxIdleMs: number;
  readonly ignoresKeys: boolean;
  readonly isAdaptive: boolean;
  /** 0: partitions are never left out for being slow. */
  readonly availabilityTimeoutMs: number;
}

/** How many batches of a producer a broker remembers per partition. */
const IN_FLIGHT_IDEMPOTENT_MAX = 5;

/**
 * Reads a producer's configuration.
 *
 * @throws {ConfigError} Where a value is wrong, or values contradict each other.
 */
export function readProducerSettings(texts: ConfigTexts): ProducerSettings {
  const values = readClientConfig(producerConfig, texts);
  const isGiven = (key: string) => configMap(texts).has(key);
  const transactionalId = values["transactional.id"];
  const acks = acksOf(values["acks"]);
  const inFlightMax = values["max.in.flight.requests.per.connection"];
  const retryCountMax = values["retries"];
  const isIdempotent = decideIdempotence({
    wanted: values["enable.idempotence"],
    isExplicit: isGiven("enable.idempotence"),
    isTransactional: transactionalId !== null,
    acks,
    inFlightMax,
    retryCountMax,
  });
  const lingerMs = values["linger.ms"];
  const requestTimeoutMs = values["request.timeout.ms"];
  let deliveryTimeoutMs = values["delivery.timeout.ms"];
  if (deliveryTimeoutMs < lingerMs + requestTimeoutMs) {
    if (isGiven("delivery.timeout.ms")) {
      throw refused(
        "delivery.timeout.ms",
        `expected at least linger.ms + request.timeout.ms = ${
          lingerMs + requestTimeoutMs
        }, got ${deliveryTimeoutMs}`,
      );
    }
    deliveryTimeoutMs = lingerMs + requestTimeoutMs;
  }
  const compression = values["compression.type"] as CompressionName;
  const format: BatchFormat = {
    maxBytes: values["batch.size"],
    compression,
    compressionLevel: levelOf(compression, {
      gzip: values["compression.gzip.level"],
      lz4: values["compression.lz4.level"],
      zstd: values["compression.zstd.level"],
    }),
  };
  return {
    client: clientSettings(values, {
      apiTimeoutMs: values["max.block.ms"],
      autoCreate: true,
    }),
    sender: {
      acks,
      inFlightMax,
      retryCountMax,
      deliveryTimeoutMs,
      requestMaxBytes: values["max.request.size"],
      format,
    },
    isIdempotent,
    transactions: transactionalId === null ? null : {
      transactionalId,
      timeoutMs: values["transaction.timeout.ms"],
      blockMaxMs: values["max.block.ms"],
    },
    format,
    lingerMs,
    memoryBytes: values["buffer.memory"],
    blockMaxMs: values["max.block.ms"],
    metadataMaxIdleMs: values["metadata.max.idle.ms"],
    ignoresKeys: values["partitioner.ignore.keys"],
    isAdaptive: values["partitioner.adaptive.partitioning.enable"],
    availabilityTimeoutMs: values["partitioner.availability.timeout.ms"],
  };
}

function acksOf(text: string): -1 | 0 | 1 {
  if (text === "0") return 0;
  return text === "1" ? 1 : -1;
}

/**
 * Idempotence is on by default, and gives way to settings that exclude it; not
 * where transactions are built on it.
 */
function decideIdempotence(settings: {
  readonly wanted: boolean;
  readonly isExplicit: boolean;
  readonly isTransactional: boolean;
  readonly acks: number;
  readonly inFlightMax: number;
  readonly retryCountMax: number;
}): boolean {
  if (!settings.wanted) {
    if (!settings.isTransactional) return false;
    throw refused("transactional.id", "it needs enable.idempotence=true");
  }
  const conflict = settings.acks !== -1
    ? "acks=all"
    : settings.retryCountMax === 0
    ? "retries of at least 1"
    : settings.inFlightMax > IN_FLIGHT_IDEMPOTENT_MAX
    ? `max.in.flight.requests.per.connection of at most ${IN_FLIGHT_IDEMPOTENT_MAX}`
    : null;
  if (conflict === null) return true;
  if (settings.isTransactional) {
    throw refused("transactional.id", `it needs ${conflict}`);
  }
  if (!settings.isExplicit) return false;
  throw refused("enable.idempotence", `it needs ${conflict}`);
}

function levelOf(
  compression: CompressionName,
  levels: {
    readonly gzip: number;
    readonly lz4: number;
    readonly zstd: number;
  },
): number | undefined {
  switch (compression) {
    case "gzip":
      return levels.gzip === -1 ? undefined : levels.gzip;
    case "lz4":
      return levels.lz4;
    case "zstd":
      return levels.zstd;
    default:
      return undefined;
  }
}

function refused(key: string, reason: string): ConfigError {
  return new ConfigError(`${key}: ${reason}`, { key });
}
