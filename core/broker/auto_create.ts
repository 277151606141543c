// Creates topics that a client asked for and that are not there.
//
// Nobody waits for it: the client is told that the topic has no leader yet, and
// asks again.

import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import type { Broker } from "./broker.ts";
import { describe } from "./failure.ts";
import { isInternalTopic } from "./internal_topics.ts";

/** Names that are being created now; a client asks many times meanwhile. */
const creating = new WeakMap<Broker, Set<string>>();

/** Why a name cannot be a topic's; `null` where it can. Source: Kafka's limits on names. */
export function topicNameFault(name: string): string | null {
  if (name === "") {
    return "Topic name is invalid: the empty string is not allowed";
  }
  if (name === "." || name === "..") {
    return `Topic name is invalid: '${name}' is not allowed`;
  }
  if (name.length > 249) {
    return `Topic name is invalid: its length is ${name.length}, longer than the allowed 249`;
  }
  return /^[a-zA-Z0-9._-]+$/.test(name)
    ? null
    : `Topic name is invalid: '${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
}

/**
 * Starts to create a topic that is missing, where that is allowed.
 *
 * @returns The error code that the client gets for the topic now.
 */
export function autoCreate(
  broker: Broker,
  name: string,
  mayCreate: boolean,
): number {
  if (topicNameFault(name) !== null) return ErrorCode.INVALID_TOPIC_EXCEPTION;
  const { config } = broker;
  if (
    !mayCreate || !config["auto.create.topics.enable"] || isInternalTopic(name)
  ) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  const replicationFactor = config["default.replication.factor"];
  if (broker.cluster.image.brokers.size < replicationFactor) {
    return ErrorCode.INVALID_REPLICATION_FACTOR;
  }
  let names = creating.get(broker);
  if (names === undefined) creating.set(broker, names = new Set());
  if (!names.has(name)) {
    names.add(name);
    create(broker, name, replicationFactor).finally(() => names.delete(name));
  }
  return ErrorCode.LEADER_NOT_AVAILABLE;
}

async function create(
  broker: Broker,
  name: string,
  replicationFactor: number,
): Promise<void> {
  try {
    await broker.cluster.createTopic({
      name,
      partitionCount: broker.config["num.partitions"],
      replicationFactor,
    });
  } catch (error) {
    const isRace = error instanceof KafkaError &&
      error.errorName === "TOPIC_ALREADY_EXISTS";
    if (isRace) return;
    const reason = error instanceof KafkaError
      ? error.message
      : describe(error);
    broker.trace(`Cannot create the topic "${name}" on demand: ${reason}`);
  }
}
