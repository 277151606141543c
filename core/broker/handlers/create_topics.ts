// CreateTopics (key 19): makes topics, with a number of partitions or with an
// assignment.
//
//   assignments   numPartitions, replicationFactor
//   none          at least 1, or -1 for the broker's default
//   given         -1 both: the assignment says it all
//
// Topics stand for themselves: one that is refused does not stop the others.
//
// Source: Kafka protocol guide; KIP-464 (defaults), KIP-525 (configuration in
// the answer); observed: refusals and their order in Apache Kafka 3.9.1.

import { describeTopicConfig } from "../../config/describe.ts";
import type { CreateTopicOptions } from "../../controller/cluster.ts";
import { checkNewTopicName } from "../../controller/topic_checks.ts";
import { collidingNames } from "../../controller/topic_name.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type CreateTopicsRequest,
  createTopicsRequest,
  createTopicsResponse,
} from "../../wire/kafka/messages/create_topics.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { checkTopicConfig, repeated } from "../config_changes.ts";
import { type Failure, type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type TopicRequest = CreateTopicsRequest["topics"][number];
type TopicResponse = InferInput<typeof createTopicsResponse>["topics"][number];

const DEFAULT = -1;
/** Of one topic. A million would keep brokers busy for minutes. */
export const PARTITION_COUNT_MAX = 10_000;
/** From here on the answer says what was made. */
const DETAILS_SINCE = 5;

export const createTopics = serve(createTopicsRequest, createTopicsResponse, {
  handle: async (request, context) => {
    const twice = repeated(request.topics.map(({ name }) => name));
    // Names that this request takes, so that two of them cannot collide.
    const taken = new Set<string>();
    const topics = await Promise.all(
      request.topics.map((topic) =>
        twice.has(topic.name)
          ? refused(topic, {
            errorCode: ErrorCode.INVALID_REQUEST,
            errorMessage: "Each topic may be named once only.",
          })
          : createOne(topic, { request, context, taken })
      ),
    );
    return { topics };
  },
  failure: (failure, request) =>
    request === null
      ? null
      : { topics: request.topics.map((topic) => refused(topic, failure)) },
});

interface Call {
  readonly request: CreateTopicsRequest;
  readonly context: RequestContext;
  readonly taken: Set<string>;
}

function refused({ name }: TopicRequest, failure: Failure): TopicResponse {
  return { name, ...failure, configs: [] };
}

async function createOne(
  topic: TopicRequest,
  { request, context, taken }: Call,
): Promise<TopicResponse> {
  const { broker, apiVersion } = context;
  try {
    checkName(topic.name, context, taken);
    const config = configOf(topic);
    const created = await broker.cluster.createTopic({
      ...shapeOf(topic, context),
      name: topic.name,
      config,
      validateOnly: request.validateOnly,
      timeoutMs: Math.max(0, request.timeoutMs),
    });
    const { name, topicId } = created;
    const answer = { name, topicId, errorCode: ErrorCode.NONE };
    if (apiVersion < DETAILS_SINCE) return { ...answer, errorMessage: null };
    return {
      ...answer,
      errorMessage: null,
      numPartitions: created.partitionCount,
      replicationFactor: created.replicationFactor,
      configs: describeTopicConfig(config, broker.configLayers).map((
        entry,
      ) => ({
        name: entry.name,
        value: entry.value,
        readOnly: entry.readOnly,
        configSource: entry.source,
        isSensitive: entry.isSensitive,
      })),
    };
  } catch (error) {
    return refused(
      topic,
      refusalOf(error, broker, `create the topic "${topic.name}"`),
    );
  }
}

/**
 * What is wrong with the name comes before all else, as in Kafka.
 *
 * @throws {KafkaError} INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS.
 */
function checkName(
  name: string,
  { broker }: RequestContext,
  taken: Set<string>,
): void {
  checkNewTopicName(name, broker.cluster.image);
  const collisions = collidingNames(name, taken);
  if (collisions.length > 0) {
    throw new KafkaError(
      "INVALID_TOPIC_EXCEPTION",
      `Topic '${name}' collides with existing topic: ${collisions.join(", ")}`,
    );
  }
  taken.add(name);
}

/** @throws {KafkaError} INVALID_CONFIG. */
function configOf({ configs }: TopicRequest): Map<string, string> {
  const config = new Map<string, string>();
  for (const { name, value } of configs) {
    if (value === null) {
      throw new KafkaError(
        "INVALID_CONFIG",
        `Null value not supported for topic configs: ${name}`,
      );
    }
    config.set(name, value);
  }
  checkTopicConfig(config);
  return config;
}

type Shape = Pick<
  CreateTopicOptions,
  "partitionCount" | "replicationFactor" | "assignments"
>;

/**
 * How many partitions and replicas, or which.
 *
 * @throws {KafkaError} INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR,
 * INVALID_REPLICA_ASSIGNMENT, INVALID_REQUEST.
 */
function shapeOf(topic: TopicRequest, { broker }: RequestContext): Shape {
  if (topic.assignments.length > 0) return { assignments: assigned(topic) };
  const { config } = broker;
  const partitionCount = topic.numPartitions === DEFAULT
    ? config["num.partitions"]
    : topic.numPartitions;
  if (partitionCount < 1 || partitionCount > PARTITION_COUNT_MAX) {
    throw new KafkaError(
      "INVALID_PARTITIONS",
      `Number of partitions must be from 1 to ${PARTITION_COUNT_MAX}, or -1 ` +
        `for the default (${config["num.partitions"]}), not ${partitionCount}.`,
    );
  }
  const replicationFactor = topic.replicationFactor === DEFAULT
    ? config["default.replication.factor"]
    : topic.replicationFactor;
  const brokerCount = broker.cluster.image.brokers.size;
  if (replicationFactor < 1) {
    throw new KafkaError(
      "INVALID_REPLICATION_FACTOR",
      `Replication factor must be from 1 to ${brokerCount}, or -1 for the ` +
        `default (${
          config["default.replication.factor"]
        }), not ${replicationFactor}.`,
    );
  }
  return { partitionCount, replicationFactor };
}

function assigned(topic: TopicRequest): Map<number, readonly number[]> {
  if (topic.numPartitions !== DEFAULT || topic.replicationFactor !== DEFAULT) {
    throw new KafkaError(
      "INVALID_REQUEST",
      "A topic has either an assignment or a number of partitions and " +
        "replicas: with an assignment both numbers have to be -1.",
    );
  }
  const assignments = new Map<number, readonly number[]>();
  for (const { partitionIndex, brokerIds } of topic.assignments) {
    if (assignments.has(partitionIndex)) {
      throw new KafkaError(
        "INVALID_REPLICA_ASSIGNMENT",
        `Partition ${partitionIndex} is assigned more than once.`,
      );
    }
    assignments.set(partitionIndex, brokerIds);
  }
  if (assignments.size > PARTITION_COUNT_MAX) {
    throw new KafkaError(
      "INVALID_PARTITIONS",
      `At most ${PARTITION_COUNT_MAX} partitions can be assigned, not ${assignments.size}.`,
    );
  }
  return assignments;
}
