// Metadata (key 3): which brokers there are, which topics, and who leads what.
//
//   topics of the request   v0      v1 and later
//   null                    –       all
//   empty                   all     none
//   names                   those   those
//   ids                     –       those (v12 and later)
//
// A name that is missing is created where the broker and the client allow it;
// the first answer is then LEADER_NOT_AVAILABLE, and the client asks again.
//
// Source: Kafka protocol guide; KIP-361 (auto-creation by the client's leave),
// KIP-430 (authorized operations), KIP-516 (topic ids).

import type {
  PartitionImage,
  TopicImage,
} from "../../controller/cluster_image.ts";
import { isInternalTopic } from "../../controller/topic_name.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type MetadataRequest,
  metadataRequest,
  metadataResponse,
} from "../../wire/kafka/messages/metadata.ts";
import { type InferInput, ZERO_UUID } from "../../wire/kafka/schema.ts";
import {
  CLUSTER_OPERATIONS,
  OPERATIONS_NOT_ASKED,
  TOPIC_OPERATIONS,
} from "../authorized_operations.ts";
import { brokersFor } from "../broker_endpoints.ts";
import { type RequestContext, serve } from "../context.ts";
import { offlineReplicas } from "../offline_replicas.ts";

type Response = InferInput<typeof metadataResponse>;
type TopicResponse = Response["topics"][number];
type PartitionResponse = TopicResponse["partitions"][number];
type TopicRequest = NonNullable<MetadataRequest["topics"]>[number];

const NULL_TOPICS_SINCE = 1;
const LISTENER_ERROR_SINCE = 6;
const TOPIC_OPERATIONS_SINCE = 8;
const CLUSTER_OPERATIONS_VERSIONS = [8, 9, 10];
const TOPIC_IDS_SINCE = 12;

export const metadata = serve(metadataRequest, metadataResponse, {
  // librdkafka 2.16 ends its Metadata v12 for all topics with three bytes more.
  allowsTrailingBytes: true,
  handle: (request, context) => {
    checkTopicIds(request, context.apiVersion);
    const { broker, connection, apiVersion } = context;
    const { image } = broker.cluster;
    const brokers = brokersFor(broker, connection.listenerName);
    const reachable = new Set(brokers.map(({ nodeId }) => nodeId));
    const view = { request, context, reachable };
    const topics = isAll(request, apiVersion)
      ? [...image.topics.values()].filter(isReady)
        .map((topic) => describe(topic, view))
      : wantedTopics(request).map((wanted) => answerOne(wanted, view));
    return {
      brokers,
      clusterId: image.clusterId,
      controllerId: reachable.has(image.controllerId) ? image.controllerId : -1,
      topics,
      ...(CLUSTER_OPERATIONS_VERSIONS.includes(apiVersion)
        ? {
          clusterAuthorizedOperations:
            request.includeClusterAuthorizedOperations
              ? CLUSTER_OPERATIONS
              : OPERATIONS_NOT_ASKED,
        }
        : {}),
    };
  },
  failure: ({ errorCode }, request) =>
    request === null ? null : ({
      brokers: [],
      topics: (request.topics ?? []).map(({ name, topicId }) => ({
        errorCode,
        name: name ?? "",
        topicId,
        partitions: [],
      })),
    }),
});

/** What the answer for each topic needs. */
interface View {
  readonly request: MetadataRequest;
  readonly context: RequestContext;
  /** Brokers that have the client's listener. */
  readonly reachable: ReadonlySet<number>;
}

/** @throws {KafkaError} INVALID_REQUEST where ids are used in a version that has them half only. */
function checkTopicIds(request: MetadataRequest, apiVersion: number): void {
  if (apiVersion >= TOPIC_IDS_SINCE) return;
  for (const { name, topicId } of request.topics ?? []) {
    if (name !== null && topicId === ZERO_UUID) continue;
    throw new KafkaError(
      "INVALID_REQUEST",
      `Metadata finds topics by id since version ${TOPIC_IDS_SINCE}`,
    );
  }
}

