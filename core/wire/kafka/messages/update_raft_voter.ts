// UpdateRaftVoter (key 82): how a voter of a KRaft quorum makes its new
// address known (KIP-853).

import { type Infer, message } from "../schema.ts";

export const updateRaftVoterRequest = message({
  key: 82,
  name: "UpdateRaftVoterRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    clusterId: { type: "string", nullableSince: 0 },
    currentLeaderEpoch: "int32",
    voterId: "int32",
    voterDirectoryId: "uuid",
    listeners: {
      array: {
        name: "string",
        host: "string",
        port: "uint16",
      },
    },
    kRaftVersionFeature: {
      struct: {
        minSupportedVersion: "int16",
        maxSupportedVersion: "int16",
      },
    },
  },
});

export const updateRaftVoterResponse = message({
  key: 82,
  name: "UpdateRaftVoterResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    currentLeader: {
      tag: 0,
      struct: {
        leaderId: { type: "int32", default: -1 },
        leaderEpoch: { type: "int32", default: -1 },
        host: "string",
        port: "int32",
      },
    },
  },
});

export type UpdateRaftVoterRequest = Infer<typeof updateRaftVoterRequest>;
export type UpdateRaftVoterResponse = Infer<typeof updateRaftVoterResponse>;
