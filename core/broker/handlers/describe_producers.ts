// DescribeProducers (key 61): the producers that a partition remembers, for
// finding transactions that hang.
//
// Source: KIP-664.

import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  describeProducersRequest,
  describeProducersResponse,
} from "../../wire/kafka/messages/describe_producers.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";
import { eachPartition, ledLog } from "./each_partition.ts";

type PartitionResponse = InferInput<
  typeof describeProducersResponse
>["topics"][number]["partitions"][number];

export const describeProducers = serve(
  describeProducersRequest,
  describeProducersResponse,
  {
    handle: (request, context) =>
      eachPartition(
        request.topics,
        (topic, index) => describeOne(topic, index, context),
      ),
    failure: ({ errorCode, errorMessage }, request) =>
      request === null ? null : eachPartition(
        request.topics,
        (_topic, partitionIndex) => ({
          partitionIndex,
          errorCode,
          errorMessage,
          activeProducers: [],
        }),
      ),
  },
);

function describeOne(
  topic: string,
  partitionIndex: number,
  context: RequestContext,
): PartitionResponse {
  const { broker } = context;
  try {
    const log = ledLog(topic, partitionIndex, context);
    return {
      partitionIndex,
      errorCode: ErrorCode.NONE,
      activeProducers: log.activeProducers().map((producer) => ({
        producerId: producer.producerId,
        producerEpoch: producer.producerEpoch,
        lastSequence: producer.lastSequence,
        lastTimestamp: producer.lastTimestampMs,
        coordinatorEpoch: producer.coordinatorEpoch,
        currentTxnStartOffset: producer.currentTxnStartOffset,
      })),
    };
  } catch (error) {
    const action = `describe producers of ${topic}-${partitionIndex}`;
    const failure = refusalOf(error, broker, action);
    return { partitionIndex, ...failure, activeProducers: [] };
  }
}
