// EndQuorumEpoch (key 54): how a leader of a KRaft quorum steps down.
//
// v1 adds `preferredCandidates`, `leaderEndpoints` and `nodeEndpoints` and is
// the first flexible version.

import { type Infer, message } from "../schema.ts";

export const endQuorumEpochRequest = message({
  key: 54,
  name: "EndQuorumEpochRequest",
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    clusterId: { type: "string", nullableSince: 0, default: null },
    topics: {
      array: {
        topicName: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            leaderId: "int32",
            leaderEpoch: "int32",
            preferredSuccessors: { array: "int32", until: 0, ignorable: true },
            preferredCandidates: {
              since: 1,
              ignorable: true,
              array: {
                candidateId: "int32",
                candidateDirectoryId: "uuid",
              },
            },
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

export const endQuorumEpochResponse = message({
  key: 54,
  name: "EndQuorumEpochResponse",
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

export type EndQuorumEpochRequest = Infer<typeof endQuorumEpochRequest>;
export type EndQuorumEpochResponse = Infer<typeof endQuorumEpochResponse>;
