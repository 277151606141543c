// DescribeLogDirs (key 35): what lies in the log directories of a broker, and
// how large it is.
//
// v2 is the first flexible version; v3 adds `errorCode`; v4 adds `totalBytes`
// and `usableBytes`. Kafka 4 no longer has v0.

import { type Infer, message } from "../schema.ts";

export const describeLogDirsRequest = message({
  key: 35,
  name: "DescribeLogDirsRequest",
  versions: [0, 4],
  flexibleSince: 2,
  fields: {
    /** Null asks for all. */
    topics: {
      nullableSince: 0,
      array: {
        topic: "string",
        partitions: { array: "int32" },
      },
    },
  },
});

export const describeLogDirsResponse = message({
  key: 35,
  name: "DescribeLogDirsResponse",
  versions: [0, 4],
  flexibleSince: 2,
  fields: {
    throttleTimeMs: "int32",
    errorCode: { type: "int16", since: 3, ignorable: true },
    results: {
      array: {
        errorCode: "int16",
        logDir: "string",
        topics: {
          array: {
            name: "string",
            partitions: {
              array: {
                partitionIndex: "int32",
                partitionSize: "int64",
                /** How far it is behind the log's end or its current copy. */
                offsetLag: "int64",
                /** A copy that is on its way to another directory. */
                isFutureKey: "bool",
              },
            },
          },
        },
        totalBytes: { type: "int64", since: 4, default: -1, ignorable: true },
        usableBytes: { type: "int64", since: 4, default: -1, ignorable: true },
      },
    },
  },
});

export type DescribeLogDirsRequest = Infer<typeof describeLogDirsRequest>;
export type DescribeLogDirsResponse = Infer<typeof describeLogDirsResponse>;
