// Records of `__consumer_offsets` for share groups (KIP-932).
//
// The version of a key says what kind of record it is. Share groups were an
// early-access feature in Kafka 3.9, so two of its records differ from those
// of 4.1.

import { type Infer, message, struct } from "../schema.ts";

export const shareGroupPartitionMetadataKey = message({
  name: "ShareGroupPartitionMetadataKey",
  versions: [9, 9],
  fields: {
    groupId: "string",
  },
});

const topicPartitionsInfo = struct({
  topicId: "uuid",
  topicName: "string",
  partitions: { array: "int32" },
});

const topicInfo = struct({
  topicId: "uuid",
  topicName: "string",
});

export const shareGroupPartitionMetadataValue = message({
  name: "ShareGroupPartitionMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    initializedTopics: { array: topicPartitionsInfo },
    deletingTopics: { array: topicInfo },
  },
});

export const shareGroupMemberMetadataKey = message({
  name: "ShareGroupMemberMetadataKey",
  versions: [10, 10],
  fields: {
    groupId: "string",
    memberId: "string",
  },
});

export const shareGroupMemberMetadataValue = message({
  name: "ShareGroupMemberMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    rackId: { type: "string", nullableSince: 0 },
    clientId: "string",
    clientHost: "string",
    subscribedTopicNames: { array: "string" },
  },
});

export const shareGroupMetadataKey = message({
  name: "ShareGroupMetadataKey",
  versions: [11, 11],
  fields: {
    groupId: "string",
  },
});

export const shareGroupMetadataValue = message({
  name: "ShareGroupMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    epoch: "int32",
    metadataHash: "int64",
  },
});

/** The early-access form of Kafka 3.9. */
export const shareGroupMetadataValueEarly = message({
  name: "ShareGroupMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    epoch: "int32",
  },
});

export const shareGroupTargetAssignmentMetadataKey = message({
  name: "ShareGroupTargetAssignmentMetadataKey",
  versions: [12, 12],
  fields: {
    groupId: "string",
  },
});

export const shareGroupTargetAssignmentMetadataValue = message({
  name: "ShareGroupTargetAssignmentMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    assignmentEpoch: "int32",
  },
});

export const shareGroupTargetAssignmentMemberKey = message({
  name: "ShareGroupTargetAssignmentMemberKey",
  versions: [13, 13],
  fields: {
    groupId: "string",
    memberId: "string",
  },
});

export const shareGroupTargetAssignmentMemberValue = message({
  name: "ShareGroupTargetAssignmentMemberValue",
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

export const shareGroupCurrentMemberAssignmentKey = message({
  name: "ShareGroupCurrentMemberAssignmentKey",
  versions: [14, 14],
  fields: {
    groupId: "string",
    memberId: "string",
  },
});

const topicPartitions = struct({
  topicId: "uuid",
  partitions: { array: "int32" },
});

export const shareGroupCurrentMemberAssignmentValue = message({
  name: "ShareGroupCurrentMemberAssignmentValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    memberEpoch: "int32",
    previousMemberEpoch: "int32",
    state: "int8",
    assignedPartitions: { array: topicPartitions },
  },
});

export const shareGroupStatePartitionMetadataKey = message({
  name: "ShareGroupStatePartitionMetadataKey",
  versions: [15, 15],
  fields: {
    groupId: "string",
  },
});

const shareGroupStatePartitionMetadataValueTopicPartitionsInfo = struct({
  topicId: "uuid",
  topicName: "string",
  partitions: { array: "int32" },
});

const shareGroupStatePartitionMetadataValueTopicInfo = struct({
  topicId: "uuid",
  topicName: "string",
});

export const shareGroupStatePartitionMetadataValue = message({
  name: "ShareGroupStatePartitionMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    initializingTopics: {
      array: shareGroupStatePartitionMetadataValueTopicPartitionsInfo,
    },
    initializedTopics: {
      array: shareGroupStatePartitionMetadataValueTopicPartitionsInfo,
    },
    deletingTopics: { array: shareGroupStatePartitionMetadataValueTopicInfo },
  },
});

export type ShareGroupPartitionMetadataKey = Infer<
  typeof shareGroupPartitionMetadataKey
>;
export type ShareGroupPartitionMetadataValue = Infer<
  typeof shareGroupPartitionMetadataValue
>;
export type ShareGroupMemberMetadataKey = Infer<
  typeof shareGroupMemberMetadataKey
>;
export type ShareGroupMemberMetadataValue = Infer<
  typeof shareGroupMemberMetadataValue
>;
export type ShareGroupMetadataKey = Infer<typeof shareGroupMetadataKey>;
export type ShareGroupMetadataValue = Infer<typeof shareGroupMetadataValue>;
export type ShareGroupMetadataValueEarly = Infer<
  typeof shareGroupMetadataValueEarly
>;
export type ShareGroupTargetAssignmentMetadataKey = Infer<
  typeof shareGroupTargetAssignmentMetadataKey
>;
export type ShareGroupTargetAssignmentMetadataValue = Infer<
  typeof shareGroupTargetAssignmentMetadataValue
>;
export type ShareGroupTargetAssignmentMemberKey = Infer<
  typeof shareGroupTargetAssignmentMemberKey
>;
export type ShareGroupTargetAssignmentMemberValue = Infer<
  typeof shareGroupTargetAssignmentMemberValue
>;
export type ShareGroupCurrentMemberAssignmentKey = Infer<
  typeof shareGroupCurrentMemberAssignmentKey
>;
export type ShareGroupCurrentMemberAssignmentValue = Infer<
  typeof shareGroupCurrentMemberAssignmentValue
>;
export type ShareGroupStatePartitionMetadataKey = Infer<
  typeof shareGroupStatePartitionMetadataKey
>;
export type ShareGroupStatePartitionMetadataValue = Infer<
  typeof shareGroupStatePartitionMetadataValue
>;
