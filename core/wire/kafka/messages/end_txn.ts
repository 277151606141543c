// EndTxn (key 26): how a producer commits or aborts its transaction.
//
// v3 is the first flexible version; v5 adds `producerId` and `producerEpoch`.
// v5 came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const endTxnRequest = message({
  key: 26,
  name: "EndTxnRequest",
  versions: [0, 5],
  flexibleSince: 3,
  fields: {
    transactionalId: "string",
    producerId: "int64",
    producerEpoch: "int16",
    /** True commits, false aborts. */
    committed: "bool",
  },
});

/**
 * Errors: `INVALID_TXN_STATE`, `PRODUCER_FENCED`, `CONCURRENT_TRANSACTIONS`.
 */
export const endTxnResponse = message({
  key: 26,
  name: "EndTxnResponse",
  versions: [0, 5],
  flexibleSince: 3,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    producerId: { type: "int64", since: 5, default: -1, ignorable: true },
    producerEpoch: { type: "int16", since: 5, default: -1, ignorable: true },
  },
});

export type EndTxnRequest = Infer<typeof endTxnRequest>;
export type EndTxnResponse = Infer<typeof endTxnResponse>;
