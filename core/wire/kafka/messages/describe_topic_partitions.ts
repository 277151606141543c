// DescribeTopicPartitions (key 75): what Metadata says about topics, in pages
// (KIP-966).

import { type Infer, message } from "../schema.ts";

export const describeTopicPartitionsRequest = message({
  key: 75,
  name: "DescribeTopicPartitionsRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    topics: {
      array: {
        name: "string",
      },
    },
    responsePartitionLimit: { type: "int32", default: 2000 },
    cursor: {
      nullableSince: 0,
      default: null,
      struct: {
        topicName: "string",
        partitionIndex: "int32",
      },
    },
  },
});

export const describeTopicPartitionsResponse = message({
  key: 75,
  name: "DescribeTopicPartitionsResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    topics: {
      array: {
        errorCode: "int16",
        name: { type: "string", nullableSince: 0 },
        topicId: "uuid",
        isInternal: { type: "bool", default: false },
        partitions: {
          array: {
            errorCode: "int16",
            partitionIndex: "int32",
            leaderId: "int32",
            leaderEpoch: { type: "int32", default: -1 },
            replicaNodes: { array: "int32" },
            isrNodes: { array: "int32" },
            eligibleLeaderReplicas: {
              array: "int32",
              nullableSince: 0,
              default: null,
            },
            lastKnownElr: { array: "int32", nullableSince: 0, default: null },
            offlineReplicas: { array: "int32" },
          },
        },
        /** One bit an operation; -2147483648 where nobody asked. */
        topicAuthorizedOperations: { type: "int32", default: -2147483648 },
      },
    },
    nextCursor: {
      nullableSince: 0,
      default: null,
      struct: {
        topicName: "string",
        partitionIndex: "int32",
      },
    },
  },
});

export type DescribeTopicPartitionsRequest = Infer<
  typeof describeTopicPartitionsRequest
>;
export type DescribeTopicPartitionsResponse = Infer<
  typeof describeTopicPartitionsResponse
>;
