// What a client knows of a cluster: its brokers, and the topics it was asked for.
//
// An older answer may arrive after a newer one, from a broker that lags. So a
// partition's leader is replaced only by one of the same or a later leader epoch,
// unless the topic was made anew.
//
// Source: Kafka protocol guide, "Metadata API"; KIP-320 (leader epochs).

import type { KafkaError } from "../wire/kafka/errors.ts";
import type { metadataResponse } from "../wire/kafka/messages/metadata.ts";
import type { Infer } from "../wire/kafka/schema.ts";
import { errorOfCode } from "./client_error.ts";

/** The id of topics of brokers that know no ids. */
export const NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA";

/** A partition by name. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A broker and where it listens. */
export interface ClusterNode {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

export interface PartitionMetadata extends TopicPartition {
  /** Broker id; -1 where there is no leader. */
  readonly leader: number;
  /** -1 where the broker does not tell. */
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly offlineReplicas: readonly number[];
  readonly error: KafkaError | null;
}

export interface TopicMetadata {
  readonly name: string;
  /** `NO_TOPIC_ID` where the broker knows none. */
  readonly topicId: string;
  readonly isInternal: boolean;
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionMetadata[];
  readonly error: KafkaError | null;
}

/** One state of the knowledge; a new one replaces it as a whole. */
export interface ClusterMetadata {
  readonly clusterId: string | null;
  /** -1 where it is not known. */
  readonly controllerId: number;
  readonly nodes: ReadonlyMap<number, ClusterNode>;
  readonly topics: ReadonlyMap<string, TopicMetadata>;
}

export const EMPTY_METADATA: ClusterMetadata = {
  clusterId: null,
  controllerId: -1,
  nodes: new Map(),
  topics: new Map(),
};

type MetadataResponse = Infer<typeof metadataResponse>;
type TopicResponse = MetadataResponse["topics"][number];

/** What an answer says, as it stands. */
export function decodeMetadata(response: MetadataResponse): ClusterMetadata {
  const topics = new Map<string, TopicMetadata>();
  for (const topic of response.topics) {
    if (topic.name !== null) topics.set(topic.name, topicMetadata(topic));
  }
  return {
    clusterId: response.clusterId,
    controllerId: response.controllerId,
    nodes: new Map(
      response.brokers.map(({ nodeId, host, port, rack }) => [
        nodeId,
        { id: nodeId, host, port, rack },
      ]),
    ),
    topics,
  };
}

/**
 * Takes an answer into what is known: brokers are replaced, topics that the
 * answer does not mention stay if `keep` says so.
 */
export function mergeMetadata(
  known: ClusterMetadata,
  answer: ClusterMetadata,
  keep: (topic: string) => boolean,
): ClusterMetadata {
  const topics = new Map<string, TopicMetadata>();
  for (const [name, topic] of known.topics) {
    if (keep(name)) topics.set(name, topic);
  }
  for (const [name, topic] of answer.topics) {
    topics.set(name, newerTopic(known.topics.get(name), topic));
  }
  return { ...answer, topics };
}

function newerTopic(
  known: TopicMetadata | undefined,
  answer: TopicMetadata,
): TopicMetadata {
  if (known === undefined || known.topicId !== answer.topicId) return answer;
  return {
    ...answer,
    partitions: answer.partitions.map((partition, index) => {
      const before = known.partitions[index];
      const isOlder = before !== undefined && partition.leaderEpoch >= 0 &&
        partition.leaderEpoch < before.leaderEpoch;
      return isOlder ? before : partition;
    }),
  };
}

function topicMetadata(topic: TopicResponse): TopicMetadata {
  const name = topic.name ?? "";
  const partitions = topic.partitions
    .map((partition): PartitionMetadata => ({
      topic: name,
      partition: partition.partitionIndex,
      leader: partition.leaderId,
      leaderEpoch: partition.leaderEpoch,
      replicas: partition.replicaNodes,
      isr: partition.isrNodes,
      offlineReplicas: partition.offlineReplicas,
      error: errorOfCode(partition.errorCode),
    }))
    .sort((a, b) => a.partition - b.partition);
  return {
    name,
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    partitions,
    error: errorOfCode(topic.errorCode),
  };
}

/** Sorts partitions under their topics, in the order of first mention. */
export function byTopic<P extends TopicPartition>(
  partitions: Iterable<P>,
): Map<string, P[]> {
  const topics = new Map<string, P[]>();
  for (const partition of partitions) {
    const list = topics.get(partition.topic);
    if (list === undefined) topics.set(partition.topic, [partition]);
    else list.push(partition);
  }
  return topics;
}

/** `topic-partition`, as Kafka writes it; unique, and readable in errors. */
export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
