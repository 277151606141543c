// What the parts of one broker share: the configuration, the cluster's picture,
// the logs, the partitions it serves. Handlers find everything here.

import type { BrokerConfig } from "../config/broker_config.ts";
import type { Cluster } from "../controller/cluster.ts";
import type { Host } from "../host/host.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import type { BrokerMetrics } from "../metrics/broker_metrics.ts";
import type { FetchSessions } from "./fetch_sessions.ts";
import type { Partitions } from "./partitions.ts";

/** Diagnostics, one line each; `commands/` decides where they go. */
export type Trace = (line: string) => void;

export interface Broker {
  readonly host: Host;
  readonly brokerId: number;
  readonly clusterId: string;
  /** The configuration now in force; dynamic changes replace it, so read it anew each time. */
  readonly config: BrokerConfig;
  readonly cluster: Cluster;
  readonly logDirs: LogDirs;
  readonly partitions: Partitions;
  readonly fetchSessions: FetchSessions;
  readonly metrics: BrokerMetrics;
  readonly trace: Trace;
}
