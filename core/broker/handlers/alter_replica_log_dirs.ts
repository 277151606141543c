// AlterReplicaLogDirs (key 34): moves partitions between this broker's log
// directories. The answer says that a move has begun; DescribeLogDirs, how far it
// is. Of a partition that is not here yet, the directory is remembered.
//
// Source: Kafka protocol guide; KIP-113.

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type AlterReplicaLogDirsRequest,
  alterReplicaLogDirsRequest,
  alterReplicaLogDirsResponse,
} from "../../wire/kafka/messages/alter_replica_log_dirs.ts";
import type { Broker } from "../broker.ts";
import { serve } from "../context.ts";
import { failureOf, refusalOf } from "../failure.ts";

interface Wanted {
  readonly topic: string;
  readonly partition: number;
  readonly path: string;
}

export const alterReplicaLogDirs = serve(
  alterReplicaLogDirsRequest,
  alterReplicaLogDirsResponse,
  {
    handle: (request, { broker }) =>
      answer(request, (wanted) => codeOf(broker, wanted)),
    failure: ({ errorCode }, request) =>
      request === null ? null : answer(request, () => errorCode),
  },
);

/** Topics come once each, however many directories name them. */
function answer(
  { dirs }: AlterReplicaLogDirsRequest,
  codeOf: (wanted: Wanted) => number,
) {
  const topics = new Map<
    string,
    { partitionIndex: number; errorCode: number }[]
  >();
  for (const { path, topics: named } of dirs) {
    for (const { name: topic, partitions } of named) {
      const results = topics.get(topic) ?? [];
      topics.set(topic, results);
      for (const partition of partitions) {
        const errorCode = codeOf({ topic, partition, path });
        results.push({ partitionIndex: partition, errorCode });
      }
    }
  }
  return {
    throttleTimeMs: 0,
    results: Array.from(topics, ([topicName, partitions]) => ({
      topicName,
      partitions,
    })),
  };
}

function codeOf(broker: Broker, wanted: Wanted): number {
  const { topic, partition } = wanted;
  try {
    move(broker, wanted);
    return ErrorCode.NONE;
  } catch (error) {
    const { errorCode } = error instanceof KafkaError
      ? failureOf(error)
      : refusalOf(error, broker, `move ${topic}-${partition}`);
    return errorCode;
  }
}

/** @throws {KafkaError} LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR, REPLICA_NOT_AVAILABLE, UNKNOWN_TOPIC_OR_PARTITION. */
function move(broker: Broker, { topic, partition, path }: Wanted): void {
  const { logDirs, partitions } = broker;
  logDirs.moves.move({ topic, partition }, path);
  if (logDirs.isOffline(topic, partition)) {
    throw new KafkaError("KAFKA_STORAGE_ERROR");
  }
  if (logDirs.log(topic, partition) !== undefined) return;
  throw partitions.find(topic, partition) === undefined
    ? new KafkaError("UNKNOWN_TOPIC_OR_PARTITION")
    : new KafkaError("REPLICA_NOT_AVAILABLE");
}
