// ConsumerGroupDescribe (key 69): what state groups of the newer kind are in
// (KIP-848).
//
// v1 adds `memberType`. v1 came with Kafka 4.

import { type Infer, message, struct } from "../schema.ts";

export const consumerGroupDescribeRequest = message({
  key: 69,
  name: "ConsumerGroupDescribeRequest",
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

export const consumerGroupDescribeResponse = message({
  key: 69,
  name: "ConsumerGroupDescribeResponse",
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
            instanceId: { type: "string", nullableSince: 0, default: null },
            rackId: { type: "string", nullableSince: 0, default: null },
            memberEpoch: "int32",
            clientId: "string",
            clientHost: "string",
            subscribedTopicNames: { array: "string" },
            subscribedTopicRegex: {
              type: "string",
              nullableSince: 0,
              default: null,
            },
            assignment: { struct: assignment },
            targetAssignment: { struct: assignment },
            memberType: {
              type: "int8",
              since: 1,
              default: -1,
              ignorable: true,
            },
          },
        },
        /** One bit an operation; -2147483648 where nobody asked. */
        authorizedOperations: { type: "int32", default: -2147483648 },
      },
    },
  },
});

export type ConsumerGroupDescribeRequest = Infer<
  typeof consumerGroupDescribeRequest
>;
export type ConsumerGroupDescribeResponse = Infer<
  typeof consumerGroupDescribeResponse
>;
