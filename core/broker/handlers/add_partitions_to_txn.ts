// AddPartitionsToTxn (key 24): makes partitions part of a transaction before the
// first record goes there.
//
// Clients send versions 0 to 3, with one transaction; brokers send versions 4 and
// 5, with many, and may only ask whether the partitions are part of it
// (`verifyOnly`). A transaction gets all of its partitions or none: beside one that
// cannot be added the others are not attempted.
//
// Source: KIP-98, KIP-890.

import { isInternalTopic } from "../../controller/topic_name.ts";
import type { TopicPartition } from "../../transactions/marker_writer.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  type AddPartitionsToTxnRequest,
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from "../../wire/kafka/messages/add_partitions_to_txn.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";
import { fencingCode } from "../producer_fencing.ts";

type Response = InferInput<typeof addPartitionsToTxnResponse>;
type Transaction = AddPartitionsToTxnRequest["transactions"][number];
type TopicResults = NonNullable<Response["resultsByTopicV3AndBelow"]>;

const BATCHED_SINCE = 4;

/** What became of each partition of a transaction, in the order of the request. */
type Codes = readonly number[];

export const addPartitionsToTxn = serve(
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
  {
    // Brokers ask about many transactions without waiting; each is decided at once.
    letsNextStart: true,
    handle: (request, context) => {
      const transactions = transactionsOf(request, context.apiVersion);
      const codes = transactions.map((each) => addAll(each, context));
      return codes.some((each) => each instanceof Promise)
        ? Promise.all(codes).then((all) => answer(transactions, all, context))
        : answer(transactions, codes as Codes[], context);
    },
    failure: ({ errorCode }, request, context) => {
      if (request === null) return null;
      const transactions = transactionsOf(request, context.apiVersion);
      const codes = transactions.map((each) =>
        partitionsOf(each).map(() => errorCode)
      );
      return answer(transactions, codes, context);
    },
  },
);

/** The transactions of a request, in the form of newer versions. */
function transactionsOf(
  request: AddPartitionsToTxnRequest,
  apiVersion: number,
): readonly Transaction[] {
  if (apiVersion >= BATCHED_SINCE) return request.transactions;
  return [{
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false,
    topics: request.v3AndBelowTopics,
  }];
}

function partitionsOf({ topics }: Transaction) {
  return topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({ topic: name, partition }))
  );
}

/** Adds the partitions of one transaction, or verifies them. */
function addAll(
  transaction: Transaction,
  context: RequestContext,
): Codes | Promise<Codes> {
  const { broker } = context;
  const { transactionalId, producerId, producerEpoch } = transaction;
  const partitions = partitionsOf(transaction);
  const producer = { transactionalId, producerId, producerEpoch };
  const refuse = (error: unknown): Codes => {
    const { errorCode } = refusalOf(error, broker, action(transaction));
    return partitions.map(() => errorCode);
  };
  const codes = partitions.map((each) => admit(each, context));
  if (codes.some((code) => code !== ErrorCode.NONE)) {
    return codes.map((code) => code || ErrorCode.OPERATION_NOT_ATTEMPTED);
  }
  try {
    if (transaction.verifyOnly) {
      return broker.transactions.verifyPartitions({ ...producer, partitions });
    }
    const added = broker.transactions.addPartitions({
      ...producer,
      partitions,
      clientVersion: context.apiVersion >= BATCHED_SINCE ? 2 : 0,
    });
    const done = partitions.map(() => ErrorCode.NONE);
    return added instanceof Promise ? added.then(() => done, refuse) : done;
  } catch (error) {
    return refuse(error);
  }
}

function action({ transactionalId, verifyOnly }: Transaction): string {
  const verb = verifyOnly ? "verify partitions of" : "add partitions to";
  return `${verb} the transaction of "${transactionalId}"`;
}

/** Whether a partition may be part of a transaction: an error code. */
function admit(
  { topic, partition }: TopicPartition,
  { broker, apiVersion }: RequestContext,
): number {
  // Clients name groups where they mean their partitions (AddOffsetsToTxn).
  if (apiVersion < BATCHED_SINCE && isInternalTopic(topic)) {
    return ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  }
  const { topics } = broker.cluster.image;
  return topics.get(topic)?.partitions[partition] === undefined
    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    : ErrorCode.NONE;
}

function answer(
  transactions: readonly Transaction[],
  codes: readonly Codes[],
  { apiVersion }: RequestContext,
): Response {
  const results = transactions.map((transaction, index) => ({
    transactionalId: transaction.transactionalId,
    topicResults: topicResults(transaction, codes[index], apiVersion),
  }));
  return apiVersion >= BATCHED_SINCE
    ? { throttleTimeMs: 0, resultsByTransaction: results }
    : {
      throttleTimeMs: 0,
      resultsByTopicV3AndBelow: results[0].topicResults,
    };
}

function topicResults(
  { topics }: Transaction,
  codes: Codes,
  apiVersion: number,
): TopicResults {
  let next = 0;
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: fencingCode(
        codes[next++],
        "addPartitionsToTxn",
        apiVersion,
      ),
    })),
  }));
}
