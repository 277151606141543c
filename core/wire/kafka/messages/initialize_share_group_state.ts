// InitializeShareGroupState (key 83): how the state of a share-partition is
// begun at its coordinator (KIP-932).

import { type Infer, message } from "../schema.ts";

export const initializeShareGroupStateRequest = message({
  key: 83,
  name: "InitializeShareGroupStateRequest",
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
            stateEpoch: "int32",
            startOffset: "int64",
          },
        },
      },
    },
  },
});

export const initializeShareGroupStateResponse = message({
  key: 83,
  name: "InitializeShareGroupStateResponse",
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

export type InitializeShareGroupStateRequest = Infer<
  typeof initializeShareGroupStateRequest
>;
export type InitializeShareGroupStateResponse = Infer<
  typeof initializeShareGroupStateResponse
>;
