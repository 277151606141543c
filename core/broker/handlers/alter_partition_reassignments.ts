// AlterPartitionReassignments (key 45): moves partitions to other brokers, or
// calls a move off. A broker that has nobody to replicate to can only be asked
// for what is so already, or for what cannot be.
//
// Source: Kafka protocol guide; KIP-455; observed: refusals of Apache Kafka 3.9.1.

import { partitionOf } from "../../controller/cluster_image.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type AlterPartitionReassignmentsRequest,
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
} from "../../wire/kafka/messages/alter_partition_reassignments.ts";
import type { Broker } from "../broker.ts";
import { type Failure, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type PartitionRequest =
  AlterPartitionReassignmentsRequest["topics"][number]["partitions"][number];

export const alterPartitionReassignments = serve(
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
  {
    handle: ({ topics }, { broker }) => ({
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      responses: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((each) => ({
          partitionIndex: each.partitionIndex,
          ...moveOne(broker, name, each),
        })),
      })),
    }),
    failure: (failure) => ({ throttleTimeMs: 0, ...failure, responses: [] }),
  },
);

function moveOne(
  broker: Broker,
  topic: string,
  wanted: PartitionRequest,
): Failure | { errorCode: 0; errorMessage: null } {
  try {
    checkMove(broker, topic, wanted);
    return { errorCode: ErrorCode.NONE, errorMessage: null };
  } catch (error) {
    const action = `move ${topic}-${wanted.partitionIndex}`;
    return refusalOf(error, broker, action);
  }
}

/** Returns where the partition has these replicas, in this order. */
function checkMove(
  { cluster: { image } }: Broker,
  topic: string,
  { partitionIndex, replicas }: PartitionRequest,
): void {
  const partition = partitionOf(image, topic, partitionIndex);
  if (partition === null) {
    throw new KafkaError(
      "UNKNOWN_TOPIC_OR_PARTITION",
      "The partition does not exist.",
    );
  }
  if (replicas === null) {
    throw new KafkaError(
      "NO_REASSIGNMENT_IN_PROGRESS",
      "No partition reassignment is in progress.",
    );
  }
  checkReplicas(replicas, [...image.brokers.keys()]);
  if (String(replicas) === String(partition.replicas)) return;
  throw new KafkaError(
    "INVALID_REPLICA_ASSIGNMENT",
    `Partition ${topic}-${partitionIndex} cannot go from brokers ${partition.replicas} to ${replicas}: ` +
      "brokers of this release do not replicate.",
  );
}

function checkReplicas(
  replicas: readonly number[],
  brokers: readonly number[],
): void {
  const list = `Replica list: ${replicas.join(",")}`;
  const refuse = (text: string) => {
    throw new KafkaError("INVALID_REPLICA_ASSIGNMENT", text);
  };
  if (replicas.length === 0) {
    refuse("Empty replica list specified in partition reassignment.");
  }
  if (new Set(replicas).size < replicas.length) {
    refuse(`Duplicate replica ids in partition reassignment. ${list}`);
  }
  if (replicas.some((id) => id < 0)) {
    refuse(`Invalid broker id in replica list. ${list}`);
  }
  if (replicas.some((id) => !brokers.includes(id))) {
    refuse(
      `Replica assignment has brokers that are not alive. ${list}, live broker list: ${
        brokers.join(",")
      }`,
    );
  }
}
