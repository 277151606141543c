// ApiVersions (key 18): which APIs and versions a broker has. The header of
// the answer stays at version 0 in all versions, since the client does not
// know yet what the broker can read.
//
// v1 adds `throttleTimeMs`; v3 adds `clientSoftwareName`,
// `clientSoftwareVersion`, `supportedFeatures`, `finalizedFeaturesEpoch`,
// `finalizedFeatures` and `zkMigrationReady` and is the first flexible
// version.

import { type Infer, message } from "../schema.ts";

export const apiVersionsRequest = message({
  key: 18,
  name: "ApiVersionsRequest",
  versions: [0, 4],
  flexibleSince: 3,
  fields: {
    clientSoftwareName: { type: "string", since: 3, ignorable: true },
    clientSoftwareVersion: { type: "string", since: 3, ignorable: true },
  },
});

/**
 * With `UNSUPPORTED_VERSION` the answer has the form of v0, whatever was asked
 * in.
 */
export const apiVersionsResponse = message({
  key: 18,
  name: "ApiVersionsResponse",
  versions: [0, 4],
  flexibleSince: 3,
  fields: {
    errorCode: "int16",
    apiKeys: {
      array: {
        apiKey: "int16",
        minVersion: "int16",
        maxVersion: "int16",
      },
    },
    throttleTimeMs: { type: "int32", since: 1, ignorable: true },
    supportedFeatures: {
      tag: 0,
      since: 3,
      ignorable: true,
      array: {
        name: "string",
        minVersion: "int16",
        maxVersion: "int16",
      },
    },
    /** -1 where it is not known. */
    finalizedFeaturesEpoch: {
      type: "int64",
      tag: 1,
      since: 3,
      default: -1,
      ignorable: true,
    },
    finalizedFeatures: {
      tag: 2,
      since: 3,
      ignorable: true,
      array: {
        name: "string",
        maxVersionLevel: "int16",
        minVersionLevel: "int16",
      },
    },
    zkMigrationReady: {
      type: "bool",
      tag: 3,
      since: 3,
      default: false,
      ignorable: true,
    },
  },
});

export type ApiVersionsRequest = Infer<typeof apiVersionsRequest>;
export type ApiVersionsResponse = Infer<typeof apiVersionsResponse>;
