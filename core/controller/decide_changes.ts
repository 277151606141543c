// What the controller has to change, given all that is known.

import type {
  ClusterImage,
  PartitionImage,
  TopicImage,
} from "./cluster_image.ts";
import { decideLeader, type LeaderState } from "./election.ts";

/** A partition's next state. */
export interface PartitionChange {
  readonly topic: string;
  readonly index: number;
  readonly state: LeaderState;
  /** The state's version that this is decided from; -1 where there was none. */
  readonly partitionEpoch: number;
}

/** Every partition whose leader or in-sync replicas have to change. */
export function decideChanges(
  image: ClusterImage,
  rules: {
    readonly isUncleanAllowed: (topic: TopicImage) => boolean;
    /** Topics that are going away. */
    readonly isLeftAlone: (topic: TopicImage) => boolean;
    /** Brokers that live but have lost their replica of a partition. */
    readonly lostBy?: (topic: string, index: number) => readonly number[];
  },
): PartitionChange[] {
  const liveBrokers = new Set(image.brokers.keys());
  const changes: PartitionChange[] = [];
  for (const topic of image.topics.values()) {
    if (rules.isLeftAlone(topic)) continue;
    const isUncleanAllowed = rules.isUncleanAllowed(topic);
    for (const partition of topic.partitions) {
      const lost = rules.lostBy?.(topic.name, partition.index) ?? NOBODY;
      const state = decideLeader(partition, {
        liveBrokers: lost.length === 0
          ? liveBrokers
          : liveBrokers.difference(new Set(lost)),
        isUncleanAllowed,
      });
      if (state !== null) changes.push(changeOf(topic, partition, state));
    }
  }
  return changes;
}

const NOBODY: readonly number[] = [];

function changeOf(
  topic: TopicImage,
  { index, partitionEpoch }: PartitionImage,
  state: LeaderState,
): PartitionChange {
  return { topic: topic.name, index, state, partitionEpoch };
}
