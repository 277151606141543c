// RenewDelegationToken (key 39): how the life of a delegation token is
// prolonged.
//
// v2 is the first flexible version. Kafka 4 no longer has v0.

import { type Infer, message } from "../schema.ts";

export const renewDelegationTokenRequest = message({
  key: 39,
  name: "RenewDelegationTokenRequest",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    hmac: "bytes",
    renewPeriodMs: "int64",
  },
});

export const renewDelegationTokenResponse = message({
  key: 39,
  name: "RenewDelegationTokenResponse",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    errorCode: "int16",
    expiryTimestampMs: "int64",
    throttleTimeMs: "int32",
  },
});

export type RenewDelegationTokenRequest = Infer<
  typeof renewDelegationTokenRequest
>;
export type RenewDelegationTokenResponse = Infer<
  typeof renewDelegationTokenResponse
>;
