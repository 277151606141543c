// How a consumer behaves, out of Kafka's own configuration keys.

import {
  type ConsumerConfig,
  consumerConfig,
} from "../config/client_config.ts";
import { ConfigError } from "../config/config_error.ts";
import {
  type ClientSettings,
  clientSettings,
  configMap,
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

/** How the members of a group agree: among each other, or by the coordinator. */
export type GroupProtocol = "classic" | "consumer";

/** Keys that one of the protocols alone has a use for. */
const KEYS_OF_PROTOCOL = {
  classic: [
    "heartbeat.interval.ms",
    "partition.assignment.strategy",
    "session.timeout.ms",
  ],
  consumer: ["group.remote.assignor"],
} as const;

/** How a member of a group behaves. */
export interface GroupSettings {
  readonly groupId: string;
  readonly protocol: GroupProtocol;
  /** Which of the coordinator's assignors; `null` for its own choice. */
  readonly remoteAssignor: string | null;
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
    group: groupSettings(values, configMap(texts)),
  };
}

function groupSettings(
  values: ConsumerConfig,
  texts: ReadonlyMap<string, string>,
): GroupSettings | null {
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
  const protocol = values["group.protocol"].toLowerCase() as GroupProtocol;
  checkProtocol(protocol, texts);
  return {
    groupId,
    protocol,
    remoteAssignor: values["group.remote.assignor"],
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

/** As in Java's consumer, what would be without effect is refused. */
function checkProtocol(
  protocol: GroupProtocol,
  texts: ReadonlyMap<string, string>,
): void {
  const other = protocol === "classic" ? "consumer" : "classic";
  const key = KEYS_OF_PROTOCOL[other].find((each) => texts.has(each));
  if (key === undefined) return;
  const instead =
    protocol === "consumer" && key !== "partition.assignment.strategy"
      ? `group.consumer.${key} of the broker counts`
      : `it belongs to group.protocol=${other}`;
  throw new ConfigError(
    `${key}: cannot be set with group.protocol=${protocol}: ${instead}`,
    { key },
  );
}
