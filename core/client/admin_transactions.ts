// What an admin client does with transactions: coordinators know the state of
// transactional ids, leaders that of the producers of their partitions.
//
// Source: Kafka protocol guide, "ListTransactions", "DescribeTransactions",
// "DescribeProducers" and "WriteTxnMarkers" (KIP-664), "InitProducerId" (KIP-588).

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  describeProducersRequest,
  describeProducersResponse,
} from "../wire/kafka/messages/describe_producers.ts";
import {
  describeTransactionsRequest,
  describeTransactionsResponse,
} from "../wire/kafka/messages/describe_transactions.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../wire/kafka/messages/init_producer_id.ts";
import {
  listTransactionsRequest,
  listTransactionsResponse,
} from "../wire/kafka/messages/list_transactions.ts";
import {
  writeTxnMarkersRequest,
  writeTxnMarkersResponse,
} from "../wire/kafka/messages/write_txn_markers.ts";
import type {
  ProducerDescription,
  ProducerIdAndEpoch,
  TransactionDescription,
  TransactionListing,
  TransactionResult,
  TransactionToAbort,
} from "./admin_types.ts";
import { errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import {
  askCoordinators,
  type CoordinatorCall,
  KeyType,
} from "./coordinator_calls.ts";
import {
  askLeaders,
  type LeaderAnswer,
  type PartitionResult,
} from "./leader_calls.ts";
import { byTopic, type TopicPartition } from "./metadata.ts";

const LIST_TRANSACTIONS = exchange(
  listTransactionsRequest,
  listTransactionsResponse,
);
const DESCRIBE_TRANSACTIONS = exchange(
  describeTransactionsRequest,
  describeTransactionsResponse,
);
const DESCRIBE_PRODUCERS = exchange(
  describeProducersRequest,
  describeProducersResponse,
);
const INIT_PRODUCER_ID = exchange(
  initProducerIdRequest,
  initProducerIdResponse,
);
const WRITE_TXN_MARKERS = exchange(
  writeTxnMarkersRequest,
  writeTxnMarkersResponse,
);
/** The first version that filters by duration. */
const DURATION_VERSION_MIN = 1;

interface Timed {
  readonly deadlineMs: number;
}

export interface TransactionFilter {
  /** As Kafka writes them; all where empty. */
  readonly states: readonly string[];
  readonly producerIds: readonly number[];
  /** Only what has been open for longer; `null` for all. */
  readonly minDurationMs: number | null;
}

/**
 * Transactional ids of all brokers, by name.
 *
 * @throws What the first broker failed with that did not answer: the list would
 * not be whole. `UNSUPPORTED_VERSION` where it cannot filter by duration.
 */
export async function listTransactions(
  cluster: Cluster,
  filter: TransactionFilter,
  options: Timed,
): Promise<TransactionListing[]> {
  await cluster.refreshNodes(options.deadlineMs);
  const nodeIds = [...cluster.metadata.nodes.keys()];
  const lists = await Promise.all(
    nodeIds.map((nodeId) => listOn(cluster, nodeId, { ...filter, ...options })),
  );
  return lists.flat().sort((a, b) =>
    a.transactionalId < b.transactionalId ? -1 : 1
  );
}

async function listOn(
  cluster: Cluster,
  nodeId: number,
  options: TransactionFilter & Timed,
): Promise<TransactionListing[]> {
  const { states, producerIds, minDurationMs, deadlineMs } = options;
  for (let attempt = 1;; attempt++) {
    const answer = await cluster.callNode(
      nodeId,
      LIST_TRANSACTIONS,
      (version) => {
        if (minDurationMs !== null && version < DURATION_VERSION_MIN) {
          throw new KafkaError(
            "UNSUPPORTED_VERSION",
            `Broker ${nodeId} cannot filter transactions by duration`,
          );
        }
        return {
          stateFilters: states,
          producerIdFilters: producerIds,
          ...(version >= DURATION_VERSION_MIN
            ? { durationFilter: minDurationMs ?? -1 }
            : {}),
        };
      },
      options,
    );
    const error = errorOfCode(answer.errorCode);
    if (error === null) {
      const unknown = answer.unknownStateFilters;
      if (unknown.length > 0) {
        throw new KafkaError(
          "INVALID_REQUEST",
          `Broker ${nodeId} knows no such state of transactions: ${
            unknown.join(", ")
          }`,
        );
      }
      return answer.transactionStates.map((row) => ({
        transactionalId: row.transactionalId,
        producerId: row.producerId,
        state: row.transactionState,
        coordinator: nodeId,
      }));
    }
    const isPassing = error.errorName === "COORDINATOR_LOAD_IN_PROGRESS" ||
      error.errorName === "COORDINATOR_NOT_AVAILABLE";
    if (!isPassing || !await cluster.pause(attempt, deadlineMs)) throw error;
  }
}

/** Missing ids have the error `TRANSACTIONAL_ID_NOT_FOUND`. */
export function describeTransactions(
  cluster: Cluster,
  transactionalIds: readonly string[],
  { deadlineMs }: Timed,
): Promise<TransactionResult<TransactionDescription>[]> {
  return askById(cluster, transactionalIds, {
    deadlineMs,
    ask: async (nodeId, asked) => {
      const answer = await cluster.callNode(nodeId, DESCRIBE_TRANSACTIONS, {
        transactionalIds: asked,
      }, { deadlineMs });
      return answer.transactionStates.map((row) => ({
        group: row.transactionalId,
        errorCode: row.errorCode,
        errorMessage: missingMessage(row.errorCode, row.transactionalId),
        value: {
          transactionalId: row.transactionalId,
          producerId: row.producerId,
          producerEpoch: row.producerEpoch,
          state: row.transactionState,
          coordinator: nodeId,
          timeoutMs: row.transactionTimeoutMs,
          startTimeMs: row.transactionStartTimeMs < 0
            ? null
            : row.transactionStartTimeMs,
          partitions: row.topics.flatMap(({ topic, partitions }) =>
            partitions.map((partition) => ({ topic, partition }))
          ),
        },
      }));
    },
  });
}

/**
 * Takes the epoch of transactional ids away from the producers that have it, and
 * aborts what they have open.
 *
 * @returns The id and the epoch that took their place.
 */
export function fenceProducers(
  cluster: Cluster,
  transactionalIds: readonly string[],
  { deadlineMs }: Timed,
): Promise<TransactionResult<ProducerIdAndEpoch>[]> {
  return askById(cluster, transactionalIds, {
    deadlineMs,
    ask: (nodeId, asked) =>
      Promise.all(asked.map(async (transactionalId) => {
        const answer = await initProducer(cluster, nodeId, {
          transactionalId,
          deadlineMs,
        });
        const { errorCode, producerId, producerEpoch } = answer;
        return {
          group: transactionalId,
          errorCode,
          value: { producerId, producerEpoch },
        };
      })),
  });
}

/** Asks again while the end of a transaction is on its way. */
async function initProducer(
  cluster: Cluster,
  nodeId: number,
  { transactionalId, deadlineMs }: Timed & { readonly transactionalId: string },
) {
  for (let attempt = 1;; attempt++) {
    const answer = await cluster.callNode(nodeId, INIT_PRODUCER_ID, {
      transactionalId,
      transactionTimeoutMs: cluster.settings.requestTimeoutMs,
    }, { deadlineMs });
    const isEnding = errorOfCode(answer.errorCode)?.errorName ===
      "CONCURRENT_TRANSACTIONS";
    if (!isEnding || !await cluster.pause(attempt, deadlineMs)) return answer;
  }
}

async function askById<T>(
  cluster: Cluster,
  transactionalIds: readonly string[],
  call: Omit<CoordinatorCall<T>, "keyType">,
): Promise<TransactionResult<T>[]> {
  const results = await askCoordinators(cluster, transactionalIds, {
    ...call,
    keyType: KeyType.transactionalId,
  });
  return results.map(({ group, error, value }) => ({
    transactionalId: group,
    error,
    value,
  }));
}

function missingMessage(errorCode: number, id: string): string | null {
  const error = errorOfCode(errorCode);
  return error?.errorName === "TRANSACTIONAL_ID_NOT_FOUND"
    ? `No such transactional id: ${id}`
    : null;
}

/**
 * The producers that partitions know.
 *
 * @param options.brokerId Asks this replica in place of the leaders.
 */
export async function describeProducers(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  options: Timed & { readonly brokerId?: number },
): Promise<PartitionResult<readonly ProducerDescription[]>[]> {
  const { brokerId, deadlineMs } = options;
  const ask = (nodeId: number, asked: readonly TopicPartition[]) =>
    producersOn(cluster, nodeId, asked, options);
  if (brokerId === undefined) {
    return await askLeaders(cluster, partitions, { deadlineMs, ask });
  }
  await cluster.refreshNodes(deadlineMs);
  const answers = await ask(brokerId, partitions);
  return answers.map(({ topic, partition, value, ...answer }) => {
    const error = errorOfCode(answer.errorCode, answer.errorMessage);
    return { topic, partition, error, value: error === null ? value : null };
  });
}

async function producersOn(
  cluster: Cluster,
  nodeId: number,
  partitions: readonly TopicPartition[],
  options: Timed,
): Promise<LeaderAnswer<readonly ProducerDescription[]>[]> {
  const answer = await cluster.callNode(nodeId, DESCRIBE_PRODUCERS, {
    topics: [...byTopic(partitions)].map(([name, list]) => ({
      name,
      partitionIndexes: list.map(({ partition }) => partition),
    })),
  }, options);
  return answer.topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({
      topic: name,
      partition: partition.partitionIndex,
      errorCode: partition.errorCode,
      errorMessage: partition.errorMessage,
      value: partition.activeProducers.map((producer) => ({
        producerId: producer.producerId,
        producerEpoch: producer.producerEpoch,
        lastSequence: producer.lastSequence,
        lastTimestampMs: producer.lastTimestamp,
        coordinatorEpoch: producer.coordinatorEpoch,
        currentTransactionStartOffset: producer.currentTxnStartOffset,
      })),
    }))
  );
}

