// AllocateProducerIds (key 67): how a broker gets a block of producer ids from
// the controller.

import { type Infer, message } from "../schema.ts";

export const allocateProducerIdsRequest = message({
  key: 67,
  name: "AllocateProducerIdsRequest",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    brokerId: "int32",
    brokerEpoch: { type: "int64", default: -1 },
  },
});

export const allocateProducerIdsResponse = message({
  key: 67,
  name: "AllocateProducerIdsResponse",
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    throttleTimeMs: "int32",
    errorCode: "int16",
    producerIdStart: "int64",
    producerIdLen: "int32",
  },
});

export type AllocateProducerIdsRequest = Infer<
  typeof allocateProducerIdsRequest
>;
export type AllocateProducerIdsResponse = Infer<
  typeof allocateProducerIdsResponse
>;
