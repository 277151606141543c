// BrokerRegistration (key 62): how a broker registers with a KRaft controller.
//
// v1 adds `isMigratingZkBroker`; v2 adds `logDirs`; v3 adds
// `previousBrokerEpoch`.

import { type Infer, message } from "../schema.ts";

export const brokerRegistrationRequest = message({
  key: 62,
  name: "BrokerRegistrationRequest",
  versions: [0, 4],
  flexibleSince: 0,
  fields: {
    brokerId: "int32",
    clusterId: "string",
    incarnationId: "uuid",
    listeners: {
      array: {
        name: "string",
        host: "string",
        port: "uint16",
        securityProtocol: "int16",
      },
    },
    features: {
      array: {
        name: "string",
        minSupportedVersion: "int16",
        maxSupportedVersion: "int16",
      },
    },
    rack: { type: "string", nullableSince: 0 },
    isMigratingZkBroker: { type: "bool", since: 1, default: false },
    logDirs: { array: "uuid", since: 2, ignorable: true },
    previousBrokerEpoch: {
      type: "int64",
      since: 3,
      default: -1,
      ignorable: true,
    },
  },
});

export const brokerRegistrationResponse = message({
  key: 62,
  name: "BrokerRegistrationResponse",
  versions: [0, 4],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    brokerEpoch: { type: "int64", default: -1 },
  },
});

export type BrokerRegistrationRequest = Infer<typeof brokerRegistrationRequest>;
export type BrokerRegistrationResponse = Infer<
  typeof brokerRegistrationResponse
>;
