// ListTransactions (key 66): which transactions this broker coordinates.
//
// v1 adds `durationFilter`; v2 adds `transactionalIdPattern`. v2 came with
// Kafka 4.

import { type Infer, message } from "../schema.ts";

export const listTransactionsRequest = message({
  key: 66,
  name: "ListTransactionsRequest",
  versions: [0, 2],
  flexibleSince: 0,
  fields: {
    stateFilters: { array: "string" },
    producerIdFilters: { array: "int64" },
    durationFilter: { type: "int64", since: 1, default: -1 },
    transactionalIdPattern: {
      type: "string",
      since: 2,
      nullableSince: 2,
      default: null,
    },
  },
});

export const listTransactionsResponse = message({
  key: 66,
  name: "ListTransactionsResponse",
  versions: [0, 2],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    unknownStateFilters: { array: "string" },
    transactionStates: {
      array: {
        transactionalId: "string",
        producerId: "int64",
        transactionState: "string",
      },
    },
  },
});

export type ListTransactionsRequest = Infer<typeof listTransactionsRequest>;
export type ListTransactionsResponse = Infer<typeof listTransactionsResponse>;
