// SaslHandshake (key 17): which SASL mechanism a connection will authenticate
// with.

import { type Infer, message } from "../schema.ts";

export const saslHandshakeRequest = message({
  key: 17,
  name: "SaslHandshakeRequest",
  versions: [0, 1],
  fields: {
    mechanism: "string",
  },
});

/** With `UNSUPPORTED_SASL_MECHANISM` come the mechanisms that there are. */
export const saslHandshakeResponse = message({
  key: 17,
  name: "SaslHandshakeResponse",
  versions: [0, 1],
  fields: {
    errorCode: "int16",
    mechanisms: { array: "string" },
  },
});

export type SaslHandshakeRequest = Infer<typeof saslHandshakeRequest>;
export type SaslHandshakeResponse = Infer<typeof saslHandshakeResponse>;
