// ControllerRegistration (key 70): how a KRaft controller registers with the
// active one.

import { type Infer, message } from "../schema.ts";

export const controllerRegistrationRequest = message({
  key: 70,
  name: "ControllerRegistrationRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    controllerId: "int32",
    incarnationId: "uuid",
    zkMigrationReady: "bool",
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
  },
});

export const controllerRegistrationResponse = message({
  key: 70,
  name: "ControllerRegistrationResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    errorMessage: { type: "string", nullableSince: 0 },
  },
});

export type ControllerRegistrationRequest = Infer<
  typeof controllerRegistrationRequest
>;
export type ControllerRegistrationResponse = Infer<
  typeof controllerRegistrationResponse
>;
