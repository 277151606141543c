// AddRaftVoter (key 80): how a voter is added to a KRaft quorum (KIP-853).

import { type Infer, message } from "../schema.ts";

export const addRaftVoterRequest = message({
  key: 80,
  name: "AddRaftVoterRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    clusterId: { type: "string", nullableSince: 0 },
    timeoutMs: "int32",
    voterId: "int32",
    voterDirectoryId: "uuid",
    listeners: {
      array: {
        name: "string",
        host: "string",
        port: "uint16",
      },
    },
  },
});

export const addRaftVoterResponse = message({
  key: 80,
  name: "AddRaftVoterResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0 },
  },
});

export type AddRaftVoterRequest = Infer<typeof addRaftVoterRequest>;
export type AddRaftVoterResponse = Infer<typeof addRaftVoterResponse>;
