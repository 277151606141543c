// WriteShareGroupState (key 85): how the state of a share-partition is stored
// by its coordinator (KIP-932).

import { type Infer, message } from "../schema.ts";

export const writeShareGroupStateRequest = message({
  key: 85,
  name: "WriteShareGroupStateRequest",
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
            leaderEpoch: "int32",
            startOffset: "int64",
            stateBatches: {
              array: {
                firstOffset: "int64",
                lastOffset: "int64",
                deliveryState: "int8",
                deliveryCount: "int16",
              },
            },
          },
        },
      },
    },
  },
});

export const writeShareGroupStateResponse = message({
  key: 85,
  name: "WriteShareGroupStateResponse",
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

export type WriteShareGroupStateRequest = Infer<
  typeof writeShareGroupStateRequest
>;
export type WriteShareGroupStateResponse = Infer<
  typeof writeShareGroupStateResponse
>;
