// Creates a topic of the broker's own when somebody asks for a coordinator and it
// is not there.
//
// It gets as many replicas as brokers can keep, and no more than the configuration
// asks for: a cluster of one has groups and transactions at once.

import type { BrokerConfig } from "../config/broker_config.ts";
import { OFFSETS_TOPIC } from "../groups/group_coordinator.ts";
import { TRANSACTIONS_TOPIC } from "../transactions/transaction_coordinator.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { Broker } from "./broker.ts";
import { describe } from "./failure.ts";
import { REPLICATION_FACTOR_MAX } from "./replication.ts";

/** What a topic is made with, as of now. */
export interface InternalTopicPlan {
  readonly name: string;
  readonly partitionCount: number;
  readonly replicationFactorMax: number;
  readonly config: Readonly<Record<string, string>>;
}

/** Where groups and their offsets are kept. */
export function offsetsTopicPlan(config: BrokerConfig): InternalTopicPlan {
  return {
    name: OFFSETS_TOPIC,
    partitionCount: config["offsets.topic.num.partitions"],
    replicationFactorMax: config["offsets.topic.replication.factor"],
    config: {
      "cleanup.policy": "compact",
      "compression.type": "producer",
      "segment.bytes": String(config["offsets.topic.segment.bytes"]),
    },
  };
}

/** Where the state of transactions is kept. */
export function transactionsTopicPlan(config: BrokerConfig): InternalTopicPlan {
  const replicas = config["transaction.state.log.replication.factor"];
  return {
    name: TRANSACTIONS_TOPIC,
    partitionCount: config["transaction.state.log.num.partitions"],
    replicationFactorMax: replicas,
    config: {
      "cleanup.policy": "compact",
      "compression.type": "uncompressed",
      "min.insync.replicas": String(config["transaction.state.log.min.isr"]),
      "segment.bytes": String(config["transaction.state.log.segment.bytes"]),
      "unclean.leader.election.enable": "false",
    },
  };
}

export class InternalTopic {
  readonly #broker: Broker;
  readonly #plan: (config: BrokerConfig) => InternalTopicPlan;
  #creating: Promise<void> | null = null;

  constructor(
    broker: Broker,
    plan: (config: BrokerConfig) => InternalTopicPlan,
  ) {
    this.#broker = broker;
    this.#plan = plan;
  }

  /**
   * Makes the topic where it is missing; resolves when that was tried.
   *
   * @returns `null` where the topic is there.
   */
  ensure(): Promise<void> | null {
    const plan = this.#plan(this.#broker.config);
    if (this.#broker.cluster.image.topics.has(plan.name)) return null;
    return this.#creating ??= this.#create(plan).finally(() => {
      this.#creating = null;
    });
  }

  async #create(plan: InternalTopicPlan): Promise<void> {
    const { cluster, trace } = this.#broker;
    try {
      await cluster.createTopic({
        name: plan.name,
        partitionCount: plan.partitionCount,
        replicationFactor: Math.min(
          plan.replicationFactorMax,
          REPLICATION_FACTOR_MAX,
          cluster.image.brokers.size,
        ),
        config: new Map(Object.entries(plan.config)),
      });
    } catch (error) {
      const isKnown = error instanceof KafkaError;
      if (isKnown && error.errorName === "TOPIC_ALREADY_EXISTS") return;
      const reason = isKnown ? error.message : describe(error);
      trace(`Cannot create the topic "${plan.name}": ${reason}`);
    }
  }
}
