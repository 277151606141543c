// AddOffsetsToTxn (key 25): how a group's offsets become part of a
// transaction.
//
// v3 is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const addOffsetsToTxnRequest = message({
  key: 25,
  name: "AddOffsetsToTxnRequest",
  versions: [0, 4],
  flexibleSince: 3,
  fields: {
    transactionalId: "string",
    producerId: "int64",
    producerEpoch: "int16",
    groupId: "string",
  },
});

export const addOffsetsToTxnResponse = message({
  key: 25,
  name: "AddOffsetsToTxnResponse",
  versions: [0, 4],
  flexibleSince: 3,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
  },
});

export type AddOffsetsToTxnRequest = Infer<typeof addOffsetsToTxnRequest>;
export type AddOffsetsToTxnResponse = Infer<typeof addOffsetsToTxnResponse>;
