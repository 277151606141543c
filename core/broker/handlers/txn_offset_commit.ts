// TxnOffsetCommit (key 28): stores how far a group has read as part of a producer's
// transaction. It counts once the transaction is committed.
//
// The partition of `__consumer_offsets` that holds the group has to belong to the
// transaction: clients up to version 4 have seen to that with AddOffsetsToTxn, and
// for newer ones it happens here.
//
// Source: KIP-98, KIP-447, KIP-890; observed: which error Apache Kafka answers.

import { commitInTransaction } from "../../groups/commit_offsets.ts";
import { OFFSETS_TOPIC } from "../../groups/group_coordinator.ts";
import { asCoordinatorError } from "../../shards/shard.ts";
import type { InTransaction } from "../../shards/shard_content.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type TxnOffsetCommitRequest,
  txnOffsetCommitRequest,
  txnOffsetCommitResponse,
} from "../../wire/kafka/messages/txn_offset_commit.ts";
import { answerEach, answerKnown, knownPartitions } from "../commit_answer.ts";
import { type RequestContext, serve } from "../context.ts";
import { type Verdict, verifyTransaction } from "../verify_transaction.ts";

/** First version whose clients know COORDINATOR_LOAD_IN_PROGRESS here. */
const LOADING_SINCE = 2;
/** First version whose clients know TRANSACTION_ABORTABLE. */
const ABORTABLE_SINCE = 4;
/** First version whose clients leave it to the broker to add the partition. */
const ADDS_PARTITIONS_SINCE = 5;
/** A coordinator does not count what it writes in a transaction. */
const BASE_SEQUENCE = 0;

export const txnOffsetCommit = serve(
  txnOffsetCommitRequest,
  txnOffsetCommitResponse,
  {
    versions: [0, 5],
    handle: (request, context) => {
      const { topics } = request;
      const known = knownPartitions(context.broker, topics);
      const codes = known.some(({ length }) => length > 0)
        ? commit(request, known, context)
        : known.map(() => []);
      return codes instanceof Promise
        ? codes.then((all) => answerKnown(topics, known, all))
        : answerKnown(topics, known, codes);
    },
    failure: ({ errorCode }, request, { apiVersion }) =>
      answerEach(
        request?.topics ?? [],
        () => codeToldTo(apiVersion, errorCode),
      ),
  },
);

type Codes = readonly (readonly number[])[];
type Partition = TxnOffsetCommitRequest["topics"][number]["partitions"][number];

/** @throws {KafkaError} Where nothing of it may be committed. */
function commit(
  request: TxnOffsetCommitRequest,
  known: readonly (readonly Partition[])[],
  context: RequestContext,
): Codes | Promise<Codes> {
  const { groups } = context.broker;
  const { groupId } = request;
  if (groupId === "") throw new KafkaError("INVALID_GROUP_ID");
  // Nobody else is asked about a group that is not looked after here.
  groups.shardOf(groupId);
  const verdict = verify(request, context);
  const append = (transaction: InTransaction) =>
    groups.shardOf(groupId).run((state, now) =>
      commitInTransaction(
        state,
        commitOf(request, known, transaction, context),
        now,
      )
    );
  return verdict instanceof Promise ? verdict.then(append) : append(verdict);
}

function verify(
  { transactionalId, producerId, producerEpoch, groupId }:
    TxnOffsetCommitRequest,
  { broker, apiVersion }: RequestContext,
): InTransaction | Promise<InTransaction> {
  const verdicts = verifyTransaction(broker, {
    transactionalId,
    producerId,
    producerEpoch,
    addsPartitions: apiVersion >= ADDS_PARTITIONS_SINCE,
    partitions: [{
      topic: OFFSETS_TOPIC,
      partition: broker.groups.partitionOf(groupId),
      baseSequence: BASE_SEQUENCE,
    }],
  });
  const transactionOf = ([verdict]: readonly Verdict[]) => {
    if (verdict.kind === "refused") throw asToldToProducer(verdict.error);
    return { producerId, producerEpoch, verification: verdict.guard };
  };
  return verdicts instanceof Promise
    ? verdicts.then(transactionOf)
    : transactionOf(verdicts);
}

function commitOf(
  request: TxnOffsetCommitRequest,
  known: readonly (readonly Partition[])[],
  transaction: InTransaction,
  { broker, apiVersion }: RequestContext,
) {
  const { groupId, memberId, groupInstanceId, generationId } = request;
  return {
    groupId,
    by: {
      memberId,
      groupInstanceId,
      generationIdOrMemberEpoch: generationId,
      apiVersion,
    },
    transaction,
    topics: request.topics.map(({ name }, topic) => ({
      name,
      partitions: known[topic].map((each) => ({
        partition: each.partitionIndex,
        offset: each.committedOffset,
        leaderEpoch: each.committedLeaderEpoch,
        metadata: each.committedMetadata,
        commitTimestampMs: -1,
      })),
    })),
    metadataMax: broker.config["offset.metadata.max.bytes"],
  };
}

/** Refusals of the transaction's coordinator that will pass; the group's is the right one to ask. */
const NOT_YET: ReadonlySet<number> = new Set([
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.REQUEST_TIMED_OUT,
]);

/** A refusal of the transaction's coordinator as one of the group's, whom the producer asks. */
function asToldToProducer(error: unknown): KafkaError {
  if (error instanceof KafkaError && NOT_YET.has(error.code)) {
    // Clients of all versions try again after this, and look for nobody else.
    return new KafkaError("COORDINATOR_LOAD_IN_PROGRESS", error.message);
  }
  if (
    error instanceof KafkaError && error.code === ErrorCode.PRODUCER_FENCED
  ) return new KafkaError("INVALID_PRODUCER_EPOCH", error.message);
  return asCoordinatorError(error);
}

/** An error as clients of a version know it. */
function codeToldTo(apiVersion: number, errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return apiVersion < LOADING_SINCE
        ? ErrorCode.COORDINATOR_NOT_AVAILABLE
        : errorCode;
    case ErrorCode.TRANSACTION_ABORTABLE:
      return apiVersion < ABORTABLE_SINCE
        ? ErrorCode.INVALID_TXN_STATE
        : errorCode;
    default:
      return errorCode;
  }
}
