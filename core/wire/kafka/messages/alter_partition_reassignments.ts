// AlterPartitionReassignments (key 45): how partitions are moved to other
// brokers, or a move is called off.
//
// v1 adds `allowReplicationFactorChange`. v1 came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const alterPartitionReassignmentsRequest = message({
  key: 45,
  name: "AlterPartitionReassignmentsRequest",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    timeoutMs: { type: "int32", default: 60000 },
    allowReplicationFactorChange: { type: "bool", since: 1, default: true },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            /** Null calls off the move that is under way. */
            replicas: { array: "int32", nullableSince: 0, default: null },
          },
        },
      },
    },
  },
});

export const alterPartitionReassignmentsResponse = message({
  key: 45,
  name: "AlterPartitionReassignmentsResponse",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    allowReplicationFactorChange: {
      type: "bool",
      since: 1,
      default: true,
      ignorable: true,
    },
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0 },
    responses: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            errorMessage: { type: "string", nullableSince: 0 },
          },
        },
      },
    },
  },
});

export type AlterPartitionReassignmentsRequest = Infer<
  typeof alterPartitionReassignmentsRequest
>;
export type AlterPartitionReassignmentsResponse = Infer<
  typeof alterPartitionReassignmentsResponse
>;
