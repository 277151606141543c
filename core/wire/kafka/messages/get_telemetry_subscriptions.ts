// GetTelemetrySubscriptions (key 71): which metrics a client shall push
// (KIP-714).

import { type Infer, message } from "../schema.ts";

export const getTelemetrySubscriptionsRequest = message({
  key: 71,
  name: "GetTelemetrySubscriptionsRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    clientInstanceId: "uuid",
  },
});

export const getTelemetrySubscriptionsResponse = message({
  key: 71,
  name: "GetTelemetrySubscriptionsResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    clientInstanceId: "uuid",
    subscriptionId: "int32",
    acceptedCompressionTypes: { array: "int8" },
    pushIntervalMs: "int32",
    telemetryMaxBytes: "int32",
    deltaTemporality: "bool",
    requestedMetrics: { array: "string" },
  },
});

export type GetTelemetrySubscriptionsRequest = Infer<
  typeof getTelemetrySubscriptionsRequest
>;
export type GetTelemetrySubscriptionsResponse = Infer<
  typeof getTelemetrySubscriptionsResponse
>;
