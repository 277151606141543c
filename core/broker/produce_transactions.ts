// The transactional part of a Produce request: which batches are in a transaction,
// whether their partitions belong to it, and how refusals are told to producers.
//
// Source: KIP-98, KIP-890; observed: which error Apache Kafka answers in which
// version.

import { isInternalTopic } from "../controller/topic_name.ts";
import type { VerificationGuard } from "../log/verifications.ts";
import {
  BATCH_HEADER_BYTES,
  batchBaseSequence,
  batchIsTransactional,
  batchMagic,
  batchProducerEpoch,
  batchProducerId,
  batchSize,
} from "../record/batch_header.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import type { ProduceRequest } from "../wire/kafka/messages/produce.ts";
import type { RequestContext } from "./context.ts";
import { type Verdict, verifyTransaction } from "./verify_transaction.ts";

/** First version whose clients know TRANSACTION_ABORTABLE. */
const ABORTABLE_SINCE = 11;
/** First version whose clients leave it to leaders to add partitions to a transaction. */
const ADDS_PARTITIONS_SINCE = 12;

/** Refusals of the coordinator that will pass. Clients of all versions try again after NOT_ENOUGH_REPLICAS, and ask nobody else. */
const NOT_YET: ReadonlySet<number> = new Set([
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.REQUEST_TIMED_OUT,
]);

/** One partition's records in a transaction. */
interface TransactionalBatch {
  /** Among all partitions of the request. */
  readonly index: number;
  readonly topic: string;
  readonly partition: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

/** What was found out about a request's transaction; nothing is needed for a request without one. */
export class ProducedTransaction {
  readonly #verdicts: ReadonlyMap<number, Verdict>;

  constructor(verdicts: ReadonlyMap<number, Verdict>) {
    this.#verdicts = verdicts;
  }

  /**
   * What the append of a partition's records shows.
   *
   * @param index Among all partitions of the request.
   * @throws {KafkaError} Why they may not be appended, as the producer is told.
   */
  guardOf(index: number): VerificationGuard | null | undefined {
    const verdict = this.#verdicts.get(index);
    if (verdict === undefined) return null;
    if (verdict.kind === "refused") throw verdict.error;
    return verdict.guard;
  }
}

/**
 * Verifies the transaction of a request.
 *
 * @returns `null` where none of its batches is in one.
 * @throws {KafkaError} INVALID_PRODUCER_ID_MAPPING where there are several.
 */
export function verifyProduced(
  request: ProduceRequest,
  { broker, apiVersion }: RequestContext,
): ProducedTransaction | null | Promise<ProducedTransaction> {
  if (!hasTransaction(request)) return null;
  const batches = transactionalBatches(request);
  if (batches.length === 0) return null;
  const [{ producerId, producerEpoch }] = batches;
  if (
    batches.some((batch) =>
      batch.producerId !== producerId || batch.producerEpoch !== producerEpoch
    )
  ) {
    throw new KafkaError(
      "INVALID_PRODUCER_ID_MAPPING",
      "The batches of one request belong to transactions of several producers.",
    );
  }
  const { transactionalId } = request;
  if (transactionalId === null) {
    // As Apache Kafka answers, which looks for the right to use the id first.
    const error = new KafkaError(
      "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
      "The batch is in a transaction, but the request names no transactional id.",
    );
    return withVerdicts(
      batches,
      batches.map(() => ({ kind: "refused", error })),
    );
  }
  const verdicts = verifyTransaction(broker, {
    transactionalId,
    producerId,
    producerEpoch,
    addsPartitions: apiVersion >= ADDS_PARTITIONS_SINCE,
    partitions: batches,
  });
  const finish = (all: readonly Verdict[]) =>
    withVerdicts(
      batches,
      all.map((each) => asToldToProducer(each, apiVersion)),
    );
  return verdicts instanceof Promise ? verdicts.then(finish) : finish(verdicts);
}

function withVerdicts(
  batches: readonly TransactionalBatch[],
  verdicts: readonly Verdict[],
): ProducedTransaction {
  return new ProducedTransaction(
    new Map(batches.map(({ index }, i) => [index, verdicts[i]])),
  );
}

/** All that plain requests pay for. */
function hasTransaction({ topicData }: ProduceRequest): boolean {
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) {
      if (records !== null && transactionalAt(records) >= 0) return true;
    }
  }
  return false;
}

function transactionalBatches(
  { topicData }: ProduceRequest,
): TransactionalBatch[] {
  const batches: TransactionalBatch[] = [];
  let index = 0;
  for (const { name, partitionData } of topicData) {
    const isRefused = isInternalTopic(name);
    for (const { index: partition, records } of partitionData) {
      const at = records === null || isRefused ? -1 : transactionalAt(records);
      if (at >= 0) {
        batches.push({
          index,
          topic: name,
          partition,
          producerId: batchProducerId(records!, at),
          producerEpoch: batchProducerEpoch(records!, at),
          baseSequence: batchBaseSequence(records!, at),
        });
      }
      index++;
    }
  }
  return batches;
}

/**
 * Where the first batch in a transaction is, behind whichever others; -1 where none is.
 * One without a producer, or a number, is refused for that.
 */
function transactionalAt(records: Uint8Array): number {
  let at = 0;
  while (records.length - at >= BATCH_HEADER_BYTES) {
    if (batchMagic(records, at) !== 2) return -1;
    if (
      batchIsTransactional(records, at) && batchProducerId(records, at) >= 0 &&
      batchBaseSequence(records, at) >= 0
    ) return at;
    const sizeBytes = batchSize(records, at);
    if (sizeBytes < BATCH_HEADER_BYTES) return -1;
    at += sizeBytes;
  }
  return -1;
}

/** The coordinator's refusals in words that producers of this version know. */
function asToldToProducer(verdict: Verdict, apiVersion: number): Verdict {
  if (verdict.kind === "verified") return verdict;
  const { error } = verdict;
  if (!(error instanceof KafkaError)) return verdict;
  if (NOT_YET.has(error.code)) {
    return refused(
      "NOT_ENOUGH_REPLICAS",
      `The coordinator cannot say yet whether the partition is in the transaction: ${error.errorName}.`,
    );
  }
  if (error.code === ErrorCode.PRODUCER_FENCED) {
    return refused("INVALID_PRODUCER_EPOCH", error.message);
  }
  if (error.code === ErrorCode.INVALID_TXN_STATE) {
    return refused(
      "INVALID_TXN_STATE",
      "The partition was not added to the transaction.",
    );
  }
  const isUnknown = error.code === ErrorCode.TRANSACTION_ABORTABLE &&
    apiVersion < ABORTABLE_SINCE;
  return isUnknown ? refused("INVALID_TXN_STATE", error.message) : verdict;
}

function refused(
  name: ConstructorParameters<typeof KafkaError>[0],
  message: string,
): Verdict {
  return { kind: "refused", error: new KafkaError(name, message) };
}
