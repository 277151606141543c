// Metadata (key 3): which brokers, topics and partitions there are, and who
// leads what. It may create topics on the way.
//
// v1 adds `rack`, `controllerId` and `isInternal`; v2 adds `clusterId`; v3
// adds `throttleTimeMs`; v4 adds `allowAutoTopicCreation`; v5 adds
// `offlineReplicas`; v7 adds `leaderEpoch`; v8 adds
// `includeClusterAuthorizedOperations`, `includeTopicAuthorizedOperations`,
// `topicAuthorizedOperations` and `clusterAuthorizedOperations`; v9 is the
// first flexible version; v10 adds `topicId`; v13 adds `errorCode`. v13 came
// with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const metadataRequest = message({
  key: 3,
  name: "MetadataRequest",
  versions: [0, 13],
  flexibleSince: 9,
  fields: {
    /** Null asks for all; in v0 an empty list does. */
    topics: {
      nullableSince: 1,
      array: {
        topicId: { type: "uuid", since: 10, ignorable: true },
        name: { type: "string", nullableSince: 10 },
      },
    },
    allowAutoTopicCreation: { type: "bool", since: 4, default: true },
    includeClusterAuthorizedOperations: { type: "bool", since: 8, until: 10 },
    includeTopicAuthorizedOperations: { type: "bool", since: 8 },
  },
});

/**
 * Errors: `LEADER_NOT_AVAILABLE`, `UNKNOWN_TOPIC_OR_PARTITION`,
 * `INVALID_TOPIC_EXCEPTION`, `UNKNOWN_TOPIC_ID`.
 */
export const metadataResponse = message({
  key: 3,
  name: "MetadataResponse",
  versions: [0, 13],
  flexibleSince: 9,
  fields: {
    throttleTimeMs: { type: "int32", since: 3, ignorable: true },
    brokers: {
      array: {
        nodeId: "int32",
        host: "string",
        port: "int32",
        rack: {
          type: "string",
          since: 1,
          nullableSince: 1,
          default: null,
          ignorable: true,
        },
      },
    },
    clusterId: {
      type: "string",
      since: 2,
      nullableSince: 2,
      default: null,
      ignorable: true,
    },
    controllerId: { type: "int32", since: 1, default: -1, ignorable: true },
    topics: {
      array: {
        errorCode: "int16",
        name: { type: "string", nullableSince: 12 },
        topicId: { type: "uuid", since: 10, ignorable: true },
        isInternal: { type: "bool", since: 1, default: false, ignorable: true },
        partitions: {
          array: {
            errorCode: "int16",
            partitionIndex: "int32",
            leaderId: "int32",
            leaderEpoch: {
              type: "int32",
              since: 7,
              default: -1,
              ignorable: true,
            },
            replicaNodes: { array: "int32" },
            isrNodes: { array: "int32" },
            offlineReplicas: { array: "int32", since: 5, ignorable: true },
          },
        },
        /** One bit an operation; -2147483648 where nobody asked. */
        topicAuthorizedOperations: {
          type: "int32",
          since: 8,
          default: -2147483648,
        },
      },
    },
    /** One bit an operation; -2147483648 where nobody asked. */
    clusterAuthorizedOperations: {
      type: "int32",
      since: 8,
      until: 10,
      default: -2147483648,
    },
    errorCode: { type: "int16", since: 13, ignorable: true },
  },
});

export type MetadataRequest = Infer<typeof metadataRequest>;
export type MetadataResponse = Infer<typeof metadataResponse>;
