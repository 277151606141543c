// SyncGroup (key 14): how the leader of a group hands in the assignment and
// every member gets its part.
//
// v1 adds `throttleTimeMs`; v3 adds `groupInstanceId`; v4 is the first
// flexible version; v5 adds `protocolType` and `protocolName`.

import { type Infer, message } from "../schema.ts";

export const syncGroupRequest = message({
  key: 14,
  name: "SyncGroupRequest",
  versions: [0, 5],
  flexibleSince: 4,
  fields: {
    groupId: "string",
    generationId: "int32",
    memberId: "string",
    groupInstanceId: {
      type: "string",
      since: 3,
      nullableSince: 3,
      default: null,
    },
    protocolType: {
      type: "string",
      since: 5,
      nullableSince: 5,
      default: null,
      ignorable: true,
    },
    protocolName: {
      type: "string",
      since: 5,
      nullableSince: 5,
      default: null,
      ignorable: true,
    },
    assignments: {
      array: {
        memberId: "string",
        assignment: "bytes",
      },
    },
  },
});

/**
 * Errors: `REBALANCE_IN_PROGRESS`, `ILLEGAL_GENERATION`, `UNKNOWN_MEMBER_ID`.
 */
export const syncGroupResponse = message({
  key: 14,
  name: "SyncGroupResponse",
  versions: [0, 5],
  flexibleSince: 4,
  fields: {
    throttleTimeMs: { type: "int32", since: 1, ignorable: true },
    errorCode: "int16",
    protocolType: {
      type: "string",
      since: 5,
      nullableSince: 5,
      default: null,
      ignorable: true,
    },
    protocolName: {
      type: "string",
      since: 5,
      nullableSince: 5,
      default: null,
      ignorable: true,
    },
    assignment: "bytes",
  },
});

export type SyncGroupRequest = Infer<typeof syncGroupRequest>;
export type SyncGroupResponse = Infer<typeof syncGroupResponse>;
