// ShareGroupDescribe (key 77): what state share groups are in (KIP-932).
//
// Kafka 4 no longer has v0. v1 came with Kafka 4.

import { type Infer, message, struct } from "../schema.ts";

export const shareGroupDescribeRequest = message({
  key: 77,
  name: "ShareGroupDescribeRequest",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    groupIds: { array: "string" },
    includeAuthorizedOperations: "bool",
  },
});

const topicPartitions = struct({
  topicId: "uuid",
  topicName: "string",
  partitions: { array: "int32" },
});

const assignment = struct({
  topicPartitions: { array: topicPartitions },
});

export const shareGroupDescribeResponse = message({
  key: 77,
  name: "ShareGroupDescribeResponse",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    groups: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0, default: null },
        groupId: "string",
        groupState: "string",
        groupEpoch: "int32",
        assignmentEpoch: "int32",
        assignorName: "string",
        members: {
          array: {
            memberId: "string",
            rackId: { type: "string", nullableSince: 0, default: null },
            memberEpoch: "int32",
            clientId: "string",
            clientHost: "string",
            subscribedTopicNames: { array: "string" },
            assignment: { struct: assignment },
          },
        },
        /** One bit an operation; -2147483648 where nobody asked. */
        authorizedOperations: { type: "int32", default: -2147483648 },
      },
    },
  },
});

export type ShareGroupDescribeRequest = Infer<typeof shareGroupDescribeRequest>;
export type ShareGroupDescribeResponse = Infer<
  typeof shareGroupDescribeResponse
>;