function isAll(request: MetadataRequest, apiVersion: number): boolean {
  return request.topics === null ||
    (apiVersion < NULL_TOPICS_SINCE && request.topics.length === 0);
}

/** Each once; where there are ids, names do not count. */
function wantedTopics({ topics }: MetadataRequest): TopicRequest[] {
  const byId = new Map<string, TopicRequest>();
  const byName = new Map<string | null, TopicRequest>();
  for (const topic of topics ?? []) {
    if (topic.topicId === ZERO_UUID) byName.set(topic.name, topic);
    else byId.set(topic.topicId, topic);
  }
  return [...(byId.size > 0 ? byId : byName).values()];
}

function answerOne(wanted: TopicRequest, view: View): TopicResponse {
  const { image } = view.context.broker.cluster;
  if (wanted.topicId !== ZERO_UUID) {
    const topic = image.topicsById.get(wanted.topicId);
    return topic === undefined || !isReady(topic)
      ? missing({ ...wanted, name: null }, ErrorCode.UNKNOWN_TOPIC_ID)
      : describe(topic, view);
  }
  const name = wanted.name ?? "";
  const topic = image.topics.get(name);
  if (topic !== undefined && isReady(topic)) return describe(topic, view);
  const mayCreate = view.request.allowAutoTopicCreation;
  if (topic !== undefined) {
    const errorCode = mayCreate
      ? ErrorCode.LEADER_NOT_AVAILABLE
      : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return { ...missing(wanted, errorCode), ...operations(view) };
  }
  const { autoCreation } = view.context.broker;
  return {
    ...missing(wanted, autoCreation.start(name, mayCreate)),
    ...operations(view),
  };
}

/**
 * A topic is made before its leaders are elected. Apache Kafka's brokers hear of
 * it with the leaders only, and there are clients that take a partition without a
 * leader for one on a broker without a name.
 */
function isReady(topic: TopicImage): boolean {
  return topic.partitions.some(hasHadLeader);
}

function hasHadLeader({ partitionEpoch }: PartitionImage): boolean {
  return partitionEpoch !== -1;
}

function missing(
  { name, topicId }: TopicRequest,
  errorCode: number,
): TopicResponse {
  return {
    errorCode,
    name,
    topicId,
    isInternal: isInternalTopic(name ?? ""),
    partitions: [],
  };
}

/** What a client may do with a topic that it named, be it there or not. */
function operations(
  { context, request }: View,
): Pick<TopicResponse, "topicAuthorizedOperations"> {
  if (context.apiVersion < TOPIC_OPERATIONS_SINCE) return {};
  return {
    topicAuthorizedOperations: request.includeTopicAuthorizedOperations
      ? TOPIC_OPERATIONS
      : OPERATIONS_NOT_ASKED,
  };
}

function describe(topic: TopicImage, view: View): TopicResponse {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.filter(hasHadLeader).map((partition) =>
      describePartition(topic.name, partition, view)
    ),
    ...operations(view),
  };
}

function describePartition(
  topic: string,
  partition: PartitionImage,
  { context, reachable }: View,
): PartitionResponse {
  const { brokers } = context.broker.cluster.image;
  const { leader, replicas } = partition;
  const isAlive = (id: number) => brokers.has(id);
  let errorCode: number = ErrorCode.NONE;
  if (leader < 0 || !isAlive(leader)) {
    errorCode = ErrorCode.LEADER_NOT_AVAILABLE;
  } else if (!reachable.has(leader)) {
    errorCode = context.apiVersion >= LISTENER_ERROR_SINCE
      ? ErrorCode.LISTENER_NOT_FOUND
      : ErrorCode.LEADER_NOT_AVAILABLE;
  }
  return {
    errorCode,
    partitionIndex: partition.index,
    leaderId: errorCode === ErrorCode.NONE ? leader : -1,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: replicas,
    isrNodes: partition.isr,
    offlineReplicas: offlineReplicas(context.broker, topic, partition),
  };
}
