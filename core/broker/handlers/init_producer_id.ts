// InitProducerId (key 22): gives a producer its id and epoch. Without a
// transactional id nothing is remembered of a producer, so one that asks again,
// to raise its epoch, gets a new id, as Kafka gives it. With one, the epoch rises
// and fences whoever used that transactional id before.
//
// Source: KIP-98, KIP-360.

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../../wire/kafka/messages/init_producer_id.ts";
import { serve } from "../context.ts";
import { fencingCode } from "../producer_fencing.ts";

export const initProducerId = serve(
  initProducerIdRequest,
  initProducerIdResponse,
  {
    handle: async (
      { transactionalId, transactionTimeoutMs, producerId, producerEpoch },
      { broker },
    ) => {
      if (transactionalId === "") {
        throw new KafkaError(
          "INVALID_REQUEST",
          "A transactional id may not be empty",
        );
      }
      if ((producerId < 0) !== (producerEpoch < 0)) {
        throw new KafkaError(
          "INVALID_REQUEST",
          "A producer that has an id has an epoch, and the other way round",
        );
      }
      const identity = transactionalId === null
        ? { producerId: await broker.producerIds.next(), producerEpoch: 0 }
        : await broker.transactions.initProducerId({
          transactionalId,
          transactionTimeoutMs,
          producerId,
          producerEpoch,
        });
      return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, ...identity };
    },
    failure: ({ errorCode }, _request, { apiVersion }) => ({
      throttleTimeMs: 0,
      errorCode: fencingCode(errorCode, "initProducerId", apiVersion),
      producerId: -1,
      producerEpoch: -1,
    }),
  },
);
