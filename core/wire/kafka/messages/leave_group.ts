// LeaveGroup (key 13): how members leave a group at once, rather than by
// silence.
//
// v1 adds `throttleTimeMs`; v3 adds `members`; v4 is the first flexible
// version.

import { type Infer, message } from "../schema.ts";

export const leaveGroupRequest = message({
  key: 13,
  name: "LeaveGroupRequest",
  versions: [0, 5],
  flexibleSince: 4,
  fields: {
    groupId: "string",
    memberId: { type: "string", until: 2 },
    members: {
      since: 3,
      array: {
        memberId: "string",
        groupInstanceId: { type: "string", nullableSince: 3, default: null },
        reason: {
          type: "string",
          since: 5,
          nullableSince: 5,
          default: null,
          ignorable: true,
        },
      },
    },
  },
});

export const leaveGroupResponse = message({
  key: 13,
  name: "LeaveGroupResponse",
  versions: [0, 5],
  flexibleSince: 4,
  fields: {
    throttleTimeMs: { type: "int32", since: 1, ignorable: true },
    errorCode: "int16",
    members: {
      since: 3,
      array: {
        memberId: "string",
        groupInstanceId: { type: "string", nullableSince: 3 },
        errorCode: "int16",
      },
    },
  },
});

export type LeaveGroupRequest = Infer<typeof leaveGroupRequest>;
export type LeaveGroupResponse = Infer<typeof leaveGroupResponse>;
