// ListPartitionReassignments (key 46): which partitions are on the move.

import { type Infer, message } from "../schema.ts";

export const listPartitionReassignmentsRequest = message({
  key: 46,
  name: "ListPartitionReassignmentsRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    timeoutMs: { type: "int32", default: 60000 },
    topics: {
      nullableSince: 0,
      default: null,
      array: {
        name: "string",
        partitionIndexes: { array: "int32" },
      },
    },
  },
});

export const listPartitionReassignmentsResponse = message({
  key: 46,
  name: "ListPartitionReassignmentsResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0 },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            replicas: { array: "int32" },
            addingReplicas: { array: "int32" },
            removingReplicas: { array: "int32" },
          },
        },
      },
    },
  },
});

export type ListPartitionReassignmentsRequest = Infer<
  typeof listPartitionReassignmentsRequest
>;
export type ListPartitionReassignmentsResponse = Infer<
  typeof listPartitionReassignmentsResponse
>;
