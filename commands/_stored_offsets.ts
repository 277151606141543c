// Where a consumer group stands in partitions.
//
// Source: Kafka protocol guide, "FindCoordinator", "OffsetFetch".

import type { Admin } from "../core/client/admin.ts";
import type { TopicPartition } from "../core/client/metadata.ts";
import { exchange } from "../core/rpc/exchange.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../core/wire/kafka/messages/find_coordinator.ts";
import {
  offsetFetchRequest,
  offsetFetchResponse,
} from "../core/wire/kafka/messages/offset_fetch.ts";

const FIND_COORDINATOR = exchange(
  findCoordinatorRequest,
  findCoordinatorResponse,
);
const OFFSET_FETCH = exchange(offsetFetchRequest, offsetFetchResponse);

const GROUP_KEY_TYPE = 0;

/** From these versions on, one request asks for several groups. */
const KEYS_VERSION_MIN = 4;
const GROUPS_VERSION_MIN = 8;

/** What moves or loads for a moment, and is asked for again. */
const PASSING = [
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "NOT_COORDINATOR",
];
const ATTEMPT_COUNT_MAX = 5;

/**
 * The offsets that a group has committed.
 *
 * @returns One per partition, in their order; -1 where there is none.
 * @throws {KafkaError} Where the group has no coordinator, or refuses.
 */
export async function storedOffsets(
  admin: Admin,
  group: string,
  partitions: readonly TopicPartition[],
): Promise<number[]> {
  const deadlineMs = admin.cluster.deadline();
  for (let attempt = 1;; attempt++) {
    try {
      return await askOnce(admin, { group, partitions, deadlineMs });
    } catch (error) {
      const isPassing = error instanceof KafkaError &&
        PASSING.includes(error.errorName);
      if (!isPassing || attempt === ATTEMPT_COUNT_MAX) throw error;
      if (!await admin.cluster.pause(attempt, deadlineMs)) throw error;
    }
  }
}

interface Question {
  readonly group: string;
  readonly partitions: readonly TopicPartition[];
  readonly deadlineMs: number;
}

async function askOnce(
  admin: Admin,
  { group, partitions, deadlineMs }: Question,
): Promise<number[]> {
  const { cluster } = admin;
  await cluster.ensureNodes(deadlineMs);
  const nodeId = await coordinatorOf(admin, group, deadlineMs);
  const names = [...new Set(partitions.map(({ topic }) => topic))];
  const described = await admin.describeTopics(names);
  const idOf = new Map(described.map(({ name, topicId }) => [name, topicId]));
  const topics = names.map((name) => ({
    name,
    topicId: idOf.get(name)!,
    partitionIndexes: partitions.filter(({ topic }) => topic === name)
      .map(({ partition }) => partition),
  }));
  const connection = await cluster.connectionTo(nodeId, { deadlineMs });
  const asksByGroups =
    connection.versionOf(offsetFetchRequest) >= GROUPS_VERSION_MIN;
  const answer = await cluster.callNode(nodeId, OFFSET_FETCH, {
    groupId: asksByGroups ? "" : group,
    topics: asksByGroups ? [] : topics.map(({ name, partitionIndexes }) => ({
      name,
      partitionIndexes,
    })),
    groups: asksByGroups ? [{ groupId: group, topics }] : [],
  }, { deadlineMs });
  const [groupAnswer] = answer.groups;
  check(groupAnswer?.errorCode ?? answer.errorCode, group);
  const offsets = new Map<string, number>();
  for (const topic of groupAnswer?.topics ?? answer.topics) {
    const isNamed = "name" in topic && topic.name !== "";
    const name = isNamed
      ? topic.name
      : names.find((other) =>
        "topicId" in topic && idOf.get(other) === topic.topicId
      );
    for (
      const { partitionIndex, committedOffset, errorCode } of topic.partitions
    ) {
      check(errorCode, group);
      offsets.set(`${name}:${partitionIndex}`, committedOffset);
    }
  }
  return partitions.map(({ topic, partition }) =>
    offsets.get(`${topic}:${partition}`) ?? -1
  );
}

async function coordinatorOf(
  { cluster }: Admin,
  group: string,
  deadlineMs: number,
): Promise<number> {
  const [nodeId] = cluster.metadata.nodes.keys();
  const connection = await cluster.connectionTo(nodeId, { deadlineMs });
  const asksByKeys =
    connection.versionOf(findCoordinatorRequest) >= KEYS_VERSION_MIN;
  const answer = await cluster.callNode(nodeId, FIND_COORDINATOR, {
    key: asksByKeys ? "" : group,
    keyType: GROUP_KEY_TYPE,
    coordinatorKeys: asksByKeys ? [group] : [],
  }, { deadlineMs });
  const found = answer.coordinators[0] ?? answer;
  check(found.errorCode, group);
  return found.nodeId;
}

function check(errorCode: number, group: string): void {
  if (errorCode === 0) return;
  const error = KafkaError.ofCode(errorCode);
  throw new KafkaError(error.errorName, `Group ${group}: ${error.message}`);
}
