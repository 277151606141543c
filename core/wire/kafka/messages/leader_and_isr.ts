// LeaderAndIsr (key 4): how the controller tells brokers which partitions they
// lead or follow. Only clusters that keep their metadata in ZooKeeper use it.
//
// v1 adds `isNew`; v2 adds `brokerEpoch` and `topicStates`; v3 adds
// `addingReplicas` and `removingReplicas`; v4 is the first flexible version;
// v5 adds `type` and `topics`; v6 adds `leaderRecoveryState`; v7 adds
// `isKRaftController`.

import { type Infer, message, struct } from "../schema.ts";

const leaderAndIsrPartitionState = struct({
  topicName: { type: "string", until: 1, ignorable: true },
  partitionIndex: "int32",
  controllerEpoch: "int32",
  leader: "int32",
  leaderEpoch: "int32",
  isr: { array: "int32" },
  /** Version of the partition's znode. */
  partitionEpoch: "int32",
  replicas: { array: "int32" },
  addingReplicas: { array: "int32", since: 3, ignorable: true },
  removingReplicas: { array: "int32", since: 3, ignorable: true },
  isNew: { type: "bool", since: 1, default: false, ignorable: true },
  leaderRecoveryState: { type: "int8", since: 6, default: 0 },
});

export const leaderAndIsrRequest = message({
  key: 4,
  name: "LeaderAndIsrRequest",
  versions: [0, 7],
  flexibleSince: 4,
  fields: {
    controllerId: "int32",
    isKRaftController: { type: "bool", since: 7, default: false },
    controllerEpoch: "int32",
    brokerEpoch: { type: "int64", since: 2, default: -1, ignorable: true },
    /** 0 unknown, 1 only changes, 2 the whole state. */
    type: { type: "int8", since: 5 },
    ungroupedPartitionStates: { array: leaderAndIsrPartitionState, until: 1 },
    topicStates: {
      since: 2,
      array: {
        topicName: "string",
        topicId: { type: "uuid", since: 5, ignorable: true },
        partitionStates: { array: leaderAndIsrPartitionState },
      },
    },
    liveLeaders: {
      array: {
        brokerId: "int32",
        hostName: "string",
        port: "int32",
      },
    },
  },
});

const leaderAndIsrPartitionError = struct({
  topicName: { type: "string", until: 4, ignorable: true },
  partitionIndex: "int32",
  errorCode: "int16",
});

export const leaderAndIsrResponse = message({
  key: 4,
  name: "LeaderAndIsrResponse",
  versions: [0, 7],
  flexibleSince: 4,
  fields: {
    errorCode: "int16",
    partitionErrors: { array: leaderAndIsrPartitionError, until: 4 },
    topics: {
      since: 5,
      array: {
        topicId: "uuid",
        partitionErrors: { array: leaderAndIsrPartitionError },
      },
    },
  },
});

export type LeaderAndIsrRequest = Infer<typeof leaderAndIsrRequest>;
export type LeaderAndIsrResponse = Infer<typeof leaderAndIsrResponse>;
