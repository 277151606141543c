// Records of `__consumer_offsets` for consumer groups of the newer kind
// (KIP-848).
//
// The version of a key says what kind of record it is.

import { type Infer, message, struct } from "../schema.ts";

export const consumerGroupMetadataKey = message({
  name: "ConsumerGroupMetadataKey",
  versions: [3, 3],
  fields: {
    groupId: "string",
  },
});

export const consumerGroupMetadataValue = message({
  name: "ConsumerGroupMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    epoch: "int32",
    metadataHash: { type: "int64", tag: 0, default: 0 },
  },
});

export const consumerGroupPartitionMetadataKey = message({
  name: "ConsumerGroupPartitionMetadataKey",
  versions: [4, 4],
  fields: {
    groupId: "string",
  },
});

export const consumerGroupPartitionMetadataValue = message({
  name: "ConsumerGroupPartitionMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    topics: {
      array: {
        topicId: "uuid",
        topicName: "string",
        numPartitions: "int32",
        partitionMetadata: {
          array: {
            partition: "int32",
            racks: { array: "string" },
          },
        },
      },
    },
  },
});

export const consumerGroupMemberMetadataKey = message({
  name: "ConsumerGroupMemberMetadataKey",
  versions: [5, 5],
  fields: {
    groupId: "string",
    memberId: "string",
  },
});

export const consumerGroupMemberMetadataValue = message({
  name: "ConsumerGroupMemberMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    instanceId: { type: "string", nullableSince: 0 },
    rackId: { type: "string", nullableSince: 0 },
    clientId: "string",
    clientHost: "string",
    subscribedTopicNames: { array: "string" },
    subscribedTopicRegex: { type: "string", nullableSince: 0 },
    rebalanceTimeoutMs: { type: "int32", default: -1 },
    serverAssignor: { type: "string", nullableSince: 0 },
    /** null for a member of the newer protocol; left out, it is an empty one. */
    classicMemberMetadata: {
      tag: 0,
      nullableSince: 0,
      struct: {
        sessionTimeoutMs: "int32",
        supportedProtocols: {
          array: {
            name: "string",
            metadata: "bytes",
          },
        },
      },
    },
  },
});

export const consumerGroupTargetAssignmentMetadataKey = message({
  name: "ConsumerGroupTargetAssignmentMetadataKey",
  versions: [6, 6],
  fields: {
    groupId: "string",
  },
});

export const consumerGroupTargetAssignmentMetadataValue = message({
  name: "ConsumerGroupTargetAssignmentMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    assignmentEpoch: "int32",
  },
});

export const consumerGroupTargetAssignmentMemberKey = message({
  name: "ConsumerGroupTargetAssignmentMemberKey",
  versions: [7, 7],
  fields: {
    groupId: "string",
    memberId: "string",
  },
});

export const consumerGroupTargetAssignmentMemberValue = message({
  name: "ConsumerGroupTargetAssignmentMemberValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    topicPartitions: {
      array: {
        topicId: "uuid",
        partitions: { array: "int32" },
      },
    },
  },
});

export const consumerGroupCurrentMemberAssignmentKey = message({
  name: "ConsumerGroupCurrentMemberAssignmentKey",
  versions: [8, 8],
  fields: {
    groupId: "string",
    memberId: "string",
  },
});

const topicPartitions = struct({
  topicId: "uuid",
  partitions: { array: "int32" },
});

export const consumerGroupCurrentMemberAssignmentValue = message({
  name: "ConsumerGroupCurrentMemberAssignmentValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    memberEpoch: "int32",
    previousMemberEpoch: "int32",
    state: "int8",
    assignedPartitions: { array: topicPartitions },
    partitionsPendingRevocation: { array: topicPartitions },
  },
});

export const consumerGroupRegularExpressionKey = message({
  name: "ConsumerGroupRegularExpressionKey",
  versions: [16, 16],
  fields: {
    groupId: "string",
    regularExpression: "string",
  },
});

export const consumerGroupRegularExpressionValue = message({
  name: "ConsumerGroupRegularExpressionValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    topics: { array: "string" },
    version: "int64",
    timestamp: "int64",
  },
});

export type ConsumerGroupMetadataKey = Infer<typeof consumerGroupMetadataKey>;
export type ConsumerGroupMetadataValue = Infer<
  typeof consumerGroupMetadataValue
>;
export type ConsumerGroupPartitionMetadataKey = Infer<
  typeof consumerGroupPartitionMetadataKey
>;
export type ConsumerGroupPartitionMetadataValue = Infer<
  typeof consumerGroupPartitionMetadataValue
>;
export type ConsumerGroupMemberMetadataKey = Infer<
  typeof consumerGroupMemberMetadataKey
>;
export type ConsumerGroupMemberMetadataValue = Infer<
  typeof consumerGroupMemberMetadataValue
>;
export type ConsumerGroupTargetAssignmentMetadataKey = Infer<
  typeof consumerGroupTargetAssignmentMetadataKey
>;
export type ConsumerGroupTargetAssignmentMetadataValue = Infer<
  typeof consumerGroupTargetAssignmentMetadataValue
>;
export type ConsumerGroupTargetAssignmentMemberKey = Infer<
  typeof consumerGroupTargetAssignmentMemberKey
>;
export type ConsumerGroupTargetAssignmentMemberValue = Infer<
  typeof consumerGroupTargetAssignmentMemberValue
>;
export type ConsumerGroupCurrentMemberAssignmentKey = Infer<
  typeof consumerGroupCurrentMemberAssignmentKey
>;
export type ConsumerGroupCurrentMemberAssignmentValue = Infer<
  typeof consumerGroupCurrentMemberAssignmentValue
>;
export type ConsumerGroupRegularExpressionKey = Infer<
  typeof consumerGroupRegularExpressionKey
>;
export type ConsumerGroupRegularExpressionValue = Infer<
  typeof consumerGroupRegularExpressionValue
>;
