// ShareFetch (key 78): how a member of a share group reads records and
// acknowledges earlier ones (KIP-932).
//
// v1 adds `maxRecords`, `batchSize` and `acquisitionLockTimeoutMs`. Kafka 4 no
// longer has v0. v1 came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const shareFetchRequest = message({
  key: 78,
  name: "ShareFetchRequest",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    groupId: { type: "string", nullableSince: 0, default: null },
    memberId: { type: "string", nullableSince: 0 },
    shareSessionEpoch: "int32",
    maxWaitMs: "int32",
    minBytes: "int32",
    maxBytes: { type: "int32", default: 2147483647 },
    maxRecords: { type: "int32", since: 1 },
    batchSize: { type: "int32", since: 1 },
    topics: {
      array: {
        topicId: "uuid",
        partitions: {
          array: {
            partitionIndex: "int32",
            partitionMaxBytes: { type: "int32", until: 0 },
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
    forgottenTopicsData: {
      array: {
        topicId: "uuid",
        partitions: { array: "int32" },
      },
    },
  },
});

export const shareFetchResponse = message({
  key: 78,
  name: "ShareFetchResponse",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0, default: null },
    acquisitionLockTimeoutMs: { type: "int32", since: 1 },
    responses: {
      array: {
        topicId: "uuid",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            errorMessage: { type: "string", nullableSince: 0, default: null },
            acknowledgeErrorCode: "int16",
            acknowledgeErrorMessage: {
              type: "string",
              nullableSince: 0,
              default: null,
            },
            currentLeader: {
              struct: {
                leaderId: "int32",
                leaderEpoch: "int32",
              },
            },
            records: { type: "records", nullableSince: 0, nullableUntil: 0 },
            acquiredRecords: {
              array: {
                firstOffset: "int64",
                lastOffset: "int64",
                deliveryCount: "int16",
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

export type ShareFetchRequest = Infer<typeof shareFetchRequest>;
export type ShareFetchResponse = Infer<typeof shareFetchResponse>;
