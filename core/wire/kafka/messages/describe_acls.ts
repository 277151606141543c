// DescribeAcls (key 29): which access rules there are.
//
// v1 adds `patternTypeFilter` and `patternType`; v2 is the first flexible
// version. Kafka 4 no longer has v0.

import { type Infer, message } from "../schema.ts";

export const describeAclsRequest = message({
  key: 29,
  name: "DescribeAclsRequest",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    resourceTypeFilter: "int8",
    resourceNameFilter: { type: "string", nullableSince: 0 },
    /** 1 any, 2 match, 3 literal, 4 prefixed. */
    patternTypeFilter: { type: "int8", since: 1, default: 3 },
    principalFilter: { type: "string", nullableSince: 0 },
    hostFilter: { type: "string", nullableSince: 0 },
    operation: "int8",
    permissionType: "int8",
  },
});

export const describeAclsResponse = message({
  key: 29,
  name: "DescribeAclsResponse",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0 },
    resources: {
      array: {
        resourceType: "int8",
        resourceName: "string",
        patternType: { type: "int8", since: 1, default: 3 },
        acls: {
          array: {
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

export type DescribeAclsRequest = Infer<typeof describeAclsRequest>;
export type DescribeAclsResponse = Infer<typeof describeAclsResponse>;
