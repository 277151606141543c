// DescribeCluster (key 60): which cluster this is, and which brokers it has.
//
// v1 adds `endpointType`; v2 adds `includeFencedBrokers` and `isFenced`. v2
// came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const describeClusterRequest = message({
  key: 60,
  name: "DescribeClusterRequest",
  versions: [0, 2],
  flexibleSince: 0,
  fields: {
    includeClusterAuthorizedOperations: "bool",
    /** 1 brokers, 2 controllers. */
    endpointType: { type: "int8", since: 1, default: 1 },
    includeFencedBrokers: { type: "bool", since: 2 },
  },
});

export const describeClusterResponse = message({
  key: 60,
  name: "DescribeClusterResponse",
  versions: [0, 2],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0, default: null },
    endpointType: { type: "int8", since: 1, default: 1 },
    clusterId: "string",
    controllerId: { type: "int32", default: -1 },
    brokers: {
      array: {
        brokerId: "int32",
        host: "string",
        port: "int32",
        rack: { type: "string", nullableSince: 0, default: null },
        isFenced: { type: "bool", since: 2 },
      },
    },
    /** One bit an operation; -2147483648 where nobody asked. */
    clusterAuthorizedOperations: { type: "int32", default: -2147483648 },
  },
});

export type DescribeClusterRequest = Infer<typeof describeClusterRequest>;
export type DescribeClusterResponse = Infer<typeof describeClusterResponse>;
