// Makes a coordinator follow the leadership of its internal topic: it looks after
// the keys of a partition for as long as this broker leads it.

import type { BrokerConfig } from "../config/broker_config.ts";
import type { Cluster } from "../controller/cluster.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import type { ShardLog } from "../shards/shard_log.ts";
import type { Appended, Partition } from "./partition.ts";
import type { Partitions } from "./partitions.ts";
import type { Purgatory } from "./purgatory.ts";
import { isOnAllReplicas, reachAllReplicas } from "./reach_replicas.ts";

/** A coordinator, as far as it is told what it leads. */
export interface ShardLeader {
  lead(log: ShardLog): Promise<void>;
  resign(partition: number): void;
  close(): void;
}

export interface TopicShardsOptions {
  readonly topic: string;
  readonly coordinator: ShardLeader;
  readonly cluster: Cluster;
  readonly partitions: Partitions;
  readonly purgatory: Purgatory;
  readonly config: () => BrokerConfig;
}

/** What a partition was led with. */
interface Term {
  readonly leaderEpoch: number;
  readonly log: PartitionLog;
}

export class TopicShards {
  readonly #options: TopicShardsOptions;
  readonly #terms = new Map<number, Term>();

  constructor(options: TopicShardsOptions) {
    this.#options = options;
  }

  /** Looks now and after each change of the cluster, once the partitions have followed it. */
  start(): () => void {
    this.refresh();
    const stop = this.#options.cluster.onChange((image, before) => {
      if (image.topics !== before.topics) this.refresh();
    });
    return () => {
      stop();
      this.#options.coordinator.close();
    };
  }

  /** Takes over partitions that this broker leads now, and gives up others. */
  refresh(): void {
    const { topic, cluster, coordinator, partitions } = this.#options;
    const count = cluster.image.topics.get(topic)?.partitions.length ?? 0;
    for (const index of [...this.#terms.keys()]) {
      const { log, isLeader } = partitions.find(topic, index) ?? {};
      if (index < count && isLeader === true && log != null) continue;
      this.#terms.delete(index);
      coordinator.resign(index);
    }
    for (let index = 0; index < count; index++) {
      const partition = partitions.find(topic, index);
      if (partition === undefined || !partition.isLeader) continue;
      const { log, leadership: { leaderEpoch } } = partition;
      const term = this.#terms.get(index);
      if (log === null) continue;
      if (term?.log === log && term.leaderEpoch === leaderEpoch) continue;
      this.#terms.set(index, { log, leaderEpoch });
      // Nobody waits for it: callers are told that it is loading.
      void coordinator.lead(this.#shardLog(partition, log));
    }
  }

  #shardLog(partition: Partition, log: PartitionLog): ShardLog {
    return {
      partition: partition.partition,
      name: log.name,
      leaderEpoch: partition.leadership.leaderEpoch,
      log,
      append: (batch, nowMs, transaction) =>
        this.#committed(
          partition,
          partition.append(batch, {
            nowMs,
            needsAll: true,
            origin: "coordinator",
            isOwnWork: true,
            verification: transaction?.verification,
          }),
        ),
      committed: () =>
        this.#committed(partition, {
          endOffset: log.logEndOffset,
          durable: null,
        }),
    };
  }

  #committed(
    partition: Partition,
    appended: Pick<Appended, "endOffset" | "durable">,
  ): Promise<void> | null {
    if (isOnAllReplicas(partition, appended)) return null;
    const { purgatory, config } = this.#options;
    return reachAllReplicas(partition, appended, {
      purgatory,
      timeoutMs: config()["offsets.commit.timeout.ms"],
    });
  }
}
