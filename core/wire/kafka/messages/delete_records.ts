// DeleteRecords (key 21): how the start of partitions moves up, so that what
// lies before is dropped.
//
// v2 is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const deleteRecordsRequest = message({
  key: 21,
  name: "DeleteRecordsRequest",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            /** The new start; -1 is the high watermark. */
            offset: "int64",
          },
        },
      },
    },
    timeoutMs: "int32",
  },
});

/** A low watermark of -1 says that the deletion failed. */
export const deleteRecordsResponse = message({
  key: 21,
  name: "DeleteRecordsResponse",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    throttleTimeMs: "int32",
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            lowWatermark: "int64",
            errorCode: "int16",
          },
        },
      },
    },
  },
});

export type DeleteRecordsRequest = Infer<typeof deleteRecordsRequest>;
export type DeleteRecordsResponse = Infer<typeof deleteRecordsResponse>;
