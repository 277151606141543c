// Creates topics that a client asked for and that are not there.
//
// Nobody waits for it: the client is told that the topic has no leader yet, and
// asks again.

import {
  collidingNames,
  isInternalTopic,
  topicNameProblem,
} from "../controller/topic_name.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import type { Broker } from "./broker.ts";
import { describe } from "./failure.ts";
import { REPLICATION_FACTOR_MAX } from "./replication.ts";

/** Creates missing topics for one broker. */
export class AutoCreation {
  readonly #broker: Broker;
  /** Names that are being created now: clients ask many times meanwhile. */
  readonly #creating = new Set<string>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /**
   * Starts to create a topic that is missing, where that is allowed.
   *
   * @param mayCreate Whether the client agrees.
   * @returns The error code that the client gets for the topic now.
   */
  start(name: string, mayCreate: boolean): number {
    if (topicNameProblem(name) !== null) {
      return ErrorCode.INVALID_TOPIC_EXCEPTION;
    }
    const { config, cluster } = this.#broker;
    const isOn = config["auto.create.topics.enable"];
    if (!mayCreate || !isOn || isInternalTopic(name)) {
      return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    }
    const countMax = Math.min(
      cluster.image.brokers.size,
      REPLICATION_FACTOR_MAX,
    );
    if (countMax < config["default.replication.factor"]) {
      return ErrorCode.INVALID_REPLICATION_FACTOR;
    }
    if (collidingNames(name, cluster.image.topics.keys()).length > 0) {
      return ErrorCode.INVALID_TOPIC_EXCEPTION;
    }
    if (!this.#creating.has(name)) {
      this.#creating.add(name);
      this.#create(name).finally(() => this.#creating.delete(name));
    }
    return ErrorCode.LEADER_NOT_AVAILABLE;
  }

  async #create(name: string): Promise<void> {
    const { cluster, config, trace } = this.#broker;
    try {
      await cluster.createTopic({
        name,
        partitionCount: config["num.partitions"],
        replicationFactor: config["default.replication.factor"],
      });
    } catch (error) {
      if (!(error instanceof KafkaError)) {
        trace(
          `Cannot create the topic "${name}" on demand: ${describe(error)}`,
        );
      } else if (error.errorName !== "TOPIC_ALREADY_EXISTS") {
        trace(`Cannot create the topic "${name}" on demand: ${error.message}`);
      }
    }
  }
}
