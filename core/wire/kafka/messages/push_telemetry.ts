// PushTelemetry (key 72): how a client pushes its metrics (KIP-714).

import { type Infer, message } from "../schema.ts";

export const pushTelemetryRequest = message({
  key: 72,
  name: "PushTelemetryRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    clientInstanceId: "uuid",
    subscriptionId: "int32",
    terminating: "bool",
    compressionType: "int8",
    metrics: "bytes",
  },
});

export const pushTelemetryResponse = message({
  key: 72,
  name: "PushTelemetryResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
  },
});

export type PushTelemetryRequest = Infer<typeof pushTelemetryRequest>;
export type PushTelemetryResponse = Infer<typeof pushTelemetryResponse>;
