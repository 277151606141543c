// ListOffsets (key 2): which offset a partition has at a point in time, or at
// its ends.
//
// v1 adds `timestamp` and `offset`; v2 adds `isolationLevel` and
// `throttleTimeMs`; v4 adds `currentLeaderEpoch` and `leaderEpoch`; v6 is the
// first flexible version; v10 adds `timeoutMs`. Kafka 4 no longer has v0. v10
// came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const listOffsetsRequest = message({
  key: 2,
  name: "ListOffsetsRequest",
  versions: [0, 10],
  flexibleSince: 6,
  fields: {
    replicaId: "int32",
    /** 0 reads all records, 1 only those outside of open and aborted transactions. */
    isolationLevel: { type: "int8", since: 2 },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            currentLeaderEpoch: {
              type: "int32",
              since: 4,
              default: -1,
              ignorable: true,
            },
            /**
             * Milliseconds; -1 the end, -2 the start, -3 the largest timestamp,
             * -4 the local start, -5 the end of what is tiered.
             */
            timestamp: "int64",
            maxNumOffsets: { type: "int32", until: 0, default: 1 },
          },
        },
      },
    },
    timeoutMs: { type: "int32", since: 10, ignorable: true },
  },
});

/** An offset of -1 says that there is none. */
export const listOffsetsResponse = message({
  key: 2,
  name: "ListOffsetsResponse",
  versions: [0, 10],
  flexibleSince: 6,
  fields: {
    throttleTimeMs: { type: "int32", since: 2, ignorable: true },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            oldStyleOffsets: { array: "int64", until: 0 },
            timestamp: { type: "int64", since: 1, default: -1 },
            offset: { type: "int64", since: 1, default: -1 },
            leaderEpoch: { type: "int32", since: 4, default: -1 },
          },
        },
      },
    },
  },
});

export type ListOffsetsRequest = Infer<typeof listOffsetsRequest>;
export type ListOffsetsResponse = Infer<typeof listOffsetsResponse>;
