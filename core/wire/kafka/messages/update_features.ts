// UpdateFeatures (key 57): how the finalised versions of cluster features are
// changed.
//
// v1 adds `upgradeType` and `validateOnly`. v2 came with Kafka 4.

import { type Infer, message } from "../schema.ts";

export const updateFeaturesRequest = message({
  key: 57,
  name: "UpdateFeaturesRequest",
  versions: [0, 2],
  flexibleSince: 0,
  fields: {
    timeoutMs: { type: "int32", default: 60000 },
    featureUpdates: {
      array: {
        feature: "string",
        maxVersionLevel: "int16",
        allowDowngrade: { type: "bool", until: 0 },
        upgradeType: { type: "int8", since: 1, default: 1 },
      },
    },
    validateOnly: { type: "bool", since: 1, default: false },
  },
});

export const updateFeaturesResponse = message({
  key: 57,
  name: "UpdateFeaturesResponse",
  versions: [0, 2],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0 },
    results: {
      until: 1,
      ignorable: true,
      array: {
        feature: "string",
        errorCode: "int16",
        errorMessage: { type: "string", nullableSince: 0 },
      },
    },
  },
});

export type UpdateFeaturesRequest = Infer<typeof updateFeaturesRequest>;
export type UpdateFeaturesResponse = Infer<typeof updateFeaturesResponse>;
