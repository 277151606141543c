// Header of every request and of every answer.
//
// Which version of a header goes with which version of a message is in
// apis.ts.
//
// Source: Kafka protocol guide; KIP-482.

import { type Infer, message } from "../schema.ts";

/** v0 has no client id, v2 has a tag buffer. */
export const requestHeader = message({
  name: "RequestHeader",
  versions: [0, 2],
  flexibleSince: 2,
  fields: {
    requestApiKey: "int16",
    requestApiVersion: "int16",
    correlationId: "int32",
    /**
     * Its size stays two bytes in flexible versions: the reader must find it
     * before it knows whether it can read the rest.
     */
    clientId: {
      type: "string",
      since: 1,
      nullableSince: 1,
      ignorable: true,
      classic: true,
    },
  },
});

/** v1 has a tag buffer. */
export const responseHeader = message({
  name: "ResponseHeader",
  versions: [0, 1],
  flexibleSince: 1,
  fields: {
    correlationId: "int32",
  },
});

export type RequestHeader = Infer<typeof requestHeader>;
export type ResponseHeader = Infer<typeof responseHeader>;
