// What an admin client finds out about topics: their names, and their partitions.
//
// Source: Kafka protocol guide, "Metadata", "DescribeTopicPartitions" (KIP-966).

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
} from "../wire/kafka/messages/describe_topic_partitions.ts";
import type { metadataResponse } from "../wire/kafka/messages/metadata.ts";
import type { Infer } from "../wire/kafka/schema.ts";
import type {
  DescribedPartition,
  TopicDescription,
  TopicListing,
} from "./admin_types.ts";
import { errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import { NO_TOPIC_ID } from "./metadata.ts";

const DESCRIBE_TOPIC_PARTITIONS = exchange(
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
);

type MetadataTopic = Infer<typeof metadataResponse>["topics"][number];
type PartitionsAnswer = Infer<typeof describeTopicPartitionsResponse>;
type DescribedTopic = PartitionsAnswer["topics"][number];

/** What the brokers send where nobody asked for operations. */
const NO_OPERATIONS = -(2 ** 31);

export interface DescribeOptions {
  readonly deadlineMs: number;
  readonly includeAuthorizedOperations?: boolean;
}

export async function listTopics(
  cluster: Cluster,
  options: { readonly deadlineMs: number; readonly includeInternal: boolean },
): Promise<TopicListing[]> {
  const answer = await cluster.fetchMetadata(null, {
    deadlineMs: options.deadlineMs,
  });
  return answer.topics
    .filter((topic) => options.includeInternal || !topic.isInternal)
    .map((topic): TopicListing => ({
      name: topic.name ?? "",
      topicId: topic.topicId,
      isInternal: topic.isInternal,
      partitionCount: topic.partitions.length,
      replicationFactor: topic.partitions[0]?.replicaNodes.length ?? 0,
      error: errorOfCode(topic.errorCode),
    }))
    .sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** Asks by DescribeTopicPartitions, and brokers that lack it by Metadata. */
export async function describeTopics(
  cluster: Cluster,
  names: readonly string[],
  options: DescribeOptions,
): Promise<TopicDescription[]> {
  if (names.length === 0) return [];
  try {
    return await describeByPartitions(cluster, names, options);
  } catch (error) {
    if (
      !(error instanceof KafkaError) ||
      error.errorName !== "UNSUPPORTED_VERSION"
    ) throw error;
    return await describeByMetadata(cluster, names, options);
  }
}

async function describeByMetadata(
  cluster: Cluster,
  names: readonly string[],
  options: DescribeOptions,
): Promise<TopicDescription[]> {
  const answer = await cluster.fetchMetadata(names, options);
  const found = new Map(answer.topics.map((topic) => [topic.name, topic]));
  return names.map((name): TopicDescription => {
    const topic = found.get(name);
    if (topic === undefined || topic.errorCode !== 0) {
      return undescribed(name, topic?.errorCode ?? UNKNOWN_TOPIC_CODE);
    }
    return {
      name,
      error: null,
      topicId: topic.topicId,
      isInternal: topic.isInternal,
      partitions: topic.partitions
        .map((partition) => describedPartition(name, partition))
        .sort((a, b) => a.partition - b.partition),
      authorizedOperations: options.includeAuthorizedOperations
        ? operations(topic.topicAuthorizedOperations)
        : null,
    };
  });
}

/** The answer comes in pages; a topic may be cut between two. */
async function describeByPartitions(
  cluster: Cluster,
  names: readonly string[],
  options: DescribeOptions,
): Promise<TopicDescription[]> {
  const found = new Map<string, DescribedTopic>();
  const partitions = new Map<string, DescribedPartition[]>();
  // Brokers answer in the order of names, and continue by it.
  const topics = [...new Set(names)].sort().map((name) => ({ name }));
  let cursor: PartitionsAnswer["nextCursor"] = null;
  do {
    const answer: PartitionsAnswer = await cluster.callAny(
      DESCRIBE_TOPIC_PARTITIONS,
      { topics, cursor },
      options,
    );
    for (const topic of answer.topics) {
      const name = topic.name ?? "";
      const list = partitions.get(name) ?? [];
      partitions.set(name, list);
      list.push(...topic.partitions.map((p) => describedPartition(name, p)));
      found.set(name, topic);
    }
    cursor = answer.nextCursor;
  } while (cursor !== null);
  return names.map((name): TopicDescription => {
    const topic = found.get(name);
    if (topic === undefined || topic.errorCode !== 0) {
      return undescribed(name, topic?.errorCode ?? UNKNOWN_TOPIC_CODE);
    }
    return {
      name,
      error: null,
      topicId: topic.topicId,
      isInternal: topic.isInternal,
      partitions: partitions.get(name)!.sort((a, b) =>
        a.partition - b.partition
      ),
      authorizedOperations: options.includeAuthorizedOperations
        ? operations(topic.topicAuthorizedOperations)
        : null,
    };
  });
}

function describedPartition(
  topic: string,
  partition:
    | MetadataTopic["partitions"][number]
    | DescribedTopic["partitions"][number],
): DescribedPartition {
  return {
    topic,
    partition: partition.partitionIndex,
    leader: partition.leaderId,
    leaderEpoch: partition.leaderEpoch,
    replicas: partition.replicaNodes,
    isr: partition.isrNodes,
    offlineReplicas: partition.offlineReplicas,
    eligibleLeaderReplicas: "eligibleLeaderReplicas" in partition
      ? partition.eligibleLeaderReplicas
      : null,
    lastKnownEligibleLeaderReplicas: "lastKnownElr" in partition
      ? partition.lastKnownElr
      : null,
    error: errorOfCode(partition.errorCode),
  };
}

function undescribed(name: string, errorCode: number): TopicDescription {
  const error = errorCode === UNKNOWN_TOPIC_CODE
    ? new KafkaError(
      "UNKNOWN_TOPIC_OR_PARTITION",
      `Topic ${name} does not exist`,
    )
    : errorOfCode(errorCode);
  return {
    name,
    error,
    topicId: NO_TOPIC_ID,
    isInternal: false,
    partitions: [],
    authorizedOperations: null,
  };
}

const UNKNOWN_TOPIC_CODE = 3;

function operations(bits: number): number | null {
  return bits === NO_OPERATIONS ? null : bits;
}
