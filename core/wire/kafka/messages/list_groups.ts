// ListGroups (key 16): which groups this broker coordinates.
//
// v1 adds `throttleTimeMs`; v3 is the first flexible version; v4 adds
// `statesFilter` and `groupState`; v5 adds `typesFilter` and `groupType`.

import { type Infer, message } from "../schema.ts";

export const listGroupsRequest = message({
  key: 16,
  name: "ListGroupsRequest",
  versions: [0, 5],
  flexibleSince: 3,
  fields: {
    statesFilter: { array: "string", since: 4 },
    typesFilter: { array: "string", since: 5 },
  },
});

export const listGroupsResponse = message({
  key: 16,
  name: "ListGroupsResponse",
  versions: [0, 5],
  flexibleSince: 3,
  fields: {
    throttleTimeMs: { type: "int32", since: 1, ignorable: true },
    errorCode: "int16",
    groups: {
      array: {
        groupId: "string",
        protocolType: "string",
        groupState: { type: "string", since: 4, ignorable: true },
        groupType: { type: "string", since: 5, ignorable: true },
      },
    },
  },
});

export type ListGroupsRequest = Infer<typeof listGroupsRequest>;
export type ListGroupsResponse = Infer<typeof listGroupsResponse>;
