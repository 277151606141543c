// RemoveRaftVoter (key 81): how a voter is removed from a KRaft quorum
// (KIP-853).

import { type Infer, message } from "../schema.ts";

export const removeRaftVoterRequest = message({
  key: 81,
  name: "RemoveRaftVoterRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    clusterId: { type: "string", nullableSince: 0 },
    voterId: "int32",
    voterDirectoryId: "uuid",
  },
});

export const removeRaftVoterResponse = message({
  key: 81,
  name: "RemoveRaftVoterResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0 },
  },
});

export type RemoveRaftVoterRequest = Infer<typeof removeRaftVoterRequest>;
export type RemoveRaftVoterResponse = Infer<typeof removeRaftVoterResponse>;
