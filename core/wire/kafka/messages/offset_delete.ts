// OffsetDelete (key 47): how committed offsets of a group are deleted.

import { type Infer, message } from "../schema.ts";

export const offsetDeleteRequest = message({
  key: 47,
  name: "OffsetDeleteRequest",
  versions: [0, 0],
  fields: {
    groupId: "string",
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
          },
        },
      },
    },
  },
});

export const offsetDeleteResponse = message({
  key: 47,
  name: "OffsetDeleteResponse",
  versions: [0, 0],
  fields: {
    errorCode: "int16",
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

export type OffsetDeleteRequest = Infer<typeof offsetDeleteRequest>;
export type OffsetDeleteResponse = Infer<typeof offsetDeleteResponse>;
