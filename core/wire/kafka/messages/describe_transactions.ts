// DescribeTransactions (key 65): what state transactions are in.

import { type Infer, message } from "../schema.ts";

export const describeTransactionsRequest = message({
  key: 65,
  name: "DescribeTransactionsRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    transactionalIds: { array: "string" },
  },
});

export const describeTransactionsResponse = message({
  key: 65,
  name: "DescribeTransactionsResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    transactionStates: {
      array: {
        errorCode: "int16",
        transactionalId: "string",
        transactionState: "string",
        transactionTimeoutMs: "int32",
        transactionStartTimeMs: "int64",
        producerId: "int64",
        producerEpoch: "int16",
        topics: {
          array: {
            topic: "string",
            partitions: { array: "int32" },
          },
        },
      },
    },
  },
});

export type DescribeTransactionsRequest = Infer<
  typeof describeTransactionsRequest
>;
export type DescribeTransactionsResponse = Infer<
  typeof describeTransactionsResponse
>;
