// DescribeTopicPartitions (key 75): what Metadata says of topics, in pages.
//
// Topics come in the order of their names. A page ends after so many
// partitions, perhaps within a topic; its cursor says where the next one starts.
//
// Source: Kafka protocol guide; KIP-966; observed: Apache Kafka 3.9.1 in KRaft.

import type {
  PartitionImage,
  TopicImage,
} from "../../controller/cluster_image.ts";
import {
  isInternalTopic,
  topicNameProblem,
} from "../../controller/topic_name.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type DescribeTopicPartitionsRequest,
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
} from "../../wire/kafka/messages/describe_topic_partitions.ts";
import { type InferInput, ZERO_UUID } from "../../wire/kafka/schema.ts";
import {
  OPERATIONS_NOT_ASKED,
  TOPIC_OPERATIONS,
} from "../authorized_operations.ts";
import type { Broker } from "../broker.ts";
import { brokersFor } from "../broker_endpoints.ts";
import { type RequestContext, serve } from "../context.ts";
import { offlineReplicas } from "../offline_replicas.ts";

type Response = InferInput<typeof describeTopicPartitionsResponse>;
type TopicResponse = Response["topics"][number];
type PartitionResponse = TopicResponse["partitions"][number];

export const describeTopicPartitions = serve(
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
  {
    handle: (request, context) => {
      const { cursor } = request;
      const names = wantedNames(request, context.broker);
      const limit = Math.max(
        1,
        Math.min(
          request.responsePartitionLimit,
          context.broker.config["max.request.partition.size.limit"],
        ),
      );
      const startIndex = cursor !== null && names[0] === cursor.topicName
        ? cursor.partitionIndex
        : 0;
      return {
        throttleTimeMs: 0,
        ...page(names, { startIndex, limit, context }),
      };
    },
    failure: ({ errorCode }, request) =>
      request === null ? null : {
        throttleTimeMs: 0,
        topics: request.topics.map(({ name }) => missing(name, errorCode)),
      },
  },
);

/**
 * The names from the cursor on, in order, each once.
 *
 * @throws {KafkaError} INVALID_REQUEST where the cursor points nowhere.
 */
function wantedNames(
  { topics, cursor }: DescribeTopicPartitionsRequest,
  broker: Broker,
): string[] {
  const isAll = topics.length === 0;
  const all = isAll
    ? [...broker.cluster.image.topics.keys()]
    : [...new Set(topics.map(({ name }) => name))];
  all.sort(byCodeUnits);
  if (cursor === null) return all;
  const { topicName, partitionIndex } = cursor;
  // A topic out of all may have been deleted since the page before.
  if (partitionIndex < 0 || (!isAll && !all.includes(topicName))) {
    throw new KafkaError(
      "INVALID_REQUEST",
      `The cursor points at partition ${partitionIndex} of "${topicName}", which was not asked for.`,
    );
  }
  return all.filter((name) => byCodeUnits(name, topicName) >= 0);
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface PageOptions {
  /** Of the first topic. */
  readonly startIndex: number;
  /** Of partitions. */
  readonly limit: number;
  readonly context: RequestContext;
}

function page(
  names: readonly string[],
  { startIndex, limit, context }: PageOptions,
): Pick<Response, "topics" | "nextCursor"> {
  const { broker, connection } = context;
  const reachable = new Set(
    brokersFor(broker, connection.listenerName).map(({ nodeId }) => nodeId),
  );
  const topics: TopicResponse[] = [];
  let left = limit;
  for (const [index, name] of names.entries()) {
    const topic = broker.cluster.image.topics.get(name);
    if (topic === undefined) {
      topics.push({
        ...missing(name, unknownCode(name)),
        topicAuthorizedOperations: TOPIC_OPERATIONS,
      });
      continue;
    }
    const start = index === 0 ? startIndex : 0;
    if (left === 0) {
      return { topics, nextCursor: { topicName: name, partitionIndex: start } };
    }
    const partitions = topic.partitions.slice(start, start + left);
    topics.push(show(topic, partitions, { broker, reachable }));
    left -= partitions.length;
    const end = start + partitions.length;
    if (end < topic.partitions.length) {
      return { topics, nextCursor: { topicName: name, partitionIndex: end } };
    }
  }
  return { topics, nextCursor: null };
}

function unknownCode(name: string): number {
  return topicNameProblem(name) === null
    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    : ErrorCode.INVALID_TOPIC_EXCEPTION;
}

function missing(name: string, errorCode: number): TopicResponse {
  return {
    errorCode,
    name,
    topicId: ZERO_UUID,
    isInternal: false,
    partitions: [],
    topicAuthorizedOperations: OPERATIONS_NOT_ASKED,
  };
}

interface View {
  readonly broker: Broker;
  /** Brokers that have the client's listener. */
  readonly reachable: ReadonlySet<number>;
}

function show(
  topic: TopicImage,
  partitions: readonly PartitionImage[],
  view: View,
): TopicResponse {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: isInternalTopic(topic.name),
    partitions: partitions.map((partition) =>
      showPartition(topic.name, partition, view)
    ),
    topicAuthorizedOperations: TOPIC_OPERATIONS,
  };
}

function showPartition(
  topic: string,
  partition: PartitionImage,
  { broker, reachable }: View,
): PartitionResponse {
  const { brokers } = broker.cluster.image;
  const { leader, replicas } = partition;
  let errorCode: number = ErrorCode.NONE;
  if (!brokers.has(leader)) errorCode = ErrorCode.LEADER_NOT_AVAILABLE;
  else if (!reachable.has(leader)) errorCode = ErrorCode.LISTENER_NOT_FOUND;
  return {
    errorCode,
    partitionIndex: partition.index,
    leaderId: errorCode === ErrorCode.NONE ? leader : -1,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: replicas,
    isrNodes: partition.isr,
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    offlineReplicas: offlineReplicas(broker, topic, partition),
  };
}
