// The coordinators of a broker, each on what the broker knows of the cluster;
// `TopicShards` tells them what they lead.

import type { BrokerConfig } from "../config/broker_config.ts";
import type { Cluster } from "../controller/cluster.ts";
import {
  GroupCoordinator,
  OFFSETS_TOPIC,
} from "../groups/group_coordinator.ts";
import type { Host } from "../host/host.ts";

export interface CoordinatorOptions {
  readonly host: Host;
  readonly cluster: Cluster;
  readonly config: () => BrokerConfig;
  readonly trace: (line: string) => void;
}

/** Looks after groups and their offsets. */
export function newGroupCoordinator(
  { host, cluster, config, trace }: CoordinatorOptions,
): GroupCoordinator {
  return new GroupCoordinator({
    host,
    config,
    partitionCount: () =>
      cluster.image.topics.get(OFFSETS_TOPIC)?.partitions.length ??
        config()["offsets.topic.num.partitions"],
    topics: () => cluster.image,
    trace,
  });
}
