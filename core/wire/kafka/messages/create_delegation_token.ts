// CreateDelegationToken (key 38): how a token is made that lets others act for
// its owner.
//
// v2 is the first flexible version; v3 adds `ownerPrincipalType`,
// `ownerPrincipalName`, `tokenRequesterPrincipalType` and
// `tokenRequesterPrincipalName`. Kafka 4 no longer has v0.

import { type Infer, message } from "../schema.ts";

export const createDelegationTokenRequest = message({
  key: 38,
  name: "CreateDelegationTokenRequest",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    ownerPrincipalType: { type: "string", since: 3, nullableSince: 3 },
    ownerPrincipalName: { type: "string", since: 3, nullableSince: 3 },
    renewers: {
      array: {
        principalType: "string",
        principalName: "string",
      },
    },
    maxLifetimeMs: "int64",
  },
});

export const createDelegationTokenResponse = message({
  key: 38,
  name: "CreateDelegationTokenResponse",
  versions: [0, 3],
  flexibleSince: 2,
  fields: {
    errorCode: "int16",
    principalType: "string",
    principalName: "string",
    tokenRequesterPrincipalType: { type: "string", since: 3 },
    tokenRequesterPrincipalName: { type: "string", since: 3 },
    issueTimestampMs: "int64",
    expiryTimestampMs: "int64",
    maxTimestampMs: "int64",
    tokenId: "string",
    hmac: "bytes",
    throttleTimeMs: "int32",
  },
});

export type CreateDelegationTokenRequest = Infer<
  typeof createDelegationTokenRequest
>;
export type CreateDelegationTokenResponse = Infer<
  typeof createDelegationTokenResponse
>;
