// Envelope (key 58): how a broker forwards a client's request to the
// controller, with the client's principal.

import { type Infer, message } from "../schema.ts";

export const envelopeRequest = message({
  key: 58,
  name: "EnvelopeRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    requestData: "bytes",
    requestPrincipal: { type: "bytes", nullableSince: 0 },
    clientHostAddress: "bytes",
  },
});

export const envelopeResponse = message({
  key: 58,
  name: "EnvelopeResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    responseData: { type: "bytes", nullableSince: 0, default: null },
    errorCode: "int16",
  },
});

export type EnvelopeRequest = Infer<typeof envelopeRequest>;
export type EnvelopeResponse = Infer<typeof envelopeResponse>;
