// Records of `__consumer_offsets` for streams groups (KIP-1071).
//
// The version of a key says what kind of record it is.

import { type Infer, message, struct } from "../schema.ts";

export const streamsGroupMetadataKey = message({
  name: "StreamsGroupMetadataKey",
  versions: [17, 17],
  fields: {
    groupId: "string",
  },
});

export const streamsGroupMetadataValue = message({
  name: "StreamsGroupMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    epoch: "int32",
    metadataHash: "int64",
  },
});

export const streamsGroupMemberMetadataKey = message({
  name: "StreamsGroupMemberMetadataKey",
  versions: [19, 19],
  fields: {
    groupId: "string",
    memberId: "string",
  },
});

const endpoint = struct({
  host: "string",
  port: "uint16",
});

const keyValue = struct({
  key: "string",
  value: "string",
});

export const streamsGroupMemberMetadataValue = message({
  name: "StreamsGroupMemberMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    instanceId: { type: "string", nullableSince: 0 },
    rackId: { type: "string", nullableSince: 0 },
    clientId: "string",
    clientHost: "string",
    rebalanceTimeoutMs: { type: "int32", default: -1 },
    topologyEpoch: "int32",
    processId: "string",
    userEndpoint: { struct: endpoint, nullableSince: 0, default: null },
    clientTags: { array: keyValue },
  },
});

export const streamsGroupTargetAssignmentMetadataKey = message({
  name: "StreamsGroupTargetAssignmentMetadataKey",
  versions: [20, 20],
  fields: {
    groupId: "string",
  },
});

export const streamsGroupTargetAssignmentMetadataValue = message({
  name: "StreamsGroupTargetAssignmentMetadataValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    assignmentEpoch: "int32",
  },
});

export const streamsGroupTargetAssignmentMemberKey = message({
  name: "StreamsGroupTargetAssignmentMemberKey",
  versions: [21, 21],
  fields: {
    groupId: "string",
    memberId: "string",
  },
});

const taskIds = struct({
  subtopologyId: "string",
  partitions: { array: "int32" },
});

export const streamsGroupTargetAssignmentMemberValue = message({
  name: "StreamsGroupTargetAssignmentMemberValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    activeTasks: { array: taskIds },
    standbyTasks: { array: taskIds },
    warmupTasks: { array: taskIds },
  },
});

export const streamsGroupCurrentMemberAssignmentKey = message({
  name: "StreamsGroupCurrentMemberAssignmentKey",
  versions: [22, 22],
  fields: {
    groupId: "string",
    memberId: "string",
  },
});

const streamsGroupCurrentMemberAssignmentValueTaskIds = struct({
  subtopologyId: "string",
  partitions: { array: "int32" },
});

export const streamsGroupCurrentMemberAssignmentValue = message({
  name: "StreamsGroupCurrentMemberAssignmentValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    memberEpoch: "int32",
    previousMemberEpoch: "int32",
    state: "int8",
    activeTasks: { array: streamsGroupCurrentMemberAssignmentValueTaskIds },
    standbyTasks: { array: streamsGroupCurrentMemberAssignmentValueTaskIds },
    warmupTasks: { array: streamsGroupCurrentMemberAssignmentValueTaskIds },
    activeTasksPendingRevocation: {
      array: streamsGroupCurrentMemberAssignmentValueTaskIds,
    },
    standbyTasksPendingRevocation: {
      array: streamsGroupCurrentMemberAssignmentValueTaskIds,
    },
    warmupTasksPendingRevocation: {
      array: streamsGroupCurrentMemberAssignmentValueTaskIds,
    },
  },
});

export const streamsGroupTopologyKey = message({
  name: "StreamsGroupTopologyKey",
  versions: [23, 23],
  fields: {
    groupId: "string",
  },
});

const topicConfig = struct({
  key: "string",
  value: "string",
});

const topicInfo = struct({
  name: "string",
  partitions: "int32",
  replicationFactor: "int16",
  topicConfigs: { array: topicConfig },
});

export const streamsGroupTopologyValue = message({
  name: "StreamsGroupTopologyValue",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    epoch: "int32",
    subtopologies: {
      array: {
        subtopologyId: "string",
        sourceTopics: { array: "string" },
        sourceTopicRegex: { array: "string" },
        stateChangelogTopics: { array: topicInfo },
        repartitionSinkTopics: { array: "string" },
        repartitionSourceTopics: { array: topicInfo },
        copartitionGroups: {
          array: {
            sourceTopics: { array: "int16" },
            sourceTopicRegex: { array: "int16" },
            repartitionSourceTopics: { array: "int16" },
          },
        },
      },
    },
  },
});

export type StreamsGroupMetadataKey = Infer<typeof streamsGroupMetadataKey>;
export type StreamsGroupMetadataValue = Infer<typeof streamsGroupMetadataValue>;
export type StreamsGroupMemberMetadataKey = Infer<
  typeof streamsGroupMemberMetadataKey
>;
export type StreamsGroupMemberMetadataValue = Infer<
  typeof streamsGroupMemberMetadataValue
>;
export type StreamsGroupTargetAssignmentMetadataKey = Infer<
  typeof streamsGroupTargetAssignmentMetadataKey
>;
export type StreamsGroupTargetAssignmentMetadataValue = Infer<
  typeof streamsGroupTargetAssignmentMetadataValue
>;
export type StreamsGroupTargetAssignmentMemberKey = Infer<
  typeof streamsGroupTargetAssignmentMemberKey
>;
export type StreamsGroupTargetAssignmentMemberValue = Infer<
  typeof streamsGroupTargetAssignmentMemberValue
>;
export type StreamsGroupCurrentMemberAssignmentKey = Infer<
  typeof streamsGroupCurrentMemberAssignmentKey
>;
export type StreamsGroupCurrentMemberAssignmentValue = Infer<
  typeof streamsGroupCurrentMemberAssignmentValue
>;
export type StreamsGroupTopologyKey = Infer<typeof streamsGroupTopologyKey>;
export type StreamsGroupTopologyValue = Infer<typeof streamsGroupTopologyValue>;
