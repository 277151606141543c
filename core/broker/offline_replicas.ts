// Which replicas of a partition nobody can use: of brokers that are gone, and of
// this broker where the log directory has failed. (Of other brokers' directories
// it knows nothing.)

import type { PartitionImage } from "../controller/cluster_image.ts";
import type { Broker } from "./broker.ts";

/** Ids of brokers, in the order of the replicas. */
export function offlineReplicas(
  { cluster, logDirs, brokerId }: Broker,
  topic: string,
  { index, replicas }: PartitionImage,
): number[] {
  const { brokers } = cluster.image;
  return replicas.filter((id) =>
    !brokers.has(id) || (id === brokerId && logDirs.isOffline(topic, index))
  );
}
