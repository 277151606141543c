// TxnOffsetCommit (key 28): how a producer commits offsets for a group inside
// its transaction.
//
// v2 adds `committedLeaderEpoch`; v3 adds `generationId`, `memberId` and
// `groupInstanceId` and is the first flexible version. v5 came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const txnOffsetCommitRequest = message({
  key: 28,
  name: "TxnOffsetCommitRequest",
  versions: [0, 5],
  flexibleSince: 3,
  fields: {
    transactionalId: "string",
    groupId: "string",
    producerId: "int64",
    producerEpoch: "int16",
    generationId: { type: "int32", since: 3, default: -1 },
    memberId: { type: "string", since: 3, default: "" },
    groupInstanceId: {
      type: "string",
      since: 3,
      nullableSince: 3,
      default: null,
    },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            committedOffset: "int64",
            committedLeaderEpoch: {
              type: "int32",
              since: 2,
              default: -1,
              ignorable: true,
            },
            committedMetadata: { type: "string", nullableSince: 0 },
          },
        },
      },
    },
  },
});

export const txnOffsetCommitResponse = message({
  key: 28,
  name: "TxnOffsetCommitResponse",
  versions: [0, 5],
  flexibleSince: 3,
  fields: {
    throttleTimeMs: "int32",
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
          },
        },
      },
    },
  },
});

export type TxnOffsetCommitRequest = Infer<typeof txnOffsetCommitRequest>;
export type TxnOffsetCommitResponse = Infer<typeof txnOffsetCommitResponse>;
