// Makes what this broker has follow what the cluster says: logs for the replicas
// that it holds, leaders and followers, configuration.
//
// A log that is on the disk and whose topic the cluster does not know is left
// alone and named in the trace: data is only ever deleted because somebody
// deleted the topic, and the sign of that is a topic of the same name with
// another id, or the topic's disappearance while this broker looked on.

import type { TopicConfig } from "../config/topic_config.ts";
import { topicConfigFromBroker } from "../config/topic_defaults.ts";
import type { Cluster } from "../controller/cluster.ts";
import {
  type ClusterImage,
  type PartitionImage,
  type TopicImage,
  topicsDelta,
} from "../controller/cluster_image.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import type { Trace } from "./broker.ts";
import type { Configuration } from "./configuration.ts";
import { describe } from "./failure.ts";
import { type Leadership, Partition } from "./partition.ts";
import type { Partitions } from "./partitions.ts";

export interface ImageFollowerOptions {
  readonly cluster: Cluster;
  readonly logDirs: LogDirs;
  readonly partitions: Partitions;
  readonly configuration: Configuration;
  readonly trace: Trace;
}

const NO_OVERRIDES: ReadonlyMap<string, string> = new Map();

/** Follows the cluster's image for one broker. */
export class ImageFollower {
  readonly #options: ImageFollowerOptions;
  #isStarting = true;

  constructor(options: ImageFollowerOptions) {
    this.#options = options;
  }

  /** Takes over the image as it is, and every one that follows; returns how to stop. */
  start(): () => void {
    const { cluster, trace, logDirs } = this.#options;
    for (const topic of cluster.image.topics.values()) this.#addTopic(topic);
    for (const log of logDirs.logs()) {
      if (cluster.image.topics.has(log.topic)) continue;
      trace(
        `The log of ${log.name} in "${log.directoryPath}" belongs to no topic of the cluster; it is left as it is`,
      );
    }
    this.#isStarting = false;
    return cluster.onChange((image, before) => this.#apply(image, before));
  }

  /** Looks at all partitions again: a directory has failed. */
  refresh(): void {
    for (const topic of this.#options.cluster.image.topics.values()) {
      for (const partition of topic.partitions) {
        const known = this.#options.partitions.find(
          topic.name,
          partition.index,
        );
        const log = this.#options.logDirs.log(topic.name, partition.index);
        known?.update(leadershipOf(partition), log ?? null);
      }
    }
  }

  #apply(image: ClusterImage, before: ClusterImage): void {
    const { cluster, configuration, logDirs } = this.#options;
    if (configuration.update(image, cluster.brokerId)) {
      for (const log of logDirs.logs()) this.#configure(log);
      logDirs.reconfigure();
    }
    const { created, changed, deleted } = topicsDelta(before, image);
    for (const topic of deleted) this.#removeTopic(topic);
    for (const topic of created) this.#addTopic(topic);
    for (const { before, after } of changed) this.#updateTopic(before, after);
  }

  #addTopic(topic: TopicImage): void {
    const { cluster, partitions } = this.#options;
    for (const image of topic.partitions) {
      const identity = {
        topic: topic.name,
        topicId: topic.topicId,
        partition: image.index,
        brokerId: cluster.brokerId,
        isFenced: () => cluster.isFenced,
      };
      const leadership = leadershipOf(image);
      const partition = new Partition(identity, leadership);
      partitions.add(partition);
      partition.update(leadership, this.#logFor(topic, image));
    }
  }

  #updateTopic(before: TopicImage, topic: TopicImage): void {
    const { partitions, logDirs } = this.#options;
    const added: PartitionImage[] = [];
    for (const image of topic.partitions) {
      const partition = partitions.find(topic.name, image.index);
      if (partition === undefined) added.push(image);
      else if (before.partitions[image.index] !== image) {
        partition.update(leadershipOf(image), this.#logFor(topic, image));
      }
    }
    if (added.length > 0) this.#addTopic({ ...topic, partitions: added });
    if (before.config === topic.config) return;
    const config = this.topicConfig(topic);
    for (const { index } of topic.partitions) {
      const log = logDirs.log(topic.name, index);
      if (log !== undefined) logDirs.configure(log, config);
    }
  }

  #removeTopic(topic: TopicImage): void {
    for (const partition of this.#options.partitions.removeTopic(topic.name)) {
      partition.close();
      this.#deleteLog(partition.topic, partition.partition);
    }
  }

  /** The log of a partition that this broker holds; `null` where it holds none, or has no place for it. */
  #logFor(topic: TopicImage, image: PartitionImage): PartitionLog | null {
    const { cluster, logDirs, trace } = this.#options;
    const existing = logDirs.log(topic.name, image.index);
    if (!image.replicas.includes(cluster.brokerId)) {
      if (existing !== undefined) this.#deleteLog(topic.name, image.index);
      return null;
    }
    if (logDirs.isOffline(topic.name, image.index)) return null;
    try {
      if (existing !== undefined) {
        if (existing.topicId === topic.topicId) return existing;
        if (existing.topicId === null) {
          existing.assignTopicId(topic.topicId);
          return existing;
        }
        trace(
          `The log of ${existing.name} is of a deleted topic (id ${existing.topicId}); it is deleted`,
        );
        logDirs.deleteLog(topic.name, image.index);
      }
      return logDirs.createLog({
        topic: topic.name,
        partition: image.index,
        topicId: topic.topicId,
        config: this.topicConfig(topic),
        isNew: !this.#isStarting || image.partitionEpoch === -1,
      });
    } catch (error) {
      trace(`No log for ${topic.name}-${image.index}: ${describe(error)}`);
      return null;
    }
  }

  /** A topic's configuration over the broker's as it is now. */
  topicConfig(topic: TopicImage | undefined): TopicConfig {
    return topicConfigFromBroker(
      this.#options.configuration.config,
      topic?.config ?? NO_OVERRIDES,
    );
  }

  #configure(log: PartitionLog): void {
    const topic = this.#options.cluster.image.topics.get(log.topic);
    this.#options.logDirs.configure(log, this.topicConfig(topic));
  }

  #deleteLog(topic: string, partition: number): void {
    try {
      this.#options.logDirs.deleteLog(topic, partition);
    } catch (error) {
      this.#options.trace(
        `Cannot delete the log of ${topic}-${partition}: ${describe(error)}`,
      );
    }
  }
}

function leadershipOf(image: PartitionImage): Leadership {
  return {
    leaderId: image.leader,
    leaderEpoch: image.leaderEpoch,
    replicas: image.replicas,
    isr: image.isr,
  };
}
