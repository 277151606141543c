// ListConfigResources (key 74): which resources have a configuration of their
// own. Kafka 3.9 calls it ListClientMetricsResources and knows one kind only;
// the bytes of v0 are the same.
//
// v1 adds `resourceTypes` and `resourceType`. Kafka 3.9 does not have it yet.

import { type Infer, message } from "../schema.ts";

export const listConfigResourcesRequest = message({
  key: 74,
  name: "ListConfigResourcesRequest",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    resourceTypes: { array: "int8", since: 1 },
  },
});

export const listConfigResourcesResponse = message({
  key: 74,
  name: "ListConfigResourcesResponse",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    configResources: {
      array: {
        resourceName: "string",
        resourceType: { type: "int8", since: 1, default: 16, ignorable: true },
      },
    },
  },
});

/**
 * The same bytes as v0 of ListConfigResources, under the names of Kafka 3.9.
 */
export const listClientMetricsResourcesRequest = message({
  key: 74,
  name: "ListClientMetricsResourcesRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {},
});

/**
 * The same bytes as v0 of ListConfigResources, under the names of Kafka 3.9.
 */
export const listClientMetricsResourcesResponse = message({
  key: 74,
  name: "ListClientMetricsResourcesResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    clientMetricsResources: {
      array: {
        name: "string",
      },
    },
  },
});

export type ListConfigResourcesRequest = Infer<
  typeof listConfigResourcesRequest
>;
export type ListConfigResourcesResponse = Infer<
  typeof listConfigResourcesResponse
>;
export type ListClientMetricsResourcesRequest = Infer<
  typeof listClientMetricsResourcesRequest
>;
export type ListClientMetricsResourcesResponse = Infer<
  typeof listClientMetricsResourcesResponse
>;
