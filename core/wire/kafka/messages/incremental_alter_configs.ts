// IncrementalAlterConfigs (key 44): how single configuration keys are set,
// unset, appended to or subtracted from.
//
// v1 is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const incrementalAlterConfigsRequest = message({
  key: 44,
  name: "IncrementalAlterConfigsRequest",
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    resources: {
      array: {
        /** 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. */
        resourceType: "int8",
        resourceName: "string",
        configs: {
          array: {
            name: "string",
            /** 0 set, 1 delete, 2 append, 3 subtract. */
            configOperation: "int8",
            value: { type: "string", nullableSince: 0 },
          },
        },
      },
    },
    validateOnly: "bool",
  },
});

export const incrementalAlterConfigsResponse = message({
  key: 44,
  name: "IncrementalAlterConfigsResponse",
  versions: [0, 1],
  flexibleSince: 1,
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

export type IncrementalAlterConfigsRequest = Infer<
  typeof incrementalAlterConfigsRequest
>;
export type IncrementalAlterConfigsResponse = Infer<
  typeof incrementalAlterConfigsResponse
>;
