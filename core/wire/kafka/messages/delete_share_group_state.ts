// DeleteShareGroupState (key 86): how the state of a share-partition is
// deleted at its coordinator (KIP-932).

import { type Infer, message } from "../schema.ts";

export const deleteShareGroupStateRequest = message({
  key: 86,
  name: "DeleteShareGroupStateRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    groupId: "string",
    topics: {
      array: {
        topicId: "uuid",
        partitions: {
          array: {
            partition: "int32",
          },
        },
      },
    },
  },
});

export const deleteShareGroupStateResponse = message({
  key: 86,
  name: "DeleteShareGroupStateResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    results: {
      array: {
        topicId: "uuid",
        partitions: {
          array: {
            partition: "int32",
            errorCode: "int16",
            errorMessage: { type: "string", nullableSince: 0, default: null },
          },
        },
      },
    },
  },
});

export type DeleteShareGroupStateRequest = Infer<
  typeof deleteShareGroupStateRequest
>;
export type DeleteShareGroupStateResponse = Infer<
  typeof deleteShareGroupStateResponse
>;
