// ConsumerGroupHeartbeat (key 68): how a member of the newer kind of consumer
// group joins, lives, learns its assignment and leaves (KIP-848).
//
// v1 adds `subscribedTopicRegex`. v1 came with Kafka 4.

import { type Infer, message, struct } from "../schema.ts";

export const consumerGroupHeartbeatRequest = message({
  key: 68,
  name: "ConsumerGroupHeartbeatRequest",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    groupId: "string",
    memberId: "string",
    /** 0 joins, -1 leaves, -2 leaves for a while as a static member. */
    memberEpoch: "int32",
    instanceId: { type: "string", nullableSince: 0, default: null },
    rackId: { type: "string", nullableSince: 0, default: null },
    rebalanceTimeoutMs: { type: "int32", default: -1 },
    subscribedTopicNames: { array: "string", nullableSince: 0, default: null },
    subscribedTopicRegex: {
      type: "string",
      since: 1,
      nullableSince: 1,
      default: null,
    },
    serverAssignor: { type: "string", nullableSince: 0, default: null },
    /** What the member owns; null where that has not changed. */
    topicPartitions: {
      nullableSince: 0,
      default: null,
      array: {
        topicId: "uuid",
        partitions: { array: "int32" },
      },
    },
  },
});

const topicPartitions = struct({
  topicId: "uuid",
  partitions: { array: "int32" },
});

export const consumerGroupHeartbeatResponse = message({
  key: 68,
  name: "ConsumerGroupHeartbeatResponse",
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

export type ConsumerGroupHeartbeatRequest = Infer<
  typeof consumerGroupHeartbeatRequest
>;
export type ConsumerGroupHeartbeatResponse = Infer<
  typeof consumerGroupHeartbeatResponse
>;
