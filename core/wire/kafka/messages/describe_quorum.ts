// DescribeQuorum (key 55): who is in a KRaft quorum, and how far each node is.
//
// v1 adds `lastFetchTimestamp` and `lastCaughtUpTimestamp`; v2 adds
// `errorMessage`, `replicaDirectoryId` and `nodes`.

import { type Infer, message, struct } from "../schema.ts";

export const describeQuorumRequest = message({
  key: 55,
  name: "DescribeQuorumRequest",
  versions: [0, 2],
  flexibleSince: 0,
  fields: {
    topics: {
      array: {
        topicName: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
          },
        },
      },
    },
  },
});

const replicaState = struct({
  replicaId: "int32",
  replicaDirectoryId: { type: "uuid", since: 2 },
  logEndOffset: "int64",
  lastFetchTimestamp: { type: "int64", since: 1, default: -1, ignorable: true },
  lastCaughtUpTimestamp: {
    type: "int64",
    since: 1,
    default: -1,
    ignorable: true,
  },
});

export const describeQuorumResponse = message({
  key: 55,
  name: "DescribeQuorumResponse",
  versions: [0, 2],
  flexibleSince: 0,
  fields: {
    errorCode: "int16",
    errorMessage: {
      type: "string",
      since: 2,
      nullableSince: 2,
      ignorable: true,
    },
    topics: {
      array: {
        topicName: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
            errorMessage: {
              type: "string",
              since: 2,
              nullableSince: 2,
              ignorable: true,
            },
            leaderId: "int32",
            leaderEpoch: "int32",
            highWatermark: "int64",
            currentVoters: { array: replicaState },
            observers: { array: replicaState },
          },
        },
      },
    },
    nodes: {
      since: 2,
      array: {
        nodeId: "int32",
        listeners: {
          array: {
            name: "string",
            host: "string",
            port: "uint16",
          },
        },
      },
    },
  },
});

export type DescribeQuorumRequest = Infer<typeof describeQuorumRequest>;
export type DescribeQuorumResponse = Infer<typeof describeQuorumResponse>;
