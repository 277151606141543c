// ExpireDelegationToken (key 40): how the life of a delegation token is ended.
//
// v2 is the first flexible version. Kafka 4 no longer has v0.

import { type Infer, message } from "../schema.ts";

export const expireDelegationTokenRequest = message({
  key: 40,
  name: "ExpireDelegationTokenRequest",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    hmac: "bytes",
    expiryTimePeriodMs: "int64",
  },
});

export const expireDelegationTokenResponse = message({
  key: 40,
  name: "ExpireDelegationTokenResponse",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    errorCode: "int16",
    expiryTimestampMs: "int64",
    throttleTimeMs: "int32",
  },
});

export type ExpireDelegationTokenRequest = Infer<
  typeof expireDelegationTokenRequest
>;
export type ExpireDelegationTokenResponse = Infer<
  typeof expireDelegationTokenResponse
>;
