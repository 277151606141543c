// Produce (key 0): how a producer appends record batches to partitions.
//
// v1 adds `throttleTimeMs`; v2 adds `logAppendTimeMs`; v3 adds
// `transactionalId`; v5 adds `logStartOffset`; v8 adds `recordErrors` and
// `errorMessage`; v9 is the first flexible version; v10 adds `currentLeader`
// and `nodeEndpoints`; v13 adds `topicId`. Kafka 4 no longer has v0 to v2. v12
// to v13 came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const produceRequest = message({
  key: 0,
  name: "ProduceRequest",
  versions: [0, 13],
  flexibleSince: 9,
  fields: {
    transactionalId: {
      type: "string",
      since: 3,
      nullableSince: 3,
      default: null,
    },
    /** -1 waits for all in-sync replicas, 1 for the leader, 0 has no answer. */
    acks: "int16",
    timeoutMs: "int32",
    topicData: {
      array: {
        name: { type: "string", until: 12, ignorable: true },
        topicId: { type: "uuid", since: 13, ignorable: true },
        partitionData: {
          array: {
            index: "int32",
            records: { type: "records", nullableSince: 0 },
          },
        },
      },
    },
  },
});

/** `recordErrors` name the records that made their whole batch fail. */
export const produceResponse = message({
  key: 0,
  name: "ProduceResponse",
  versions: [0, 13],
  flexibleSince: 9,
  fields: {
    responses: {
      array: {
        name: { type: "string", until: 12, ignorable: true },
        topicId: { type: "uuid", since: 13, ignorable: true },
        partitionResponses: {
          array: {
            index: "int32",
            errorCode: "int16",
            baseOffset: "int64",
            logAppendTimeMs: {
              type: "int64",
              since: 2,
              default: -1,
              ignorable: true,
            },
            logStartOffset: {
              type: "int64",
              since: 5,
              default: -1,
              ignorable: true,
            },
            recordErrors: {
              since: 8,
              ignorable: true,
              array: {
                batchIndex: "int32",
                batchIndexErrorMessage: {
                  type: "string",
                  nullableSince: 8,
                  default: null,
                },
              },
            },
            errorMessage: {
              type: "string",
              since: 8,
              nullableSince: 8,
              default: null,
              ignorable: true,
            },
            currentLeader: {
              tag: 0,
              since: 10,
              struct: {
                leaderId: { type: "int32", default: -1 },
                leaderEpoch: { type: "int32", default: -1 },
              },
            },
          },
        },
      },
    },
    throttleTimeMs: { type: "int32", since: 1, default: 0, ignorable: true },
    nodeEndpoints: {
      tag: 0,
      since: 10,
      array: {
        nodeId: "int32",
        host: "string",
        port: "int32",
        rack: { type: "string", nullableSince: 10, default: null },
      },
    },
  },
});

export type ProduceRequest = Infer<typeof produceRequest>;
export type ProduceResponse = Infer<typeof produceResponse>;
