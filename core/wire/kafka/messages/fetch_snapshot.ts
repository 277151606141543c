// FetchSnapshot (key 59): how a node of a KRaft quorum reads a snapshot, piece
// by piece.
//
// v1 adds `replicaDirectoryId` and `nodeEndpoints`.

import { type Infer, message } from "../schema.ts";

export const fetchSnapshotRequest = message({
  key: 59,
  name: "FetchSnapshotRequest",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    clusterId: { type: "string", tag: 0, nullableSince: 0, default: null },
    replicaId: { type: "int32", default: -1 },
    maxBytes: { type: "int32", default: 2147483647 },
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            partition: "int32",
            currentLeaderEpoch: "int32",
            snapshotId: {
              struct: {
                endOffset: "int64",
                epoch: "int32",
              },
            },
            position: "int64",
            replicaDirectoryId: {
              type: "uuid",
              tag: 0,
              since: 1,
              ignorable: true,
            },
          },
        },
      },
    },
  },
});

export const fetchSnapshotResponse = message({
  key: 59,
  name: "FetchSnapshotResponse",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    topics: {
      array: {
        name: "string",
        partitions: {
          array: {
            index: "int32",
            errorCode: "int16",
            snapshotId: {
              struct: {
                endOffset: "int64",
                epoch: "int32",
              },
            },
            currentLeader: {
              tag: 0,
              struct: {
                leaderId: "int32",
                leaderEpoch: "int32",
              },
            },
            size: "int64",
            position: "int64",
            unalignedRecords: "records",
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

export type FetchSnapshotRequest = Infer<typeof fetchSnapshotRequest>;
export type FetchSnapshotResponse = Infer<typeof fetchSnapshotResponse>;
