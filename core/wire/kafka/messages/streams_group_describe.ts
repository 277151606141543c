// StreamsGroupDescribe (key 89): what state streams groups are in (KIP-1071).
//
// Kafka 3.9 does not have it yet.

import { type Infer, message, struct } from "../schema.ts";

export const streamsGroupDescribeRequest = message({
  key: 89,
  name: "StreamsGroupDescribeRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    groupIds: { array: "string" },
    includeAuthorizedOperations: "bool",
  },
});

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

const endpoint = struct({
  host: "string",
  port: "uint16",
});

const taskOffset = struct({
  subtopologyId: "string",
  partition: "int32",
  offset: "int64",
});

const taskIds = struct({
  subtopologyId: "string",
  partitions: { array: "int32" },
});

const assignment = struct({
  activeTasks: { array: taskIds },
  standbyTasks: { array: taskIds },
  warmupTasks: { array: taskIds },
});

export const streamsGroupDescribeResponse = message({
  key: 89,
  name: "StreamsGroupDescribeResponse",
  versions: [0, 0],
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
        topology: {
          nullableSince: 0,
          default: null,
          struct: {
            epoch: "int32",
            subtopologies: {
              nullableSince: 0,
              default: null,
              array: {
                subtopologyId: "string",
                sourceTopics: { array: "string" },
                repartitionSinkTopics: { array: "string" },
                stateChangelogTopics: { array: topicInfo },
                repartitionSourceTopics: { array: topicInfo },
              },
            },
          },
        },
        members: {
          array: {
            memberId: "string",
            memberEpoch: "int32",
            instanceId: { type: "string", nullableSince: 0, default: null },
            rackId: { type: "string", nullableSince: 0, default: null },
            clientId: "string",
            clientHost: "string",
            topologyEpoch: "int32",
            processId: "string",
            userEndpoint: { struct: endpoint, nullableSince: 0, default: null },
            clientTags: { array: keyValue },
            taskOffsets: { array: taskOffset },
            taskEndOffsets: { array: taskOffset },
            assignment: { struct: assignment },
            targetAssignment: { struct: assignment },
            isClassic: "bool",
          },
        },
        /** One bit an operation; -2147483648 where nobody asked. */
        authorizedOperations: { type: "int32", default: -2147483648 },
      },
    },
  },
});

export type StreamsGroupDescribeRequest = Infer<
  typeof streamsGroupDescribeRequest
>;
export type StreamsGroupDescribeResponse = Infer<
  typeof streamsGroupDescribeResponse
>;
