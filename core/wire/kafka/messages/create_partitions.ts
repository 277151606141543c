// CreatePartitions (key 37): how partitions are added to topics.
//
// v2 is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const createPartitionsRequest = message({
  key: 37,
  name: "CreatePartitionsRequest",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    topics: {
      array: {
        name: "string",
        /** Of partitions in all, not of new ones. */
        count: "int32",
        /** One for each new partition; null leaves it to the broker. */
        assignments: {
          nullableSince: 0,
          array: {
            brokerIds: { array: "int32" },
          },
        },
      },
    },
    timeoutMs: "int32",
    validateOnly: "bool",
  },
});

/**
 * Errors: `INVALID_PARTITIONS`, `INVALID_REPLICA_ASSIGNMENT`,
 * `REASSIGNMENT_IN_PROGRESS`.
 */
export const createPartitionsResponse = message({
  key: 37,
  name: "CreatePartitionsResponse",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    throttleTimeMs: "int32",
    results: {
      array: {
        name: "string",
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0, default: null },
      },
    },
  },
});

export type CreatePartitionsRequest = Infer<typeof createPartitionsRequest>;
export type CreatePartitionsResponse = Infer<typeof createPartitionsResponse>;
