// Vote (key 52): how a node of a KRaft quorum asks for votes.
//
// v1 adds `voterId`, `replicaDirectoryId`, `voterDirectoryId` and
// `nodeEndpoints`; v2 adds `preVote`. v2 came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const voteRequest = message({
  key: 52,
  name: "VoteRequest",
  versions: [0, 2],
  flexibleSince: 0,
  fields: {
    clusterId: { type: "string", nullableSince: 0, default: null },
    voterId: { type: "int32", since: 1, default: -1, ignorable: true },
    topics: {
      array: {
        topicName: "string",
        partitions: {
          array: {
            partitionIndex: "int32",
            replicaEpoch: { type: "int32", formerName: "candidateEpoch" },
            replicaId: { type: "int32", formerName: "candidateId" },
            replicaDirectoryId: {
              type: "uuid",
              since: 1,
              ignorable: true,
              formerName: "candidateDirectoryId",
            },
            voterDirectoryId: { type: "uuid", since: 1, ignorable: true },
            lastOffsetEpoch: "int32",
            lastOffset: "int64",
            preVote: { type: "bool", since: 2 },
          },
        },
      },
    },
  },
});

export const voteResponse = message({
  key: 52,
  name: "VoteResponse",
  versions: [0, 2],
  flexibleSince: 0,
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
            voteGranted: "bool",
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

export type VoteRequest = Infer<typeof voteRequest>;
export type VoteResponse = Infer<typeof voteResponse>;
