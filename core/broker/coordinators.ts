// The coordinators of a broker, each on what the broker knows of the cluster;
// `TopicShards` tells them what they lead.

import type { BrokerConfig } from "../config/broker_config.ts";
import type { Cluster } from "../controller/cluster.ts";
import {
  GroupCoordinator,
  OFFSETS_TOPIC,
} from "../groups/group_coordinator.ts";
import type { Host } from "../host/host.ts";
import type { MarkerWriter } from "../transactions/marker_writer.ts";
import {
  TransactionCoordinator,
  TRANSACTIONS_TOPIC,
} from "../transactions/transaction_coordinator.ts";
import type { ProducerIds } from "./producer_ids.ts";

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

/** Looks after transactional ids and their transactions. */
export function newTransactionCoordinator(
  { host, cluster, config, trace, producerIds, markers }: CoordinatorOptions & {
    readonly producerIds: ProducerIds;
    readonly markers: MarkerWriter;
  },
): TransactionCoordinator {
  return new TransactionCoordinator({
    host,
    config,
    partitionCount: () =>
      cluster.image.topics.get(TRANSACTIONS_TOPIC)?.partitions.length ??
        config()["transaction.state.log.num.partitions"],
    nextProducerId: () => producerIds.next(),
    markers,
    isDeleted: ({ topic, partition }) =>
      cluster.image.topics.get(topic)?.partitions[partition] === undefined,
    trace,
  });
}
