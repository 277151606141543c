// Creates `__consumer_offsets` when somebody asks for the coordinator of a group
// and it is not there.
//
// It gets as many replicas as there are brokers, and no more than
// `offsets.topic.replication.factor`: a cluster of one has groups at once.

import { OFFSETS_TOPIC } from "../groups/group_coordinator.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { Broker } from "./broker.ts";
import { describe } from "./failure.ts";

export class OffsetsTopic {
  readonly #broker: Broker;
  #creating: Promise<void> | null = null;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /**
   * Makes the topic where it is missing; resolves when that was tried.
   *
   * @returns `null` where the topic is there.
   */
  ensure(): Promise<void> | null {
    if (this.#broker.cluster.image.topics.has(OFFSETS_TOPIC)) return null;
    return this.#creating ??= this.#create().finally(() => {
      this.#creating = null;
    });
  }

  async #create(): Promise<void> {
    const { cluster, config, trace } = this.#broker;
    try {
      await cluster.createTopic({
        name: OFFSETS_TOPIC,
        partitionCount: config["offsets.topic.num.partitions"],
        replicationFactor: Math.min(
          config["offsets.topic.replication.factor"],
          cluster.image.brokers.size,
        ),
        config: new Map([
          ["cleanup.policy", "compact"],
          ["compression.type", "producer"],
          ["segment.bytes", String(config["offsets.topic.segment.bytes"])],
        ]),
      });
    } catch (error) {
      const isKnown = error instanceof KafkaError;
      if (isKnown && error.errorName === "TOPIC_ALREADY_EXISTS") return;
      const reason = isKnown ? error.message : describe(error);
      trace(`Cannot create the topic "${OFFSETS_TOPIC}": ${reason}`);
    }
  }
}
