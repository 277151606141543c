// BeginQuorumEpoch (key 53): how a new leader of a KRaft quorum makes itself
// known.
//
// v1 adds `voterId`, `voterDirectoryId`, `leaderEndpoints` and `nodeEndpoints`
// and is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const beginQuorumEpochRequest = message({
  key: 53,
  name: "BeginQuorumEpochRequest",
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    clusterId: { type: "string", nullableSince: 0, default: null },
    voterId: { type: "int32", since: 1, default: -1, ignorable: true },
    topics: {
      array: {
        topicName: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            voterDirectoryId: { type: "uuid", since: 1, ignorable: true },
            leaderId: "int32",
            leaderEpoch: "int32",
          },
        },
      },
    },
    leaderEndpoints: {
      since: 1,
      ignorable: true,
      array: {
        name: "string",
        host: "string",
        port: "uint16",
      },
    },
  },
});

export const beginQuorumEpochResponse = message({
  key: 53,
  name: "BeginQuorumEpochResponse",
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    errorCode: "int16",
    topics: {
      array: {
        topicName: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            leaderId: "int32",
            leaderEpoch: "int32",
          },
        },
      },
    },
    nodeEndpoints: {
      tag: 0,
      since: 1,
      array: {
        nodeId: "int32",
        host: "string",
        port: "uint16",
      },
    },
  },
});

export type BeginQuorumEpochRequest = Infer<typeof beginQuorumEpochRequest>;
export type BeginQuorumEpochResponse = Infer<typeof beginQuorumEpochResponse>;
