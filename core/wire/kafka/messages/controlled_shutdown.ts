// ControlledShutdown (key 7): how a broker asks the controller to move its
// leaderships away before it stops. The header of a v0 request has no client
// id.
//
// v2 adds `brokerEpoch`; v3 is the first flexible version.

import { type Infer, message } from "../schema.ts";

export const controlledShutdownRequest = message({
  key: 7,
  name: "ControlledShutdownRequest",
  versions: [0, 3],
  flexibleSince: 3,
  fields: {
    brokerId: "int32",
    brokerEpoch: { type: "int64", since: 2, default: -1, ignorable: true },
  },
});

export const controlledShutdownResponse = message({
  key: 7,
  name: "ControlledShutdownResponse",
  versions: [0, 3],
  flexibleSince: 3,
  fields: {
    errorCode: "int16",
    remainingPartitions: {
      array: {
        topicName: "string",
        partitionIndex: "int32",
      },
    },
  },
});

export type ControlledShutdownRequest = Infer<typeof controlledShutdownRequest>;
export type ControlledShutdownResponse = Infer<
  typeof controlledShutdownResponse
>;
