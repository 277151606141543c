// AlterConfigs (key 33): how the whole configuration of topics and brokers is
// replaced.
//
// v2 is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const alterConfigsRequest = message({
  key: 33,
  name: "AlterConfigsRequest",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    resources: {
      array: {
        /** 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. */
        resourceType: "int8",
        resourceName: "string",
        configs: {
          array: {
            name: "string",
            value: { type: "string", nullableSince: 0 },
          },
        },
      },
    },
    validateOnly: "bool",
  },
});

export const alterConfigsResponse = message({
  key: 33,
  name: "AlterConfigsResponse",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    throttleTimeMs: "int32",
    responses: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0 },
        resourceType: "int8",
        resourceName: "string",
      },
    },
  },
});

export type AlterConfigsRequest = Infer<typeof alterConfigsRequest>;
export type AlterConfigsResponse = Infer<typeof alterConfigsResponse>;
