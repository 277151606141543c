// What an admin client does with topics: create, delete, enlarge, describe.
//
// Source: Kafka protocol guide, "CreateTopics", "DeleteTopics",
// "CreatePartitions", "DescribeTopicPartitions", "Metadata".

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  createPartitionsRequest,
  createPartitionsResponse,
} from "../wire/kafka/messages/create_partitions.ts";
import {
  createTopicsRequest,
  createTopicsResponse,
} from "../wire/kafka/messages/create_topics.ts";
import {
  deleteTopicsRequest,
  deleteTopicsResponse,
} from "../wire/kafka/messages/delete_topics.ts";
import type {
  CreatedTopic,
  ItemResult,
  NewPartitions,
  NewTopic,
} from "./admin_types.ts";
import { errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import { NO_TOPIC_ID } from "./metadata.ts";

const CREATE_TOPICS = exchange(createTopicsRequest, createTopicsResponse);
const DELETE_TOPICS = exchange(deleteTopicsRequest, deleteTopicsResponse);
const CREATE_PARTITIONS = exchange(
  createPartitionsRequest,
  createPartitionsResponse,
);

/** How long a change may take, and whether it is only tried. */
export interface ChangeOptions {
  readonly deadlineMs: number;
  /** Checks everything and changes nothing. */
  readonly validateOnly?: boolean;
}

/** The part of the time that the broker may use for itself. */
function brokerTimeoutMs(cluster: Cluster, deadlineMs: number): number {
  const leftMs = deadlineMs - cluster.host.clock.monotonicMs();
  return Math.max(
    Math.floor(Math.min(leftMs, cluster.settings.requestTimeoutMs)),
    1,
  );
}

export async function createTopics(
  cluster: Cluster,
  topics: readonly NewTopic[],
  options: ChangeOptions,
): Promise<CreatedTopic[]> {
  const { deadlineMs, validateOnly = false } = options;
  const answer = await cluster.callController(CREATE_TOPICS, {
    topics: topics.map(createTopicRequest),
    timeoutMs: brokerTimeoutMs(cluster, deadlineMs),
    validateOnly,
  }, {
    deadlineMs,
    errorCodes: (response) => response.topics.map((topic) => topic.errorCode),
  });
  const byName = new Map(answer.topics.map((topic) => [topic.name, topic]));
  return topics.map(({ name }): CreatedTopic => {
    const topic = byName.get(name);
    if (topic === undefined) return { ...NOTHING_CREATED, ...missing(name) };
    return {
      name,
      error: errorOfCode(topic.errorCode, topic.errorMessage),
      topicId: topic.topicId,
      partitionCount: topic.numPartitions,
      replicationFactor: topic.replicationFactor,
      configs: topic.configs?.map(({ name, value }) => ({ name, value })) ??
        null,
    };
  });
}

const NOTHING_CREATED = {
  topicId: NO_TOPIC_ID,
  partitionCount: -1,
  replicationFactor: -1,
  configs: null,
};

function createTopicRequest(topic: NewTopic) {
  const assignments = topic.assignments ?? [];
  const isAssigned = assignments.length > 0;
  return {
    name: topic.name,
    numPartitions: isAssigned ? -1 : topic.partitionCount ?? -1,
    replicationFactor: isAssigned ? -1 : topic.replicationFactor ?? -1,
    assignments: assignments.map((brokerIds, partitionIndex) => ({
      partitionIndex,
      brokerIds,
    })),
    configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({
      name,
      value,
    })),
  };
}

export async function deleteTopics(
  cluster: Cluster,
  names: readonly string[],
  options: { readonly deadlineMs: number },
): Promise<ItemResult[]> {
  const timeoutMs = brokerTimeoutMs(cluster, options.deadlineMs);
  const answer = await cluster.callController(
    DELETE_TOPICS,
    (version) =>
      version >= 6
        ? {
          topics: names.map((name) => ({ name, topicId: NO_TOPIC_ID })),
          timeoutMs,
        }
        : { topicNames: names, timeoutMs },
    {
      deadlineMs: options.deadlineMs,
      errorCodes: (response) =>
        response.responses.map((topic) => topic.errorCode),
    },
  );
  return itemResults(
    names,
    answer.responses.map((topic) => ({ ...topic, name: topic.name ?? "" })),
  );
}

export async function createPartitions(
  cluster: Cluster,
  topics: readonly NewPartitions[],
  options: ChangeOptions,
): Promise<ItemResult[]> {
  const { deadlineMs, validateOnly = false } = options;
  const answer = await cluster.callController(CREATE_PARTITIONS, {
    topics: topics.map(({ name, partitionCount, assignments }) => ({
      name,
      count: partitionCount,
      assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null,
    })),
    timeoutMs: brokerTimeoutMs(cluster, deadlineMs),
    validateOnly,
  }, {
    deadlineMs,
    errorCodes: (response) => response.results.map((topic) => topic.errorCode),
  });
  return itemResults(topics.map((topic) => topic.name), answer.results);
}

function itemResults(
  names: readonly string[],
  answers: readonly {
    readonly name: string;
    readonly errorCode: number;
    readonly errorMessage: string | null;
  }[],
): ItemResult[] {
  const byName = new Map(answers.map((answer) => [answer.name, answer]));
  return names.map((name) => {
    const answer = byName.get(name);
    return answer === undefined
      ? missing(name)
      : { name, error: errorOfCode(answer.errorCode, answer.errorMessage) };
  });
}

function missing(name: string): ItemResult {
  return {
    name,
    error: new KafkaError(
      "UNKNOWN_SERVER_ERROR",
      `The broker left ${name} out of its answer`,
    ),
  };
}
