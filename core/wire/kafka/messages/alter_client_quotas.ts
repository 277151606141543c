// AlterClientQuotas (key 49): how quotas of clients are set and removed.
//
// v1 is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const alterClientQuotasRequest = message({
  key: 49,
  name: "AlterClientQuotasRequest",
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    entries: {
      array: {
        entity: {
          array: {
            entityType: "string",
            entityName: { type: "string", nullableSince: 0 },
          },
        },
        ops: {
          array: {
            key: "string",
            value: "float64",
            remove: "bool",
          },
        },
      },
    },
    validateOnly: "bool",
  },
});

export const alterClientQuotasResponse = message({
  key: 49,
  name: "AlterClientQuotasResponse",
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    throttleTimeMs: "int32",
    entries: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0 },
        entity: {
          array: {
            entityType: "string",
            entityName: { type: "string", nullableSince: 0 },
          },
        },
      },
    },
  },
});

export type AlterClientQuotasRequest = Infer<typeof alterClientQuotasRequest>;
export type AlterClientQuotasResponse = Infer<typeof alterClientQuotasResponse>;
