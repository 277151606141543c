// The principal that Envelope carries, in the form of Kafka's default builder.

import { type Infer, message } from "../schema.ts";

/** Who sent the request, and whether by a delegation token. */
export const defaultPrincipalData = message({
  name: "DefaultPrincipalData",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    type: "string",
    name: "string",
    tokenAuthenticated: "bool",
  },
});

export type DefaultPrincipalData = Infer<typeof defaultPrincipalData>;
