// DescribeClientQuotas (key 48): which quotas clients have.
//
// v1 is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const describeClientQuotasRequest = message({
  key: 48,
  name: "DescribeClientQuotasRequest",
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    components: {
      array: {
        entityType: "string",
        matchType: "int8",
        match: { type: "string", nullableSince: 0 },
      },
    },
    strict: "bool",
  },
});

export const describeClientQuotasResponse = message({
  key: 48,
  name: "DescribeClientQuotasResponse",
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0 },
    entries: {
      nullableSince: 0,
      array: {
        entity: {
          array: {
            entityType: "string",
            entityName: { type: "string", nullableSince: 0 },
          },
        },
        values: {
          array: {
            key: "string",
            value: "float64",
          },
        },
      },
    },
  },
});

export type DescribeClientQuotasRequest = Infer<
  typeof describeClientQuotasRequest
>;
export type DescribeClientQuotasResponse = Infer<
  typeof describeClientQuotasResponse
>;
