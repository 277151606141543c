// CreatePartitions (key 37): adds partitions to topics; they never get fewer.
//
// Source: Kafka protocol guide; KIP-195; observed: refusals of Apache Kafka 3.9.1.

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type CreatePartitionsRequest,
  createPartitionsRequest,
  createPartitionsResponse,
} from "../../wire/kafka/messages/create_partitions.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { repeated } from "../config_changes.ts";
import { type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";
import { PARTITION_COUNT_MAX } from "./create_topics.ts";

type TopicRequest = CreatePartitionsRequest["topics"][number];
type Response = InferInput<typeof createPartitionsResponse>;
type TopicResponse = Response["results"][number];

export const createPartitions = serve(
  createPartitionsRequest,
  createPartitionsResponse,
  {
    handle: async (request, context) => {
      const twice = repeated(request.topics.map(({ name }) => name));
      const wanted = new Map(request.topics.map((each) => [each.name, each]));
      const results = await Promise.all(
        [...wanted.values()].map((topic) =>
          addOne(topic, { request, context, isRepeated: twice.has(topic.name) })
        ),
      );
      return { throttleTimeMs: 0, results };
    },
    failure: (failure, request) =>
      request === null ? null : {
        throttleTimeMs: 0,
        results: request.topics.map(({ name }) => ({ name, ...failure })),
      },
  },
);

interface Call {
  readonly request: CreatePartitionsRequest;
  readonly context: RequestContext;
  readonly isRepeated: boolean;
}

async function addOne(
  { name, count, assignments }: TopicRequest,
  { request, context: { broker }, isRepeated }: Call,
): Promise<TopicResponse> {
  try {
    if (isRepeated) {
      throw new KafkaError(
        "INVALID_REQUEST",
        "Each topic may be named once only.",
      );
    }
    if (count > PARTITION_COUNT_MAX) {
      throw new KafkaError(
        "INVALID_PARTITIONS",
        `A topic can have at most ${PARTITION_COUNT_MAX} partitions, not ${count}.`,
      );
    }
    await broker.cluster.createPartitions({
      name,
      totalCount: count,
      assignments: assignments?.map(({ brokerIds }) => brokerIds) ?? null,
      validateOnly: request.validateOnly,
      timeoutMs: Math.max(0, request.timeoutMs),
    });
    return { name, errorCode: ErrorCode.NONE, errorMessage: null };
  } catch (error) {
    const failure = refusalOf(error, broker, `add partitions to "${name}"`);
    return { name, ...failure };
  }
}
