// WriteTxnMarkers (key 27): how a transaction coordinator has the end of
// transactions written to the partitions that took part.
//
// v1 is the first flexible version. Kafka 4 no longer has v0. v2, of Kafka 4.2, adds
// `transactionVersion`.

import { type Infer, message } from "../schema.ts";

export const writeTxnMarkersRequest = message({
  key: 27,
  name: "WriteTxnMarkersRequest",
  versions: [0, 2],
  flexibleSince: 1,
  fields: {
    markers: {
      array: {
        producerId: "int64",
        producerEpoch: "int16",
        /** True commits, false aborts. */
        transactionResult: "bool",
        topics: {
          array: {
            name: "string",
            partitionIndexes: { array: "int32" },
          },
        },
        coordinatorEpoch: "int32",
        /** 2 where the epoch is above that of the transaction's records. */
        transactionVersion: {
          type: "int8",
          since: 2,
          default: 0,
          ignorable: true,
        },
      },
    },
  },
});

export const writeTxnMarkersResponse = message({
  key: 27,
  name: "WriteTxnMarkersResponse",
  versions: [0, 2],
  flexibleSince: 1,
  fields: {
    markers: {
      array: {
        producerId: "int64",
        topics: {
          array: {
            name: "string",
            partitions: {
              array: {
                partitionIndex: "int32",
                errorCode: "int16",
              },
            },
          },
        },
      },
    },
  },
});

export type WriteTxnMarkersRequest = Infer<typeof writeTxnMarkersRequest>;
export type WriteTxnMarkersResponse = Infer<typeof writeTxnMarkersResponse>;
