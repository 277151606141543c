// InitProducerId (key 22): how an idempotent or transactional producer gets
// its id and epoch, and fences those before it.
//
// v2 is the first flexible version; v3 adds `producerId` and `producerEpoch`;
// v6 adds `enable2Pc`, `keepPreparedTxn`, `ongoingTxnProducerId` and
// `ongoingTxnProducerEpoch`. v6 came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const initProducerIdRequest = message({
  key: 22,
  name: "InitProducerIdRequest",
  versions: [0, 6],
  flexibleSince: 2,
  fields: {
    /** Null for a producer that is idempotent only. */
    transactionalId: { type: "string", nullableSince: 0 },
    transactionTimeoutMs: "int32",
    producerId: { type: "int64", since: 3, default: -1 },
    producerEpoch: { type: "int16", since: 3, default: -1 },
    enable2Pc: { type: "bool", since: 6, default: false },
    keepPreparedTxn: { type: "bool", since: 6, default: false },
  },
});

/**
 * Errors: `INVALID_PRODUCER_EPOCH`, `PRODUCER_FENCED`,
 * `INVALID_TRANSACTION_TIMEOUT`, `CONCURRENT_TRANSACTIONS`.
 */
export const initProducerIdResponse = message({
  key: 22,
  name: "InitProducerIdResponse",
  versions: [0, 6],
  flexibleSince: 2,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    producerId: { type: "int64", default: -1 },
    producerEpoch: "int16",
    ongoingTxnProducerId: { type: "int64", since: 6, default: -1 },
    ongoingTxnProducerEpoch: { type: "int16", since: 6, default: -1 },
  },
});

export type InitProducerIdRequest = Infer<typeof initProducerIdRequest>;
export type InitProducerIdResponse = Infer<typeof initProducerIdResponse>;
