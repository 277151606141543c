// Requests that only a partition's leader answers: sorted by leader, sent, and
// asked again where the leader has moved.
//
// Source: Kafka protocol guide, "Metadata API".

import { KafkaError } from "../wire/kafka/errors.ts";
import { asError, errorOfCode, isNetworkFailure } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import { partitionKey, type TopicPartition } from "./metadata.ts";

/** What a leader said of one partition. */
export interface LeaderAnswer<T> extends TopicPartition {
  readonly errorCode: number;
  readonly errorMessage?: string | null;
  readonly value: T;
}

/** One partition's outcome: either `error` or `value` is `null`. */
export interface PartitionResult<T> extends TopicPartition {
  readonly error: Error | null;
  readonly value: T | null;
}

/** How the leaders of some partitions are asked. */
export interface LeaderCall<P extends TopicPartition, T> {
  readonly deadlineMs: number;
  /** Asks one leader about partitions of its own. */
  readonly ask: (
    nodeId: number,
    partitions: readonly P[],
  ) => Promise<readonly LeaderAnswer<T>[]>;
}

/** Missing topics may be new ones that this broker has not heard of yet. */
const UNKNOWN_TOPIC_ATTEMPTS = 4;

/**
 * Asks the leaders of partitions, following them where they move.
 *
 * @returns One result per partition, in the order asked.
 * @throws {ClusterUnreachableError} Where no broker tells who leads.
 */
export async function askLeaders<P extends TopicPartition, T>(
  cluster: Cluster,
  partitions: readonly P[],
  call: LeaderCall<P, T>,
): Promise<PartitionResult<T>[]> {
  const results = new Map<string, PartitionResult<T>>();
  let open = [...partitions];
  await refreshUnknown(cluster, open, call.deadlineMs);
  for (let attempt = 1;; attempt++) {
    const failures = await askOnce(cluster, open, call, results);
    open = open.filter((partition) => {
      const error = failures.get(partitionKey(partition));
      if (error === undefined) return false;
      const isFinal = !isWorthAsking(error) ||
        (isUnknownTopic(error) && attempt >= UNKNOWN_TOPIC_ATTEMPTS);
      if (isFinal) {
        results.set(partitionKey(partition), failed(partition, error));
      }
      return !isFinal;
    });
    if (open.length === 0) break;
    if (!await cluster.pause(attempt, call.deadlineMs)) {
      for (const partition of open) {
        const error = failures.get(partitionKey(partition))!;
        results.set(partitionKey(partition), failed(partition, error));
      }
      break;
    }
    const topics = [...new Set(open.map((partition) => partition.topic))];
    await cluster.fetchMetadata(topics, { deadlineMs: call.deadlineMs });
  }
  return partitions.map((partition) => results.get(partitionKey(partition))!);
}

/** One round over all leaders at once; failures by partition. */
async function askOnce<P extends TopicPartition, T>(
  cluster: Cluster,
  partitions: readonly P[],
  call: LeaderCall<P, T>,
  results: Map<string, PartitionResult<T>>,
): Promise<Map<string, Error>> {
  const failures = new Map<string, Error>();
  const byLeader = new Map<number, P[]>();
  for (const partition of partitions) {
    const leader = leaderOf(cluster, partition);
    if (leader instanceof Error) {
      failures.set(partitionKey(partition), leader);
      continue;
    }
    const list = byLeader.get(leader);
    if (list === undefined) byLeader.set(leader, [partition]);
    else list.push(partition);
  }
  await Promise.all([...byLeader].map(async ([nodeId, asked]) => {
    try {
      for (const answer of await call.ask(nodeId, asked)) {
        const { topic, partition, errorCode, errorMessage, value } = answer;
        const error = errorOfCode(errorCode, errorMessage);
        const key = partitionKey(answer);
        if (error !== null) failures.set(key, error);
        else results.set(key, { topic, partition, error: null, value });
      }
      for (const partition of asked) {
        const key = partitionKey(partition);
        if (results.has(key) || failures.has(key)) continue;
        failures.set(
          key,
          new KafkaError(
            "UNKNOWN_SERVER_ERROR",
            `Broker ${nodeId} left ${key} out of its answer`,
          ),
        );
      }
    } catch (error) {
      for (const partition of asked) {
        failures.set(partitionKey(partition), asError(error));
      }
    }
  }));
  return failures;
}

/** The id of a partition's leader, or why there is none. */
export function leaderOf(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
): number | KafkaError {
  const known = cluster.metadata.topics.get(topic);
  if (known === undefined) {
    return new KafkaError(
      "UNKNOWN_TOPIC_OR_PARTITION",
      `Topic ${topic} does not exist`,
    );
  }
  if (known.error !== null) {
    return known.error.errorName === "UNKNOWN_TOPIC_OR_PARTITION"
      ? new KafkaError(known.error.errorName, `Topic ${topic} does not exist`)
      : known.error;
  }
  const entry = known.partitions[partition];
  if (entry === undefined) {
    return new KafkaError(
      "UNKNOWN_TOPIC_OR_PARTITION",
      `Topic ${topic} has no partition ${partition}: it has ${known.partitions.length}`,
    );
  }
  if (entry.leader < 0 || !cluster.metadata.nodes.has(entry.leader)) {
    return new KafkaError(
      "LEADER_NOT_AVAILABLE",
      `Partition ${partition} of topic ${topic} has no leader at the moment`,
    );
  }
  return entry.leader;
}

/** The leader epoch to send with a request; -1 where none is known. */
export function leaderEpochOf(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
): number {
  return cluster.metadata.topics.get(topic)?.partitions[partition]
    ?.leaderEpoch ?? -1;
}

async function refreshUnknown(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  deadlineMs: number,
): Promise<void> {
  const unknown = partitions.filter((partition) =>
    leaderOf(cluster, partition) instanceof Error
  );
  if (unknown.length === 0) return;
  const topics = [...new Set(unknown.map((partition) => partition.topic))];
  await cluster.fetchMetadata(topics, { deadlineMs });
}

function failed<T>(
  { topic, partition }: TopicPartition,
  error: Error,
): PartitionResult<T> {
  return { topic, partition, error, value: null };
}

function isUnknownTopic(error: Error): boolean {
  return error instanceof KafkaError &&
    error.errorName === "UNKNOWN_TOPIC_OR_PARTITION";
}

function isWorthAsking(error: Error): boolean {
  if (error instanceof KafkaError) {
    return error.retriable || error.errorName === "BROKER_NOT_AVAILABLE" ||
      error.errorName === "FENCED_LEADER_EPOCH";
  }
  return isNetworkFailure(error);
}
