// StreamsGroupHeartbeat (key 88): how a member of a streams group joins,
// lives, learns its tasks and leaves (KIP-1071).
//
// Kafka 3.9 does not have it yet.

import { type Infer, message, struct } from "../schema.ts";

const keyValue = struct({
  key: "string",
  value: "string",
});

const topicInfo = struct({
  name: "string",
  partitions: "int32",
  replicationFactor: "int16",
  topicConfigs: { array: keyValue },
});

const taskIds = struct({
  subtopologyId: "string",
  partitions: { array: "int32" },
});

const endpoint = struct({
  host: "string",
  port: "uint16",
});

const taskOffset = struct({
  subtopologyId: "string",
  partition: "int32",
  offset: "int64",
});

export const streamsGroupHeartbeatRequest = message({
  key: 88,
  name: "StreamsGroupHeartbeatRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    groupId: "string",
    memberId: "string",
    /** 0 joins, -1 leaves, -2 leaves for a while as a static member. */
    memberEpoch: "int32",
    endpointInformationEpoch: "int32",
    instanceId: { type: "string", nullableSince: 0, default: null },
    rackId: { type: "string", nullableSince: 0, default: null },
    rebalanceTimeoutMs: { type: "int32", default: -1 },
    topology: {
      nullableSince: 0,
      default: null,
      struct: {
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
    },
    activeTasks: { array: taskIds, nullableSince: 0, default: null },
    standbyTasks: { array: taskIds, nullableSince: 0, default: null },
    warmupTasks: { array: taskIds, nullableSince: 0, default: null },
    processId: { type: "string", nullableSince: 0, default: null },
    userEndpoint: { struct: endpoint, nullableSince: 0, default: null },
    clientTags: { array: keyValue, nullableSince: 0, default: null },
    taskOffsets: { array: taskOffset, nullableSince: 0, default: null },
    taskEndOffsets: { array: taskOffset, nullableSince: 0, default: null },
    shutdownApplication: { type: "bool", default: false },
  },
});

const status = struct({
  statusCode: "int8",
  statusDetail: "string",
});

const streamsGroupHeartbeatResponseTaskIds = struct({
  subtopologyId: "string",
  partitions: { array: "int32" },
});

const streamsGroupHeartbeatResponseEndpoint = struct({
  host: "string",
  port: "uint16",
});

const topicPartition = struct({
  topic: "string",
  partitions: { array: "int32" },
});

export const streamsGroupHeartbeatResponse = message({
  key: 88,
  name: "StreamsGroupHeartbeatResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0, default: null },
    memberId: "string",
    memberEpoch: "int32",
    heartbeatIntervalMs: "int32",
    acceptableRecoveryLag: "int32",
    taskOffsetIntervalMs: "int32",
    status: { array: status, nullableSince: 0, default: null },
    activeTasks: {
      array: streamsGroupHeartbeatResponseTaskIds,
      nullableSince: 0,
      default: null,
    },
    standbyTasks: {
      array: streamsGroupHeartbeatResponseTaskIds,
      nullableSince: 0,
      default: null,
    },
    warmupTasks: {
      array: streamsGroupHeartbeatResponseTaskIds,
      nullableSince: 0,
      default: null,
    },
    endpointInformationEpoch: "int32",
    partitionsByUserEndpoint: {
      nullableSince: 0,
      default: null,
      array: {
        userEndpoint: { struct: streamsGroupHeartbeatResponseEndpoint },
        activePartitions: { array: topicPartition },
        standbyPartitions: { array: topicPartition },
      },
    },
  },
});

export type StreamsGroupHeartbeatRequest = Infer<
  typeof streamsGroupHeartbeatRequest
>;
export type StreamsGroupHeartbeatResponse = Infer<
  typeof streamsGroupHeartbeatResponse
>;
