// What the parts of one broker share: the configuration, the cluster's picture,
// the logs, the partitions it serves. Handlers find everything here.

import type { BrokerConfig } from "../config/broker_config.ts";
import type { BrokerConfigLayers } from "../config/broker_layers.ts";
import type { Cluster } from "../controller/cluster.ts";
import type { Host } from "../host/host.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import type { BrokerMetrics } from "../metrics/broker_metrics.ts";
import type { GroupCoordinator } from "../groups/group_coordinator.ts";
import type { TransactionCoordinator } from "../transactions/transaction_coordinator.ts";
import { AutoCreation } from "./auto_create.ts";
import type { Configuration } from "./configuration.ts";
import type { FetchSessions } from "./fetch_sessions.ts";
import {
  InternalTopic,
  offsetsTopicPlan,
  transactionsTopicPlan,
} from "./internal_topic.ts";
import type { Partitions } from "./partitions.ts";
import type { ProducerIds } from "./producer_ids.ts";
import type { Purgatory } from "./purgatory.ts";
import type { RemoteCoordinators } from "./remote_coordinators.ts";
import type { LocalMarkers } from "./transaction_markers.ts";

/** Diagnostics, one line each; `commands/` decides where they go. */
export type Trace = (line: string) => void;

export interface Broker {
  readonly host: Host;
  readonly brokerId: number;
  readonly clusterId: string;
  /** The configuration now in force; dynamic changes replace it, so read it anew each time. */
  readonly config: BrokerConfig;
  /** Where each part of the configuration comes from, as of now. */
  readonly configLayers: BrokerConfigLayers;
  readonly cluster: Cluster;
  readonly logDirs: LogDirs;
  readonly partitions: Partitions;
  readonly purgatory: Purgatory;
  readonly fetchSessions: FetchSessions;
  readonly autoCreation: AutoCreation;
  readonly producerIds: ProducerIds;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  /** Ends transactions in the partitions that this broker leads. */
  readonly markers: LocalMarkers;
  /** Of transactions that other brokers coordinate. */
  readonly remoteCoordinators: RemoteCoordinators;
  /** Makes `__consumer_offsets` when the first group comes. */
  readonly offsetsTopic: InternalTopic;
  /** Makes `__transaction_state` when the first transactional producer comes. */
  readonly transactionsTopic: InternalTopic;
  /** How large an answer may be now, given what all that are on their way hold. */
  readonly answerRoomBytes: () => number;
  readonly metrics: BrokerMetrics;
  readonly trace: Trace;
}

/** What a broker is made of; the rest follows from it. */
export type BrokerParts = Omit<
  Broker,
  | "config"
  | "configLayers"
  | "autoCreation"
  | "offsetsTopic"
  | "transactionsTopic"
>;

/** Puts a broker together; its configuration is always the current one. */
export function makeBroker(
  configuration: Configuration,
  parts: BrokerParts,
): Broker {
  const broker: Broker = {
    ...parts,
    get config() {
      return configuration.config;
    },
    get configLayers() {
      return configuration.layers;
    },
    get autoCreation() {
      return autoCreation;
    },
    get offsetsTopic() {
      return offsetsTopic;
    },
    get transactionsTopic() {
      return transactionsTopic;
    },
  };
  const autoCreation = new AutoCreation(broker);
  const offsetsTopic = new InternalTopic(broker, offsetsTopicPlan);
  const transactionsTopic = new InternalTopic(broker, transactionsTopicPlan);
  return broker;
}
