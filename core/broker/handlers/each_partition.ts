// What requests that name topics and partition indexes have in common: an answer
// for each partition, about the log that this broker leads.

import { topicNameProblem } from "../../controller/topic_name.ts";
import type { PartitionLog } from "../../log/partition_log.ts";
import { KafkaError } from "../../wire/kafka/errors.ts";
import type { RequestContext } from "../context.ts";

interface NamedPartitions {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

/** The answer that holds one for each partition, in the order of the request. */
export function eachPartition<P>(
  topics: readonly NamedPartitions[],
  answer: (topic: string, partitionIndex: number) => P,
) {
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((index) => answer(name, index)),
    })),
  };
}

/**
 * The log of a partition that this broker leads.
 *
 * @throws {KafkaError} INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION,
 * NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
 */
export function ledLog(
  topic: string,
  partitionIndex: number,
  { broker }: RequestContext,
): PartitionLog {
  const problem = topicNameProblem(topic);
  if (problem !== null) {
    throw new KafkaError("INVALID_TOPIC_EXCEPTION", problem);
  }
  return broker.partitions.get(topic, partitionIndex).leaderLog(-1);
}
