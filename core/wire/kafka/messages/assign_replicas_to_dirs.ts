// AssignReplicasToDirs (key 73): how a broker tells the KRaft controller which
// log directory holds which replica (KIP-858).

import { type Infer, message } from "../schema.ts";

export const assignReplicasToDirsRequest = message({
  key: 73,
  name: "AssignReplicasToDirsRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    brokerId: "int32",
    brokerEpoch: { type: "int64", default: -1 },
    directories: {
      array: {
        id: "uuid",
        topics: {
          array: {
            topicId: "uuid",
            partitions: {
              array: {
                partitionIndex: "int32",
              },
            },
          },
        },
      },
    },
  },
});

export const assignReplicasToDirsResponse = message({
  key: 73,
  name: "AssignReplicasToDirsResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    directories: {
      array: {
        id: "uuid",
        topics: {
          array: {
            topicId: "uuid",
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

export type AssignReplicasToDirsRequest = Infer<
  typeof assignReplicasToDirsRequest
>;
export type AssignReplicasToDirsResponse = Infer<
  typeof assignReplicasToDirsResponse
>;
