// The partitions of the cluster that this broker knows, by topic name and id.

import { KafkaError } from "../wire/kafka/errors.ts";
import type { Partition } from "./partition.ts";

/** A topic's partitions by index; those that are not known yet are missing. */
interface TopicPartitions {
  readonly name: string;
  readonly id: string;
  readonly partitions: Map<number, Partition>;
}

export class Partitions {
  readonly #byName = new Map<string, TopicPartitions>();
  readonly #byId = new Map<string, TopicPartitions>();

  /** How many partitions there are, of all topics. */
  get size(): number {
    let count = 0;
    for (const topic of this.#byName.values()) count += topic.partitions.size;
    return count;
  }

  *[Symbol.iterator](): IterableIterator<Partition> {
    for (const topic of this.#byName.values()) {
      yield* topic.partitions.values();
    }
  }

  find(topic: string, partition: number): Partition | undefined {
    return this.#byName.get(topic)?.partitions.get(partition);
  }

  /**
   * @throws {KafkaError} UNKNOWN_TOPIC_OR_PARTITION.
   */
  get(topic: string, partition: number): Partition {
    const found = this.find(topic, partition);
    if (found === undefined) throw unknownPartition(topic, partition);
    return found;
  }

  /**
   * @throws {KafkaError} UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION.
   */
  getById(topicId: string, partition: number): Partition {
    const topic = this.#byId.get(topicId);
    if (topic === undefined) {
      throw new KafkaError(
        "UNKNOWN_TOPIC_ID",
        `No topic of this cluster has the id ${topicId}.`,
      );
    }
    const found = topic.partitions.get(partition);
    if (found === undefined) throw unknownPartition(topic.name, partition);
    return found;
  }

  add(partition: Partition): void {
    let topic = this.#byName.get(partition.topic);
    if (topic === undefined) {
      topic = {
        name: partition.topic,
        id: partition.topicId,
        partitions: new Map(),
      };
      this.#byName.set(topic.name, topic);
      this.#byId.set(topic.id, topic);
    }
    topic.partitions.set(partition.partition, partition);
  }

  /** The id under which a topic is known; `undefined` where it is not. */
  topicId(name: string): string | undefined {
    return this.#byName.get(name)?.id;
  }

  names(): Iterable<string> {
    return this.#byName.keys();
  }

  /** Forgets a topic; gives the partitions that it had. */
  removeTopic(name: string): Partition[] {
    const topic = this.#byName.get(name);
    if (topic === undefined) return [];
    this.#byName.delete(name);
    this.#byId.delete(topic.id);
    return [...topic.partitions.values()];
  }
}

function unknownPartition(topic: string, partition: number): KafkaError {
  return new KafkaError(
    "UNKNOWN_TOPIC_OR_PARTITION",
    `This broker does not know a partition ${partition} of a topic "${topic}".`,
  );
}
