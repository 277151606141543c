// DescribeProducers (key 61): the producers that a partition remembers, for
// finding transactions that hang.
//
// Source: KIP-664.

import { topicNameProblem } from "../../controller/topic_name.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  describeProducersRequest,
  describeProducersResponse,
} from "../../wire/kafka/messages/describe_producers.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type PartitionResponse = InferInput<
  typeof describeProducersResponse
>["topics"][number]["partitions"][number];

export const describeProducers = serve(
  describeProducersRequest,
  describeProducersResponse,
  {
    handle: (request, context) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) =>
          describeOne(name, partitionIndex, context)
        ),
      })),
    }),
    failure: ({ errorCode, errorMessage }, request) =>
      request === null ? null : {
        throttleTimeMs: 0,
        topics: request.topics.map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partitionIndex) => ({
            partitionIndex,
            errorCode,
            errorMessage,
            activeProducers: [],
          })),
        })),
      },
  },
);

function describeOne(
  topic: string,
  partitionIndex: number,
  { broker }: RequestContext,
): PartitionResponse {
  try {
    const problem = topicNameProblem(topic);
    if (problem !== null) {
      throw new KafkaError("INVALID_TOPIC_EXCEPTION", problem);
    }
    const log = broker.partitions.get(topic, partitionIndex).leaderLog(-1);
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
