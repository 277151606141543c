// How a consumer behaves, out of Kafka's own configuration keys.

import {
  type ConsumerConfig,
  consumerConfig,
} from "../config/client_config.ts";
import { ConfigError } from "../config/config_error.ts";
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
  /** `null` where no group is named. */
  readonly group: GroupSettings | null;
}

/** How a member of a group behaves. */
export interface GroupSettings {
  readonly groupId: string;
  /** Fixed name of the member; `null` for none. */
  readonly instanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly pollIntervalMaxMs: number;
  readonly commitsItself: boolean;
  readonly commitIntervalMs: number;
  /** Names of assignors or of Java's classes, the preferred first. */
  readonly assignors: readonly string[];
  /** Whether patterns leave internal topics out. */
  readonly excludesInternal: boolean;
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
    group: groupSettings(values),
  };
}

function groupSettings(values: ConsumerConfig): GroupSettings | null {
  const groupId = values["group.id"];
  if (groupId === null) return null;
  const heartbeatIntervalMs = values["heartbeat.interval.ms"];
  const sessionTimeoutMs = values["session.timeout.ms"];
  if (heartbeatIntervalMs >= sessionTimeoutMs) {
    throw new ConfigError(
      `heartbeat.interval.ms: ${heartbeatIntervalMs} has to be less than ` +
        `session.timeout.ms, which is ${sessionTimeoutMs}`,
      { key: "heartbeat.interval.ms" },
    );
  }
  if (values["group.protocol"].toLowerCase() !== "classic") {
    throw new ConfigError(
      `group.protocol: only classic is spoken by this consumer, got ${
        values["group.protocol"]
      }`,
      { key: "group.protocol" },
    );
  }
  return {
    groupId,
    instanceId: values["group.instance.id"],
    sessionTimeoutMs,
    heartbeatIntervalMs,
    pollIntervalMaxMs: values["max.poll.interval.ms"],
    commitsItself: values["enable.auto.commit"],
    commitIntervalMs: values["auto.commit.interval.ms"],
    assignors: values["partition.assignment.strategy"],
    excludesInternal: values["exclude.internal.topics"],
  };
}
