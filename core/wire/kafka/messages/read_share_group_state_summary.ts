// ReadShareGroupStateSummary (key 87): where the state of a share-partition
// begins, without the state itself (KIP-932).

import { type Infer, message } from "../schema.ts";

export const readShareGroupStateSummaryRequest = message({
  key: 87,
  name: "ReadShareGroupStateSummaryRequest",
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

export const readShareGroupStateSummaryResponse = message({
  key: 87,
  name: "ReadShareGroupStateSummaryResponse",
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
            leaderEpoch: "int32",
            startOffset: "int64",
          },
        },
      },
    },
  },
});

/**
 * The early-access form of Kafka 3.9, where share groups were not yet for use.
 */
export const readShareGroupStateSummaryResponseEarly = message({
  key: 87,
  name: "ReadShareGroupStateSummaryResponse",
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
          },
        },
      },
    },
  },
});

export type ReadShareGroupStateSummaryRequest = Infer<
  typeof readShareGroupStateSummaryRequest
>;
export type ReadShareGroupStateSummaryResponse = Infer<
  typeof readShareGroupStateSummaryResponse
>;
export type ReadShareGroupStateSummaryResponseEarly = Infer<
  typeof readShareGroupStateSummaryResponseEarly
>;
