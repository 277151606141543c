// UpdateMetadata (key 6): how the controller spreads the state of the cluster
// to all brokers. Only clusters that keep their metadata in ZooKeeper use it.
//
// v1 adds `endpoints`; v2 adds `rack`; v4 adds `offlineReplicas`; v5 adds
// `brokerEpoch` and `topicStates`; v6 is the first flexible version; v8 adds
// `isKRaftController` and `type`.

import { type Infer, message, struct } from "../schema.ts";

const updateMetadataPartitionState = struct({
  topicName: { type: "string", until: 4, ignorable: true },
  partitionIndex: "int32",
  controllerEpoch: "int32",
  leader: "int32",
  leaderEpoch: "int32",
  isr: { array: "int32" },
  zkVersion: "int32",
  replicas: { array: "int32" },
  offlineReplicas: { array: "int32", since: 4, ignorable: true },
});

export const updateMetadataRequest = message({
  key: 6,
  name: "UpdateMetadataRequest",
  versions: [0, 8],
  flexibleSince: 6,
  fields: {
    controllerId: "int32",
    isKRaftController: { type: "bool", since: 8, default: false },
    /** 0 unknown, 1 only changes, 2 the whole state. */
    type: { type: "int8", tag: 0, since: 8, default: 0 },
    controllerEpoch: "int32",
    brokerEpoch: { type: "int64", since: 5, default: -1, ignorable: true },
    ungroupedPartitionStates: { array: updateMetadataPartitionState, until: 4 },
    topicStates: {
      since: 5,
      array: {
        topicName: "string",
        topicId: { type: "uuid", since: 7, ignorable: true },
        partitionStates: { array: updateMetadataPartitionState },
      },
    },
    liveBrokers: {
      array: {
        id: "int32",
        v0Host: { type: "string", until: 0, ignorable: true },
        v0Port: { type: "int32", until: 0, ignorable: true },
        endpoints: {
          since: 1,
          ignorable: true,
          array: {
            port: "int32",
            host: "string",
            listener: { type: "string", since: 3, ignorable: true },
            securityProtocol: "int16",
          },
        },
        rack: { type: "string", since: 2, nullableSince: 0, ignorable: true },
      },
    },
  },
});

export const updateMetadataResponse = message({
  key: 6,
  name: "UpdateMetadataResponse",
  versions: [0, 8],
  flexibleSince: 6,
  fields: {
    errorCode: "int16",
  },
});

export type UpdateMetadataRequest = Infer<typeof updateMetadataRequest>;
export type UpdateMetadataResponse = Infer<typeof updateMetadataResponse>;
