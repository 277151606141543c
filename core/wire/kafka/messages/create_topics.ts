// CreateTopics (key 19): how topics are created, with a number of partitions
// or with an assignment.
//
// v1 adds `validateOnly` and `errorMessage`; v2 adds `throttleTimeMs`; v5 adds
// `topicConfigErrorCode`, `numPartitions`, `replicationFactor` and `configs`
// and is the first flexible version; v7 adds `topicId`. Kafka 4 no longer has
// v0 to v1.

import { type Infer, message } from "../schema.ts";

export const createTopicsRequest = message({
  key: 19,
  name: "CreateTopicsRequest",
  versions: [0, 7],
  flexibleSince: 5,
  fields: {
    topics: {
      array: {
        name: "string",
        /** -1 with an assignment, or for the broker's default. */
        numPartitions: "int32",
        /** -1 with an assignment, or for the broker's default. */
        replicationFactor: "int16",
        assignments: {
          array: {
            partitionIndex: "int32",
            brokerIds: { array: "int32" },
          },
        },
        configs: {
          array: {
            name: "string",
            value: { type: "string", nullableSince: 0 },
          },
        },
      },
    },
    timeoutMs: { type: "int32", default: 60000 },
    validateOnly: { type: "bool", since: 1, default: false },
  },
});

/**
 * Errors: `TOPIC_ALREADY_EXISTS`, `INVALID_TOPIC_EXCEPTION`,
 * `INVALID_PARTITIONS`, `INVALID_REPLICATION_FACTOR`,
 * `INVALID_REPLICA_ASSIGNMENT`, `INVALID_CONFIG`.
 */
export const createTopicsResponse = message({
  key: 19,
  name: "CreateTopicsResponse",
  versions: [0, 7],
  flexibleSince: 5,
  fields: {
    throttleTimeMs: { type: "int32", since: 2, ignorable: true },
    topics: {
      array: {
        name: "string",
        topicId: { type: "uuid", since: 7, ignorable: true },
        errorCode: "int16",
        errorMessage: {
          type: "string",
          since: 1,
          nullableSince: 0,
          ignorable: true,
        },
        /** Why `configs` is not given. */
        topicConfigErrorCode: {
          type: "int16",
          tag: 0,
          since: 5,
          ignorable: true,
        },
        numPartitions: {
          type: "int32",
          since: 5,
          default: -1,
          ignorable: true,
        },
        replicationFactor: {
          type: "int16",
          since: 5,
          default: -1,
          ignorable: true,
        },
        configs: {
          since: 5,
          nullableSince: 5,
          ignorable: true,
          array: {
            name: "string",
            value: { type: "string", nullableSince: 5 },
            readOnly: "bool",
            configSource: { type: "int8", default: -1 },
            isSensitive: "bool",
          },
        },
      },
    },
  },
});

export type CreateTopicsRequest = Infer<typeof createTopicsRequest>;
export type CreateTopicsResponse = Infer<typeof createTopicsResponse>;
