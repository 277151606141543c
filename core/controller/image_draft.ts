// The next image while it is put together: holds what was read, and knows which
// parts are new, so that the image shares all others with the one before.

import {
  type BrokerImage,
  type ClusterImage,
  type ConfigOverrides,
  NO_LEADER,
  type PartitionImage,
  type TopicImage,
} from "./cluster_image.ts";
import type { PartitionState, TopicAssignment } from "./znode_layout.ts";
import { ZERO_UUID } from "./uuid.ts";

/** The image before anything was read. */
export function emptyImage(clusterId: string): ClusterImage {
  return {
    clusterId,
    controllerId: NO_LEADER,
    controllerEpoch: 0,
    brokers: new Map(),
    topics: new Map(),
    topicsById: new Map(),
    brokerConfigs: new Map(),
    brokerDefaultConfig: new Map(),
  };
}

/** A partition's state as read, with its znode's version. */
export interface VersionedState extends PartitionState {
  readonly partitionEpoch: number;
}

/** See the file's header; `build` may be called once. */
export class ImageDraft {
  readonly #before: ClusterImage;
  #controller: { id: number; epoch: number };
  #brokers: Map<number, BrokerImage> | null = null;
  #topics: Map<string, TopicImage> | null = null;
  #brokerConfigs: Map<number, ConfigOverrides> | null = null;
  #brokerDefaultConfig: ConfigOverrides;
  #isChanged = false;

  constructor(before: ClusterImage) {
    this.#before = before;
    this.#controller = {
      id: before.controllerId,
      epoch: before.controllerEpoch,
    };
    this.#brokerDefaultConfig = before.brokerDefaultConfig;
  }

  setController(id: number, epoch: number): void {
    if (id === this.#controller.id && epoch === this.#controller.epoch) return;
    this.#controller = { id, epoch };
    this.#isChanged = true;
  }

  setBrokers(brokers: Map<number, BrokerImage>): void {
    this.#brokers = brokers;
    this.#isChanged = true;
  }

  topic(name: string): TopicImage | null {
    return (this.#topics ?? this.#before.topics).get(name) ?? null;
  }

  setTopic(topic: TopicImage): void {
    this.#changedTopics().set(topic.name, topic);
  }

  removeTopic(name: string): void {
    if (this.topic(name) !== null) this.#changedTopics().delete(name);
  }

  setTopicConfig(name: string, config: ConfigOverrides): void {
    const topic = this.topic(name);
    if (topic !== null) this.setTopic({ ...topic, config });
  }

  setPartitions(name: string, changed: readonly PartitionImage[]): void {
    const topic = this.topic(name);
    if (topic === null) return;
    const partitions = topic.partitions.slice();
    for (const partition of changed) partitions[partition.index] = partition;
    this.setTopic({ ...topic, partitions });
  }

  /** `null` is the configuration of all brokers. */
  setBrokerConfig(id: number | null, config: ConfigOverrides): void {
    this.#isChanged = true;
    if (id === null) {
      this.#brokerDefaultConfig = config;
    } else {
      this.#brokerConfigs ??= new Map(this.#before.brokerConfigs);
      this.#brokerConfigs.set(id, config);
    }
  }

  /** The new image; the one before where nothing changed. */
  build(): ClusterImage {
    if (!this.#isChanged) return this.#before;
    const before = this.#before;
    const topics = this.#topics ?? before.topics;
    return {
      clusterId: before.clusterId,
      controllerId: this.#controller.id,
      controllerEpoch: this.#controller.epoch,
      brokers: this.#brokers ?? before.brokers,
      topics,
      topicsById: this.#topics === null ? before.topicsById : new Map(
        [...topics.values()].map((topic) => [topic.topicId, topic]),
      ),
      brokerConfigs: this.#brokerConfigs ?? before.brokerConfigs,
      brokerDefaultConfig: this.#brokerDefaultConfig,
    };
  }

  #changedTopics(): Map<string, TopicImage> {
    this.#isChanged = true;
    return this.#topics ??= new Map(this.#before.topics);
  }
}

/** A topic out of what its znodes say; `states` by partition, null where there is none yet. */
export function topicImage(
  name: string,
  assignment: TopicAssignment,
  states: readonly (VersionedState | null)[],
  config: ConfigOverrides,
): TopicImage {
  return {
    name,
    topicId: assignment.topicId ?? ZERO_UUID,
    partitions: states.map((state, index) =>
      partitionImage(index, assignment, state)
    ),
    config,
  };
}

/** A partition out of what its topic's znode and its own say. */
export function partitionImage(
  index: number,
  assignment: TopicAssignment,
  state: VersionedState | null,
): PartitionImage {
  return {
    index,
    replicas: assignment.replicas.get(index) ?? [],
    addingReplicas: assignment.adding.get(index) ?? [],
    removingReplicas: assignment.removing.get(index) ?? [],
    leader: state?.leader ?? NO_LEADER,
    leaderEpoch: state?.leaderEpoch ?? -1,
    isr: state?.isr ?? [],
    controllerEpoch: state?.controllerEpoch ?? 0,
    partitionEpoch: state?.partitionEpoch ?? -1,
  };
}
