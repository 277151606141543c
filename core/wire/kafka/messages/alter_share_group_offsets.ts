// AlterShareGroupOffsets (key 91): how the place where a share group begins to
// read is changed (KIP-932).
//
// Kafka 3.9 does not have it yet.

import { type Infer, message } from "../schema.ts";

export const alterShareGroupOffsetsRequest = message({
  key: 91,
  name: "AlterShareGroupOffsetsRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    groupId: "string",
    topics: {
      array: {
        topicName: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            startOffset: "int64",
          },
        },
      },
    },
  },
});

export const alterShareGroupOffsetsResponse = message({
  key: 91,
  name: "AlterShareGroupOffsetsResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0, default: null },
    responses: {
      array: {
        topicName: "string",
        topicId: "uuid",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            errorMessage: { type: "string", nullableSince: 0, default: null },
          },
        },
      },
    },
  },
});

export type AlterShareGroupOffsetsRequest = Infer<
  typeof alterShareGroupOffsetsRequest
>;
export type AlterShareGroupOffsetsResponse = Infer<
  typeof alterShareGroupOffsetsResponse
>;
