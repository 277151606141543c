// ElectLeaders (key 43): how partitions get their preferred leader, or any
// leader at all.
//
// v1 adds `electionType` and `errorCode`; v2 is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const electLeadersRequest = message({
  key: 43,
  name: "ElectLeadersRequest",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    /** 0 the preferred leader, 1 any replica, even one out of sync. */
    electionType: { type: "int8", since: 1 },
    topicPartitions: {
      nullableSince: 0,
      array: {
        topic: "string",
        partitions: { array: "int32" },
      },
    },
    timeoutMs: { type: "int32", default: 60000 },
  },
});

export const electLeadersResponse = message({
  key: 43,
  name: "ElectLeadersResponse",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    throttleTimeMs: "int32",
    errorCode: { type: "int16", since: 1 },
    replicaElectionResults: {
      array: {
        topic: "string",
        partitionResult: {
          array: {
            partitionId: "int32",
            errorCode: "int16",
            errorMessage: { type: "string", nullableSince: 0 },
          },
        },
      },
    },
  },
});

export type ElectLeadersRequest = Infer<typeof electLeadersRequest>;
export type ElectLeadersResponse = Infer<typeof electLeadersResponse>;
