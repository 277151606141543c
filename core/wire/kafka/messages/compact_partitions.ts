// CompactPartitions (key 15000): asks for partitions to be compacted now. An API
// of kq's own, which only kq's clients are told of. The answer comes at once;
// DescribeCompaction tells how it goes on.

import { type Infer, message } from "../schema.ts";

export const compactPartitionsRequest = message({
  key: 15000,
  name: "CompactPartitionsRequest",
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

export const compactPartitionsResponse = message({
  key: 15000,
  name: "CompactPartitionsResponse",
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
            /** Done when DescribeCompaction shows it, or a later one, as ended. */
            requestId: { type: "int64", default: -1 },
          },
        },
      },
    },
  },
});

export type CompactPartitionsRequest = Infer<typeof compactPartitionsRequest>;
export type CompactPartitionsResponse = Infer<typeof compactPartitionsResponse>;
