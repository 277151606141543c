// DescribeProducers (key 61): which producers are active on partitions.

import { type Infer, message } from "../schema.ts";

export const describeProducersRequest = message({
  key: 61,
  name: "DescribeProducersRequest",
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

export const describeProducersResponse = message({
  key: 61,
  name: "DescribeProducersResponse",
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
            activeProducers: {
              array: {
                producerId: "int64",
                producerEpoch: "int32",
                lastSequence: { type: "int32", default: -1 },
                lastTimestamp: { type: "int64", default: -1 },
                coordinatorEpoch: "int32",
                /** -1 where no transaction is open. */
                currentTxnStartOffset: { type: "int64", default: -1 },
              },
            },
          },
        },
      },
    },
  },
});

export type DescribeProducersRequest = Infer<typeof describeProducersRequest>;
export type DescribeProducersResponse = Infer<typeof describeProducersResponse>;
