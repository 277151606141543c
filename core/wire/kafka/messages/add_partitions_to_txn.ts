// AddPartitionsToTxn (key 24): how partitions become part of a transaction.
// From v4 on brokers use it among themselves, for many transactions at once.
//
// v3 is the first flexible version; v4 adds `transactions`, `errorCode` and
// `resultsByTransaction`.

import { type Infer, message, struct } from "../schema.ts";

const addPartitionsToTxnTopic = struct({
  name: "string",
  partitions: { array: "int32" },
});

export const addPartitionsToTxnRequest = message({
  key: 24,
  name: "AddPartitionsToTxnRequest",
  versions: [0, 5],
  flexibleSince: 3,
  fields: {
    transactions: {
      since: 4,
      array: {
        transactionalId: "string",
        producerId: "int64",
        producerEpoch: "int16",
        verifyOnly: { type: "bool", default: false },
        topics: { array: addPartitionsToTxnTopic },
      },
    },
    v3AndBelowTransactionalId: { type: "string", until: 3 },
    v3AndBelowProducerId: { type: "int64", until: 3 },
    v3AndBelowProducerEpoch: { type: "int16", until: 3 },
    v3AndBelowTopics: { array: addPartitionsToTxnTopic, until: 3 },
  },
});

const addPartitionsToTxnPartitionResult = struct({
  partitionIndex: "int32",
  partitionErrorCode: "int16",
});

const addPartitionsToTxnTopicResult = struct({
  name: "string",
  resultsByPartition: { array: addPartitionsToTxnPartitionResult },
});

export const addPartitionsToTxnResponse = message({
  key: 24,
  name: "AddPartitionsToTxnResponse",
  versions: [0, 5],
  flexibleSince: 3,
  fields: {
    throttleTimeMs: "int32",
    errorCode: { type: "int16", since: 4, ignorable: true },
    resultsByTransaction: {
      since: 4,
      array: {
        transactionalId: "string",
        topicResults: { array: addPartitionsToTxnTopicResult },
      },
    },
    resultsByTopicV3AndBelow: {
      array: addPartitionsToTxnTopicResult,
      until: 3,
    },
  },
});

export type AddPartitionsToTxnRequest = Infer<typeof addPartitionsToTxnRequest>;
export type AddPartitionsToTxnResponse = Infer<
  typeof addPartitionsToTxnResponse
>;
