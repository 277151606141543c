import type { Cluster, ClusterOptions } from "./cluster.ts";

export const ClusterMember = {
  open(_options: ClusterOptions): Promise<Cluster> {
    return Promise.reject(new Error("Cluster membership is being written"));
  },
};
