// ShareAcknowledge (key 79): how a member of a share group acknowledges
// records without reading more (KIP-932).
//
// Kafka 4 no longer has v0. v1 came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const shareAcknowledgeRequest = message({
  key: 79,
  name: "ShareAcknowledgeRequest",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    groupId: { type: "string", nullableSince: 0, default: null },
    memberId: { type: "string", nullableSince: 0 },
    shareSessionEpoch: "int32",
    topics: {
      array: {
        topicId: "uuid",
        partitions: {
          array: {
            partitionIndex: "int32",
            acknowledgementBatches: {
              array: {
                firstOffset: "int64",
                lastOffset: "int64",
                acknowledgeTypes: { array: "int8" },
              },
            },
          },
        },
      },
    },
  },
});

export const shareAcknowledgeResponse = message({
  key: 79,
  name: "ShareAcknowledgeResponse",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0, default: null },
    responses: {
      array: {
        topicId: "uuid",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            errorMessage: { type: "string", nullableSince: 0, default: null },
            currentLeader: {
              struct: {
                leaderId: "int32",
                leaderEpoch: "int32",
              },
            },
          },
        },
      },
    },
    nodeEndpoints: {
      array: {
        nodeId: "int32",
        host: "string",
        port: "int32",
        rack: { type: "string", nullableSince: 0, default: null },
      },
    },
  },
});

export type ShareAcknowledgeRequest = Infer<typeof shareAcknowledgeRequest>;
export type ShareAcknowledgeResponse = Infer<typeof shareAcknowledgeResponse>;
