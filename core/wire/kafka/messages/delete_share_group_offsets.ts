// DeleteShareGroupOffsets (key 92): how the place where a share group begins
// to read is forgotten (KIP-932).
//
// Kafka 3.9 does not have it yet.

import { type Infer, message } from "../schema.ts";

export const deleteShareGroupOffsetsRequest = message({
  key: 92,
  name: "DeleteShareGroupOffsetsRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    groupId: "string",
    topics: {
      array: {
        topicName: "string",
      },
    },
  },
});

export const deleteShareGroupOffsetsResponse = message({
  key: 92,
  name: "DeleteShareGroupOffsetsResponse",
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
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0, default: null },
      },
    },
  },
});

export type DeleteShareGroupOffsetsRequest = Infer<
  typeof deleteShareGroupOffsetsRequest
>;
export type DeleteShareGroupOffsetsResponse = Infer<
  typeof deleteShareGroupOffsetsResponse
>;
