// AlterPartition (key 56): how a leader proposes a change of the in-sync
// replicas to the controller.
//
// v1 adds `leaderRecoveryState`; v2 adds `topicId`; v3 adds
// `newIsrWithEpochs`. Kafka 4 no longer has v0 to v1.

import { type Infer, message } from "../schema.ts";

export const alterPartitionRequest = message({
  key: 56,
  name: "AlterPartitionRequest",
  versions: [0, 3],
  flexibleSince: 0,
  fields: {
    brokerId: "int32",
    brokerEpoch: { type: "int64", default: -1 },
    topics: {
      array: {
        topicName: { type: "string", until: 1, ignorable: true },
        topicId: { type: "uuid", since: 2, ignorable: true },
        partitions: {
          array: {
            partitionIndex: "int32",
            leaderEpoch: "int32",
            newIsr: { array: "int32", until: 2 },
            newIsrWithEpochs: {
              since: 3,
              array: {
                brokerId: "int32",
                brokerEpoch: { type: "int64", default: -1 },
              },
            },
            /** 0 recovered, 1 recovering from an unclean election. */
            leaderRecoveryState: { type: "int8", since: 1, default: 0 },
            /** What the change is based on; the version of the znode. */
            partitionEpoch: "int32",
          },
        },
      },
    },
  },
});

export const alterPartitionResponse = message({
  key: 56,
  name: "AlterPartitionResponse",
  versions: [0, 3],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    topics: {
      array: {
        topicName: { type: "string", until: 1, ignorable: true },
        topicId: { type: "uuid", since: 2, ignorable: true },
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            leaderId: "int32",
            leaderEpoch: "int32",
            isr: { array: "int32" },
            leaderRecoveryState: {
              type: "int8",
              since: 1,
              default: 0,
              ignorable: true,
            },
            partitionEpoch: "int32",
          },
        },
      },
    },
  },
});

export type AlterPartitionRequest = Infer<typeof alterPartitionRequest>;
export type AlterPartitionResponse = Infer<typeof alterPartitionResponse>;
