// SaslAuthenticate (key 36): how the tokens of a SASL exchange travel.
//
// v1 adds `sessionLifetimeMs`; v2 is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const saslAuthenticateRequest = message({
  key: 36,
  name: "SaslAuthenticateRequest",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    authBytes: "bytes",
  },
});

export const saslAuthenticateResponse = message({
  key: 36,
  name: "SaslAuthenticateResponse",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0 },
    authBytes: "bytes",
    sessionLifetimeMs: { type: "int64", since: 1, default: 0, ignorable: true },
  },
});

export type SaslAuthenticateRequest = Infer<typeof saslAuthenticateRequest>;
export type SaslAuthenticateResponse = Infer<typeof saslAuthenticateResponse>;
