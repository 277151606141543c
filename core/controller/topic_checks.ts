// Whether what a client asks for can be done, and with which replicas: pure, so
// that validate-only and the real thing cannot differ. Refusals have Kafka's
// codes and wording.

import { KafkaError } from "../wire/kafka/errors.ts";
import {
  type AssignmentStart,
  assignReplicas,
  type Candidate,
} from "./assignment.ts";
import type { CreatePartitionsOptions, CreateTopicOptions } from "./cluster.ts";
import type { ClusterImage, TopicImage } from "./cluster_image.ts";
import { collidingNames, topicNameProblem } from "./topic_name.ts";

/** Replicas by partition. */
export type Assignments = readonly (readonly number[])[];

/** @throws {KafkaError} INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS. */
export function checkNewTopicName(name: string, image: ClusterImage): void {
  const problem = topicNameProblem(name);
  if (problem !== null) {
    throw new KafkaError("INVALID_TOPIC_EXCEPTION", problem);
  }
  if (image.topics.has(name)) {
    throw new KafkaError(
      "TOPIC_ALREADY_EXISTS",
      `Topic '${name}' already exists.`,
    );
  }
  const colliding = collidingNames(name, image.topics.keys());
  if (colliding.length > 0) {
    throw new KafkaError(
      "INVALID_TOPIC_EXCEPTION",
      `Topic '${name}' collides with existing topics: ${colliding.join(", ")}`,
    );
  }
}

/**
 * The replicas of a new topic.
 *
 * @throws {KafkaError} INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_REPLICA_ASSIGNMENT.
 */
export function assignNewTopic(
  options: CreateTopicOptions,
  image: ClusterImage,
  start: AssignmentStart,
): Assignments {
  const { assignments } = options;
  if (assignments !== undefined && assignments.size > 0) {
    return checkAssignments(assignments, image);
  }
  const partitionCount = options.partitionCount ?? 0;
  const replicationFactor = options.replicationFactor ?? 0;
  if (partitionCount <= 0) {
    throw new KafkaError(
      "INVALID_PARTITIONS",
      "Number of partitions must be larger than 0.",
    );
  }
  const brokers = candidatesOf(image);
  checkReplicationFactor(replicationFactor, brokers.length);
  return assignReplicas(brokers, { partitionCount, replicationFactor }, start);
}

function checkReplicationFactor(wanted: number, brokerCount: number): void {
  if (wanted <= 0) {
    throw new KafkaError(
      "INVALID_REPLICATION_FACTOR",
      "Replication factor must be larger than 0.",
    );
  }
  if (wanted > brokerCount) {
    throw new KafkaError(
      "INVALID_REPLICATION_FACTOR",
      `Replication factor: ${wanted} larger than available brokers: ${brokerCount}.`,
    );
  }
}

function checkAssignments(
  assignments: ReadonlyMap<number, readonly number[]>,
  image: ClusterImage,
): Assignments {
  const indexes = [...assignments.keys()].sort((a, b) => a - b);
  if (indexes.some((index, place) => index !== place)) {
    throw new KafkaError(
      "INVALID_REPLICA_ASSIGNMENT",
      "Partitions should be a consecutive 0-based integer sequence",
    );
  }
  const rows = indexes.map((index) => assignments.get(index) ?? []);
  if (new Set(rows.map((row) => row.length)).size > 1) {
    throw new KafkaError(
      "INVALID_REPLICA_ASSIGNMENT",
      "All partitions should have the same number of replicas",
    );
  }
  checkReplicas(rows, image);
  return rows;
}

function checkReplicas(rows: Assignments, image: ClusterImage): void {
  for (const row of rows) {
    if (row.length === 0) {
      throw new KafkaError(
        "INVALID_REPLICA_ASSIGNMENT",
        "Cannot have replication factor of 0: a partition has no replicas.",
      );
    }
    if (new Set(row).size < row.length) {
      throw new KafkaError(
        "INVALID_REPLICA_ASSIGNMENT",
        `Duplicate brokers not allowed in replica assignment: ${
          row.join(", ")
        }.`,
      );
    }
  }
  const unknown = new Set(rows.flat().filter((id) => !image.brokers.has(id)));
  if (unknown.size > 0) {
    throw new KafkaError(
      "INVALID_REPLICA_ASSIGNMENT",
      `Unknown broker(s) in replica assignment: ${[...unknown].join(", ")}.`,
    );
  }
}

/**
 * The replicas of partitions that are added to a topic.
 *
 * @throws {KafkaError} INVALID_PARTITIONS, INVALID_REPLICA_ASSIGNMENT,
 * INVALID_REPLICATION_FACTOR, REASSIGNMENT_IN_PROGRESS.
 */
export function assignAddedPartitions(
  topic: TopicImage,
  options: CreatePartitionsOptions,
  image: ClusterImage,
): Assignments {
  const present = topic.partitions.length;
  const added = options.totalCount - present;
  if (added < 0) {
    throw new KafkaError(
      "INVALID_PARTITIONS",
      `Topic currently has ${present} partitions, which is higher than the requested ${options.totalCount}.`,
    );
  }
  if (added === 0) {
    throw new KafkaError(
      "INVALID_PARTITIONS",
      `Topic already has ${present} partitions.`,
    );
  }
  if (topic.partitions.some(isBeingReassigned)) {
    throw new KafkaError(
      "REASSIGNMENT_IN_PROGRESS",
      `A partition reassignment is in progress for the topic '${topic.name}'.`,
    );
  }
  const first = topic.partitions[0].replicas;
  if (options.assignments) {
    return checkAdded(options.assignments, { added, first, present }, image);
  }
  const brokers = candidatesOf(image);
  checkReplicationFactor(first.length, brokers.length);
  // Goes on where the topic's first partition was put.
  const at = brokers.findIndex((each) => each.id >= first[0]);
  const place = Math.max(0, at);
  const start = { brokerIndex: place, shift: place, partitionIndex: present };
  const wanted = { partitionCount: added, replicationFactor: first.length };
  return assignReplicas(brokers, wanted, start);
}

function isBeingReassigned(
  partition: TopicImage["partitions"][number],
): boolean {
  return partition.addingReplicas.length + partition.removingReplicas.length >
    0;
}

function checkAdded(
  rows: Assignments,
  { added, first, present }: {
    added: number;
    first: readonly number[];
    present: number;
  },
  image: ClusterImage,
): Assignments {
  if (rows.length !== added) {
    throw new KafkaError(
      "INVALID_REPLICA_ASSIGNMENT",
      `Increasing the number of partitions by ${added} but ${rows.length} assignments provided.`,
    );
  }
  checkReplicas(rows, image);
  const odd = rows.findIndex((row) => row.length !== first.length);
  if (odd >= 0) {
    throw new KafkaError(
      "INVALID_REPLICA_ASSIGNMENT",
      "Inconsistent replication factor between partitions, partition 0 has " +
        `${first.length} while partitions [${
          present + odd
        }] have replication ` +
        `factors [${rows[odd].length}], respectively.`,
    );
  }
  return rows;
}

function candidatesOf(image: ClusterImage): Candidate[] {
  return [...image.brokers.values()].map(({ id, rack }) => ({ id, rack }))
    .sort((a, b) => a.id - b.id);
}
