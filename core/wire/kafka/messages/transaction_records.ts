// Records of `__transaction_state`: one for each transactional id, and the
// marker that ends a transaction in a partition.
//
// The int16 version in front of keys and values is not part of these schemas.

import { type Infer, message } from "../schema.ts";

/** One for each transactional id. */
export const transactionLogKey = message({
  name: "TransactionLogKey",
  versions: [0, 0],
  fields: {
    transactionalId: "string",
  },
});

/** Where the transaction of an id stands. */
export const transactionLogValue = message({
  name: "TransactionLogValue",
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    producerId: "int64",
    previousProducerId: { type: "int64", tag: 0, since: 1, default: -1 },
    nextProducerId: { type: "int64", tag: 1, since: 1, default: -1 },
    producerEpoch: "int16",
    nextProducerEpoch: { type: "int16", tag: 3, since: 1, default: -1 },
    transactionTimeoutMs: "int32",
    transactionStatus: "int8",
    transactionPartitions: {
      nullableSince: 0,
      array: {
        topic: "string",
        partitionIds: { array: "int32" },
      },
    },
    transactionLastUpdateTimestampMs: "int64",
    transactionStartTimestampMs: "int64",
    clientTransactionVersion: { type: "int16", tag: 2, since: 1, default: 0 },
  },
});

/** Value of the control record that ends a transaction. */
export const endTxnMarker = message({
  name: "EndTxnMarker",
  versions: [0, 0],
  fields: {
    coordinatorEpoch: "int32",
  },
});

export type TransactionLogKey = Infer<typeof transactionLogKey>;
export type TransactionLogValue = Infer<typeof transactionLogValue>;
export type EndTxnMarker = Infer<typeof endTxnMarker>;
