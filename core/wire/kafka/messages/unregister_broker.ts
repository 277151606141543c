// UnregisterBroker (key 64): how a broker is taken off a KRaft cluster.

import { type Infer, message } from "../schema.ts";

export const unregisterBrokerRequest = message({
  key: 64,
  name: "UnregisterBrokerRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    brokerId: "int32",
  },
});

export const unregisterBrokerResponse = message({
  key: 64,
  name: "UnregisterBrokerResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0 },
  },
});

export type UnregisterBrokerRequest = Infer<typeof unregisterBrokerRequest>;
export type UnregisterBrokerResponse = Infer<typeof unregisterBrokerResponse>;
