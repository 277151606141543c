// BrokerHeartbeat (key 63): how a broker of a KRaft cluster says that it
// lives.
//
// v1 adds `offlineLogDirs`.

import { type Infer, message } from "../schema.ts";

export const brokerHeartbeatRequest = message({
  key: 63,
  name: "BrokerHeartbeatRequest",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    brokerId: "int32",
    brokerEpoch: { type: "int64", default: -1 },
    currentMetadataOffset: "int64",
    wantFence: "bool",
    wantShutDown: "bool",
    offlineLogDirs: { array: "uuid", tag: 0, since: 1 },
  },
});

export const brokerHeartbeatResponse = message({
  key: 63,
  name: "BrokerHeartbeatResponse",
  versions: [0, 1],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    isCaughtUp: { type: "bool", default: false },
    isFenced: { type: "bool", default: true },
    shouldShutDown: "bool",
  },
});

export type BrokerHeartbeatRequest = Infer<typeof brokerHeartbeatRequest>;
export type BrokerHeartbeatResponse = Infer<typeof brokerHeartbeatResponse>;
