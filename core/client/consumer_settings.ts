// How a consumer behaves, out of Kafka's own configuration keys.

import { consumerConfig } from "../config/client_config.ts";
import {
  type ClientSettings,
  clientSettings,
  type ConfigTexts,
  readClientConfig,
} from "./client_settings.ts";
import type { IsolationLevel } from "./list_offsets.ts";

/** Where to read where there is no valid position. */
export type OffsetReset = "latest" | "earliest" | "none";

export interface ConsumerSettings {
  readonly client: ClientSettings;
  readonly fetchMinBytes: number;
  readonly fetchMaxBytes: number;
  readonly fetchMaxWaitMs: number;
  readonly partitionFetchMaxBytes: number;
  readonly pollRecordsMax: number;
  readonly isolationLevel: IsolationLevel;
  readonly offsetReset: OffsetReset;
  readonly checksCrcs: boolean;
  readonly rack: string;
}

/**
 * Reads a consumer's configuration.
 *
 * @throws {ConfigError} Where a value is wrong.
 */
export function readConsumerSettings(texts: ConfigTexts): ConsumerSettings {
  const values = readClientConfig(consumerConfig, texts);
  return {
    client: clientSettings(values, {
      apiTimeoutMs: values["default.api.timeout.ms"],
      autoCreate: values["allow.auto.create.topics"],
    }),
    fetchMinBytes: values["fetch.min.bytes"],
    fetchMaxBytes: values["fetch.max.bytes"],
    fetchMaxWaitMs: values["fetch.max.wait.ms"],
    partitionFetchMaxBytes: values["max.partition.fetch.bytes"],
    pollRecordsMax: values["max.poll.records"],
    isolationLevel: values["isolation.level"] as IsolationLevel,
    offsetReset: values["auto.offset.reset"] as OffsetReset,
    checksCrcs: values["check.crcs"],
    rack: values["client.rack"],
  };
}
