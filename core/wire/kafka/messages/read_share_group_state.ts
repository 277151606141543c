// ReadShareGroupState (key 84): how the state of a share-partition is read
// from its coordinator (KIP-932).

import { type Infer, message } from "../schema.ts";

export const readShareGroupStateRequest = message({
  key: 84,
  name: "ReadShareGroupStateRequest",
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
            leaderEpoch: "int32",
          },
        },
      },
    },
  },
});

export const readShareGroupStateResponse = message({
  key: 84,
  name: "ReadShareGroupStateResponse",
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
            stateEpoch: "int32",
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

export type ReadShareGroupStateRequest = Infer<
  typeof readShareGroupStateRequest
>;
export type ReadShareGroupStateResponse = Infer<
  typeof readShareGroupStateResponse
>;