/**
 * Has a partition's leader end a producer's transaction there, in place of its
 * coordinator: for one that no coordinator will end.
 *
 * @throws {KafkaError} `INVALID_PRODUCER_EPOCH` or `TRANSACTION_COORDINATOR_FENCED`
 * where the partition has seen a higher epoch.
 */
export async function abortTransaction(
  cluster: Cluster,
  transaction: TransactionToAbort,
  { deadlineMs }: Timed,
): Promise<void> {
  const { topic, partition, producerId, producerEpoch } = transaction;
  const place = { topic, partition };
  const [{ error }] = await askLeaders(cluster, [place], {
    deadlineMs,
    ask: async (nodeId) => {
      const answer = await cluster.callNode(nodeId, WRITE_TXN_MARKERS, {
        markers: [{
          producerId,
          producerEpoch,
          transactionResult: false,
          topics: [{ name: topic, partitionIndexes: [partition] }],
          // Where no marker has been seen yet, none can come before this one.
          coordinatorEpoch: Math.max(transaction.coordinatorEpoch, 0),
        }],
      }, { deadlineMs });
      return answer.markers.flatMap(({ topics }) =>
        topics.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex, errorCode }) => ({
            topic: name,
            partition: partitionIndex,
            errorCode,
            value: null,
          }))
        )
      );
    },
  });
  if (error !== null) throw error;
}
