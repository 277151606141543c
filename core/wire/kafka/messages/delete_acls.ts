// DeleteAcls (key 31): how access rules are removed, by filter.
//
// v1 adds `patternTypeFilter` and `patternType`; v2 is the first flexible
// version. Kafka 4 no longer has v0.

import { type Infer, message } from "../schema.ts";

export const deleteAclsRequest = message({
  key: 31,
  name: "DeleteAclsRequest",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    filters: {
      array: {
        resourceTypeFilter: "int8",
        resourceNameFilter: { type: "string", nullableSince: 0 },
        /** 1 any, 2 match, 3 literal, 4 prefixed. */
        patternTypeFilter: { type: "int8", since: 1, default: 3 },
        principalFilter: { type: "string", nullableSince: 0 },
        hostFilter: { type: "string", nullableSince: 0 },
        operation: "int8",
        permissionType: "int8",
      },
    },
  },
});

export const deleteAclsResponse = message({
  key: 31,
  name: "DeleteAclsResponse",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    throttleTimeMs: "int32",
    filterResults: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0 },
        matchingAcls: {
          array: {
            errorCode: "int16",
            errorMessage: { type: "string", nullableSince: 0 },
            resourceType: "int8",
            resourceName: "string",
            patternType: { type: "int8", since: 1, default: 3 },
            principal: "string",
            host: "string",
            operation: "int8",
            permissionType: "int8",
          },
        },
      },
    },
  },
});

export type DeleteAclsRequest = Infer<typeof deleteAclsRequest>;
export type DeleteAclsResponse = Infer<typeof deleteAclsResponse>;
