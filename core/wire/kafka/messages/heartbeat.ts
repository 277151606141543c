// Heartbeat (key 12): how a member of a group says that it lives.
//
// v1 adds `throttleTimeMs`; v3 adds `groupInstanceId`; v4 is the first
// flexible version.

import { type Infer, message } from "../schema.ts";

export const heartbeatRequest = message({
  key: 12,
  name: "HeartbeatRequest",
  versions: [0, 4],
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
  },
});

/**
 * Errors: `REBALANCE_IN_PROGRESS`, `ILLEGAL_GENERATION`, `UNKNOWN_MEMBER_ID`.
 */
export const heartbeatResponse = message({
  key: 12,
  name: "HeartbeatResponse",
  versions: [0, 4],
  flexibleSince: 4,
  fields: {
    throttleTimeMs: { type: "int32", since: 1, ignorable: true },
    errorCode: "int16",
  },
});

export type HeartbeatRequest = Infer<typeof heartbeatRequest>;
export type HeartbeatResponse = Infer<typeof heartbeatResponse>;
