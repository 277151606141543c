// Defaults that earlier releases of Kafka had, where they differ from those of
// today, by scope and key.
//
// Source: Kafka documentation of 0.10.2, "Broker Configs", "Producer Configs",
// "New Consumer Configs"; "Upgrading" of the releases that changed them.

/** Values as a properties file has them. */
export type FormerDefaults = {
  readonly broker: Readonly<Record<string, string>>;
  readonly producer: Readonly<Record<string, string>>;
  readonly consumer: Readonly<Record<string, string>>;
};

/** By release. */
export const formerDefaults: Readonly<Record<string, FormerDefaults>> = {
  "0.10": {
    broker: {
      // Changed in 1.0.
      "delete.topic.enable": "false",
      // There was no such delay before 0.11.
      "group.initial.rebalance.delay.ms": "0",
      // Changed in 2.3.
      "group.max.session.timeout.ms": "300000",
      // Changed in 2.4.
      "message.max.bytes": "1000012",
      // Changed in 2.0.
      "offsets.retention.minutes": "1440",
      // Changed in 2.5.
      "replica.lag.time.max.ms": "10000",
      // Changed in 0.11.
      "unclean.leader.election.enable": "true",
      // Changed in 2.5.
      "zookeeper.session.timeout.ms": "6000",
    },
    producer: {
      // Changed in 3.0.
      "acks": "1",
      "enable.idempotence": "false",
      // Changed in 2.1.
      "retries": "0",
    },
    consumer: {
      // Changed in 3.0.
      "partition.assignment.strategy":
        "org.apache.kafka.clients.consumer.RangeAssignor",
      // Changed in 2.0.
      "request.timeout.ms": "305000",
      // Changed in 3.0.
      "session.timeout.ms": "10000",
    },
  },
};
