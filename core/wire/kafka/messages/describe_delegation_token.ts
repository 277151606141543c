// DescribeDelegationToken (key 41): which delegation tokens there are.
//
// v2 is the first flexible version; v3 adds `tokenRequesterPrincipalType` and
// `tokenRequesterPrincipalName`. Kafka 4 no longer has v0.

import { type Infer, message } from "../schema.ts";

export const describeDelegationTokenRequest = message({
  key: 41,
  name: "DescribeDelegationTokenRequest",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    owners: {
      nullableSince: 0,
      array: {
        principalType: "string",
        principalName: "string",
      },
    },
  },
});

export const describeDelegationTokenResponse = message({
  key: 41,
  name: "DescribeDelegationTokenResponse",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    errorCode: "int16",
    tokens: {
      array: {
        principalType: "string",
        principalName: "string",
        tokenRequesterPrincipalType: { type: "string", since: 3 },
        tokenRequesterPrincipalName: { type: "string", since: 3 },
        issueTimestamp: "int64",
        expiryTimestamp: "int64",
        maxTimestamp: "int64",
        tokenId: "string",
        hmac: "bytes",
        renewers: {
          array: {
            principalType: "string",
            principalName: "string",
          },
        },
      },
    },
    throttleTimeMs: "int32",
  },
});

export type DescribeDelegationTokenRequest = Infer<
  typeof describeDelegationTokenRequest
>;
export type DescribeDelegationTokenResponse = Infer<
  typeof describeDelegationTokenResponse
>;
