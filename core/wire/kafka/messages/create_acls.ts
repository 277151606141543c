// CreateAcls (key 30): how access rules are added.
//
// v1 adds `resourcePatternType`; v2 is the first flexible version. Kafka 4 no
// longer has v0.

import { type Infer, message } from "../schema.ts";

export const createAclsRequest = message({
  key: 30,
  name: "CreateAclsRequest",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    creations: {
      array: {
        resourceType: "int8",
        resourceName: "string",
        /** 3 literal, 4 prefixed. */
        resourcePatternType: { type: "int8", since: 1, default: 3 },
        principal: "string",
        host: "string",
        operation: "int8",
        permissionType: "int8",
      },
    },
  },
});

export const createAclsResponse = message({
  key: 30,
  name: "CreateAclsResponse",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    throttleTimeMs: "int32",
    results: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0 },
      },
    },
  },
});

export type CreateAclsRequest = Infer<typeof createAclsRequest>;
export type CreateAclsResponse = Infer<typeof createAclsResponse>;
