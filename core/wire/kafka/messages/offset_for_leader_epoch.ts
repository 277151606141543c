// OffsetForLeaderEpoch (key 23): where a leader's term ended, so that a reader
// can tell whether the log was cut behind its back.
//
// v1 adds `leaderEpoch`; v2 adds `currentLeaderEpoch` and `throttleTimeMs`; v3
// adds `replicaId`; v4 is the first flexible version. Kafka 4 no longer has v0
// to v1.

import { type Infer, message } from "../schema.ts";

export const offsetForLeaderEpochRequest = message({
  key: 23,
  name: "OffsetForLeaderEpochRequest",
  versions: [0, 4],
  flexibleSince: 4,
  fields: {
    replicaId: { type: "int32", since: 3, default: -2, ignorable: true },
    topics: {
      array: {
        topic: "string",
        partitions: {
          array: {
            partition: "int32",
            currentLeaderEpoch: {
              type: "int32",
              since: 2,
              default: -1,
              ignorable: true,
            },
            leaderEpoch: "int32",
          },
        },
      },
    },
  },
});

/** An end offset of -1 says that the epoch is not known. */
export const offsetForLeaderEpochResponse = message({
  key: 23,
  name: "OffsetForLeaderEpochResponse",
  versions: [0, 4],
  flexibleSince: 4,
  fields: {
    throttleTimeMs: { type: "int32", since: 2, ignorable: true },
    topics: {
      array: {
        topic: "string",
        partitions: {
          array: {
            errorCode: "int16",
            partition: "int32",
            leaderEpoch: {
              type: "int32",
              since: 1,
              default: -1,
              ignorable: true,
            },
            endOffset: { type: "int64", default: -1 },
          },
        },
      },
    },
  },
});

export type OffsetForLeaderEpochRequest = Infer<
  typeof offsetForLeaderEpochRequest
>;
export type OffsetForLeaderEpochResponse = Infer<
  typeof offsetForLeaderEpochResponse
>;
