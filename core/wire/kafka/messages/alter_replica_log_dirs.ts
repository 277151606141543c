// AlterReplicaLogDirs (key 34): how replicas are moved between the log
// directories of one broker.
//
// v2 is the first flexible version. Kafka 4 no longer has v0.

import { type Infer, message } from "../schema.ts";

export const alterReplicaLogDirsRequest = message({
  key: 34,
  name: "AlterReplicaLogDirsRequest",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    dirs: {
      array: {
        path: "string",
        topics: {
          array: {
            name: "string",
            partitions: { array: "int32" },
          },
        },
      },
    },
  },
});

export const alterReplicaLogDirsResponse = message({
  key: 34,
  name: "AlterReplicaLogDirsResponse",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    throttleTimeMs: "int32",
    results: {
      array: {
        topicName: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            errorCode: "int16",
          },
        },
      },
    },
  },
});

export type AlterReplicaLogDirsRequest = Infer<
  typeof alterReplicaLogDirsRequest
>;
export type AlterReplicaLogDirsResponse = Infer<
  typeof alterReplicaLogDirsResponse
>;
