// DescribeCompaction (key 15001): how clean partitions are, what the cleaner did
// last, and what it is at. An API of kq's own, which only kq's clients are told of.

import { type Infer, message } from "../schema.ts";

export const describeCompactionRequest = message({
  key: 15001,
  name: "DescribeCompactionRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    topics: {
      array: {
        name: "string",
        partitionIndexes: { array: "int32" },
      },
    },
  },
});

export const describeCompactionResponse = message({
  key: 15001,
  name: "DescribeCompactionResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            errorMessage: { type: "string", nullableSince: 0, default: null },
            /** Whether `cleanup.policy` says so. */
            isCompacted: "bool",
            isRunning: "bool",
            /** Part of what may be compacted that is dirty, 0 to 1. */
            dirtyRatio: "float64",
            cleanBytes: "int64",
            dirtyBytes: "int64",
            /** Of the run under way. */
            readBytes: "int64",
            totalBytes: "int64",
            /** Of the last run, milliseconds since 1970 UTC; -1 where there was none. */
            endedMs: { type: "int64", default: -1 },
            elapsedMs: "int64",
            bytesBefore: "int64",
            bytesAfter: "int64",
            recordsBefore: "int64",
            recordsAfter: "int64",
            /** Why the cleaner leaves it alone; null where it does not. */
            uncleanableReason: {
              type: "string",
              nullableSince: 0,
              default: null,
            },
            /** A request to compact it that waits or is served; 0 for none. */
            openRequestId: "int64",
            /** The last one that has ended; 0 for none. */
            endedRequestId: "int64",
            requestErrorCode: "int16",
            requestErrorMessage: {
              type: "string",
              nullableSince: 0,
              default: null,
            },
          },
        },
      },
    },
  },
});

export type DescribeCompactionRequest = Infer<typeof describeCompactionRequest>;
export type DescribeCompactionResponse = Infer<
  typeof describeCompactionResponse
>;
