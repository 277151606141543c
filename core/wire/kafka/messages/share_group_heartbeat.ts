// ShareGroupHeartbeat (key 76): how a member of a share group joins, lives,
// learns its assignment and leaves (KIP-932).
//
// Kafka 4 no longer has v0. v1 came with Kafka 4.

import { type Infer, message, struct } from "../schema.ts";

export const shareGroupHeartbeatRequest = message({
  key: 76,
  name: "ShareGroupHeartbeatRequest",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    groupId: "string",
    memberId: "string",
    /** 0 joins, -1 leaves. */
    memberEpoch: "int32",
    rackId: { type: "string", nullableSince: 0, default: null },
    subscribedTopicNames: { array: "string", nullableSince: 0, default: null },
  },
});

const topicPartitions = struct({
  topicId: "uuid",
  partitions: { array: "int32" },
});

export const shareGroupHeartbeatResponse = message({
  key: 76,
  name: "ShareGroupHeartbeatResponse",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0, default: null },
    memberId: { type: "string", nullableSince: 0, default: null },
    memberEpoch: "int32",
    heartbeatIntervalMs: "int32",
    assignment: {
      nullableSince: 0,
      default: null,
      struct: {
        topicPartitions: { array: topicPartitions },
      },
    },
  },
});

export type ShareGroupHeartbeatRequest = Infer<
  typeof shareGroupHeartbeatRequest
>;
export type ShareGroupHeartbeatResponse = Infer<
  typeof shareGroupHeartbeatResponse
>;
