// JoinGroup (key 11): how a member enters a rebalance of its group and learns
// whether it leads it.
//
// v1 adds `rebalanceTimeoutMs`; v2 adds `throttleTimeMs`; v5 adds
// `groupInstanceId`; v6 is the first flexible version; v7 adds `protocolType`;
// v8 adds `reason`; v9 adds `skipAssignment`.

import { type Infer, message } from "../schema.ts";

export const joinGroupRequest = message({
  key: 11,
  name: "JoinGroupRequest",
  versions: [0, 9],
  flexibleSince: 6,
  fields: {
    groupId: "string",
    sessionTimeoutMs: "int32",
    rebalanceTimeoutMs: {
      type: "int32",
      since: 1,
      default: -1,
      ignorable: true,
    },
    /** Empty for a member that the group does not know yet. */
    memberId: "string",
    groupInstanceId: {
      type: "string",
      since: 5,
      nullableSince: 5,
      default: null,
    },
    protocolType: "string",
    protocols: {
      array: {
        name: "string",
        metadata: "bytes",
      },
    },
    reason: {
      type: "string",
      since: 8,
      nullableSince: 8,
      default: null,
      ignorable: true,
    },
  },
});

/**
 * Errors: `MEMBER_ID_REQUIRED`, `UNKNOWN_MEMBER_ID`,
 * `INCONSISTENT_GROUP_PROTOCOL`, `FENCED_INSTANCE_ID`.
 */
export const joinGroupResponse = message({
  key: 11,
  name: "JoinGroupResponse",
  versions: [0, 9],
  flexibleSince: 6,
  fields: {
    throttleTimeMs: { type: "int32", since: 2, ignorable: true },
    errorCode: "int16",
    generationId: { type: "int32", default: -1 },
    protocolType: {
      type: "string",
      since: 7,
      nullableSince: 7,
      default: null,
      ignorable: true,
    },
    protocolName: { type: "string", nullableSince: 7 },
    leader: "string",
    skipAssignment: { type: "bool", since: 9, default: false },
    memberId: "string",
    members: {
      array: {
        memberId: "string",
        groupInstanceId: {
          type: "string",
          since: 5,
          nullableSince: 5,
          default: null,
          ignorable: true,
        },
        metadata: "bytes",
      },
    },
  },
});

export type JoinGroupRequest = Infer<typeof joinGroupRequest>;
export type JoinGroupResponse = Infer<typeof joinGroupResponse>;
