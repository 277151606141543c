// StopReplica (key 5): how the controller tells a broker to stop, or to
// delete, replicas. Only clusters that keep their metadata in ZooKeeper use
// it.
//
// v1 adds `brokerEpoch` and `topics`; v2 is the first flexible version; v3
// adds `topicStates`; v4 adds `isKRaftController`.

import { type Infer, message } from "../schema.ts";

export const stopReplicaRequest = message({
  key: 5,
  name: "StopReplicaRequest",
  versions: [0, 4],
  flexibleSince: 2,
  fields: {
    controllerId: "int32",
    isKRaftController: { type: "bool", since: 4, default: false },
    controllerEpoch: "int32",
    brokerEpoch: { type: "int64", since: 1, default: -1, ignorable: true },
    deletePartitions: { type: "bool", until: 2 },
    ungroupedPartitions: {
      until: 0,
      array: {
        topicName: { type: "string", until: 0 },
        partitionIndex: { type: "int32", until: 0 },
      },
    },
    topics: {
      since: 1,
      until: 2,
      array: {
        name: { type: "string", until: 2 },
        partitionIndexes: { array: "int32", until: 2 },
      },
    },
    topicStates: {
      since: 3,
      array: {
        topicName: "string",
        partitionStates: {
          array: {
            partitionIndex: "int32",
            leaderEpoch: { type: "int32", default: -1 },
            deletePartition: "bool",
          },
        },
      },
    },
  },
});

export const stopReplicaResponse = message({
  key: 5,
  name: "StopReplicaResponse",
  versions: [0, 4],
  flexibleSince: 2,
  fields: {
    errorCode: "int16",
    partitionErrors: {
      array: {
        topicName: "string",
        partitionIndex: "int32",
        errorCode: "int16",
      },
    },
  },
});

export type StopReplicaRequest = Infer<typeof stopReplicaRequest>;
export type StopReplicaResponse = Infer<typeof stopReplicaResponse>;
