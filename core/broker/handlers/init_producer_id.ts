// InitProducerId (key 22): gives an idempotent producer its number. Without a
// transactional id nothing is remembered of a producer, so one that asks again,
// to raise its epoch, gets a new number, as Kafka gives it.
//
// Source: KIP-98, KIP-360.

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../../wire/kafka/messages/init_producer_id.ts";
import { serve } from "../context.ts";

export const initProducerId = serve(
  initProducerIdRequest,
  initProducerIdResponse,
  {
    handle: async (
      { transactionalId, producerId, producerEpoch },
      { broker },
    ) => {
      if (transactionalId === "") {
        throw new KafkaError(
          "INVALID_REQUEST",
          "A transactional id may not be empty",
        );
      }
      if (transactionalId !== null) {
        throw new KafkaError(
          "COORDINATOR_NOT_AVAILABLE",
          "No broker of this cluster coordinates transactions.",
        );
      }
      if ((producerId < 0) !== (producerEpoch < 0)) {
        throw new KafkaError(
          "INVALID_REQUEST",
          "A producer that has an id has an epoch, and the other way round",
        );
      }
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        producerId: await broker.producerIds.next(),
        producerEpoch: 0,
      };
    },
    failure: ({ errorCode }) => ({
      throttleTimeMs: 0,
      errorCode,
      producerId: -1,
      producerEpoch: -1,
    }),
  },
);
