// DescribeGroups (key 15): what state groups are in, and who their members
// are.
//
// v1 adds `throttleTimeMs`; v3 adds `includeAuthorizedOperations` and
// `authorizedOperations`; v4 adds `groupInstanceId`; v5 is the first flexible
// version; v6 adds `errorMessage`. v6 came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const describeGroupsRequest = message({
  key: 15,
  name: "DescribeGroupsRequest",
  versions: [0, 6],
  flexibleSince: 5,
  fields: {
    groups: { array: "string" },
    includeAuthorizedOperations: { type: "bool", since: 3 },
  },
});

export const describeGroupsResponse = message({
  key: 15,
  name: "DescribeGroupsResponse",
  versions: [0, 6],
  flexibleSince: 5,
  fields: {
    throttleTimeMs: { type: "int32", since: 1, ignorable: true },
    groups: {
      array: {
        errorCode: "int16",
        errorMessage: {
          type: "string",
          since: 6,
          nullableSince: 6,
          default: null,
        },
        groupId: "string",
        groupState: "string",
        protocolType: "string",
        protocolData: "string",
        members: {
          array: {
            memberId: "string",
            groupInstanceId: {
              type: "string",
              since: 4,
              nullableSince: 4,
              default: null,
              ignorable: true,
            },
            clientId: "string",
            clientHost: "string",
            memberMetadata: "bytes",
            memberAssignment: "bytes",
          },
        },
        /** One bit an operation; -2147483648 where nobody asked. */
        authorizedOperations: { type: "int32", since: 3, default: -2147483648 },
      },
    },
  },
});

export type DescribeGroupsRequest = Infer<typeof describeGroupsRequest>;
export type DescribeGroupsResponse = Infer<typeof describeGroupsResponse>;
