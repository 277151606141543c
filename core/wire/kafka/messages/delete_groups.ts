// DeleteGroups (key 42): how groups without members are deleted.
//
// v2 is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const deleteGroupsRequest = message({
  key: 42,
  name: "DeleteGroupsRequest",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    groupsNames: { array: "string" },
  },
});

export const deleteGroupsResponse = message({
  key: 42,
  name: "DeleteGroupsResponse",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    throttleTimeMs: "int32",
    results: {
      array: {
        groupId: "string",
        errorCode: "int16",
      },
    },
  },
});

export type DeleteGroupsRequest = Infer<typeof deleteGroupsRequest>;
export type DeleteGroupsResponse = Infer<typeof deleteGroupsResponse>;
