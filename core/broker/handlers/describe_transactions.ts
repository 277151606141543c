// DescribeTransactions (key 65): the state of single transactional ids, and the
// partitions of their transactions.
//
// Source: KIP-664.

import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  describeTransactionsRequest,
  describeTransactionsResponse,
} from "../../wire/kafka/messages/describe_transactions.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import type { TopicPartition } from "../../transactions/marker_writer.ts";
import type { Broker } from "../broker.ts";
import { serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type State = InferInput<
  typeof describeTransactionsResponse
>["transactionStates"][number];

export const describeTransactions = serve(
  describeTransactionsRequest,
  describeTransactionsResponse,
  {
    handle: ({ transactionalIds }, { broker }) => ({
      throttleTimeMs: 0,
      transactionStates: transactionalIds.map((id) => describeOne(id, broker)),
    }),
    failure: ({ errorCode }, request) =>
      request === null ? null : {
        throttleTimeMs: 0,
        transactionStates: request.transactionalIds.map((id) =>
          refused(id, errorCode)
        ),
      },
  },
);

function describeOne(transactionalId: string, broker: Broker): State {
  if (transactionalId === "") return refused("", ErrorCode.INVALID_REQUEST);
  try {
    const found = broker.transactions.describe(transactionalId);
    return {
      errorCode: ErrorCode.NONE,
      transactionalId,
      transactionState: found.state,
      transactionTimeoutMs: found.timeoutMs,
      transactionStartTimeMs: found.startTimeMs,
      producerId: found.producerId,
      producerEpoch: found.producerEpoch,
      topics: byTopic(found.partitions),
    };
  } catch (error) {
    const action = `describe the transaction of "${transactionalId}"`;
    const { errorCode } = refusalOf(error, broker, action);
    return refused(transactionalId, errorCode);
  }
}

function byTopic(partitions: readonly TopicPartition[]) {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    const known = topics.get(topic);
    if (known === undefined) topics.set(topic, [partition]);
    else known.push(partition);
  }
  return Array.from(topics, ([topic, each]) => ({ topic, partitions: each }));
}

function refused(transactionalId: string, errorCode: number): State {
  return {
    errorCode,
    transactionalId,
    transactionState: "",
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  };
}
