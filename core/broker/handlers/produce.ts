// Produce (key 0): appends what producers send, partition by partition.
//
//   acks    the answer comes
//   0       never; an error closes the connection, which is all it can be told by
//   1       when the leader has written it
//   -1      when every replica in sync has it
//
// With `flush.messages=1` "written" and "has" mean on the disk.
//
// Records in a transaction are appended once its coordinator knows of the
// partition (see `verify_transaction.ts`).
//
// Source: Kafka protocol guide; KIP-467 (errors of single records), KIP-951
// (the new leader in the answer), KIP-890 (verification).

import { assert } from "../../base/assert.ts";
import type { VerificationGuard } from "../../log/verifications.ts";
import { setBaseOffset } from "../../record/batch_header.ts";
import { RejectedRecordsError } from "../../record/validate_checks.ts";
import { isInternalTopic } from "../../controller/topic_name.ts";
import { FrameError } from "../../rpc/frame_reader.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type ProduceRequest,
  produceRequest,
  produceResponse,
} from "../../wire/kafka/messages/produce.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { type RequestContext, serve } from "../context.ts";
import { CurrentLeaders } from "../current_leaders.ts";
import { failureOf, refusalOf } from "../failure.ts";
import type { Appended, Partition } from "../partition.ts";
import {
  type ProducedTransaction,
  verifyProduced,
} from "../produce_transactions.ts";
import { reachAllReplicas } from "../reach_replicas.ts";
import { Turnstile } from "../turnstile.ts";

type Response = InferInput<typeof produceResponse>;
type PartitionData =
  ProduceRequest["topicData"][number]["partitionData"][number];
type TopicResponse = Response["responses"][number];
type PartitionResponse = TopicResponse["partitionResponses"][number];

/** The client of Kafka's own tools, which alone may write into internal topics. */
const ADMIN_CLIENT_ID = "__admin_client";

/** Refusals of records that the log has seen; their answers say where it starts. */
const JUDGED_BY_LOG: ReadonlySet<number> = new Set([
  ErrorCode.INVALID_RECORD,
  ErrorCode.INVALID_TIMESTAMP,
  ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.DUPLICATE_SEQUENCE_NUMBER,
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.NOT_ENOUGH_REPLICAS,
]);

/** First version whose answer names the leader that the client should ask. */
const LEADERS_SINCE = 10;

const ACKS_NONE = 0;
const ACKS_ALL = -1;

/** What came of one partition's records. */
type Outcome =
  | {
    readonly kind: "appended";
    readonly partition: Partition;
    readonly appended: Appended;
  }
  | { readonly kind: "refused"; readonly error: unknown };

interface PartitionResult {
  readonly topic: string;
  readonly index: number;
  outcome: Outcome;
}

/** A producer's batches stay in order, even where one waits for a coordinator. */
const turnstile = new Turnstile();

export const produce = serve(produceRequest, produceResponse, {
  versions: [0, 12],
  letsNextStart: true,
  handle: (request, context) =>
    turnstile.pass(
      context.connection,
      () => areAcksValid(request) ? verifyProduced(request, context) : null,
      (transaction) => appendAndAnswer(request, context, transaction),
    ),
  failure: (failure, request, context) => {
    if (request === null || request.acks === ACKS_NONE) return null;
    const error = KafkaError.ofCode(failure.errorCode, failure.errorMessage);
    return respond(context, refuseAll(request, error));
  },
});

function areAcksValid({ acks }: ProduceRequest): boolean {
  return acks >= ACKS_ALL && acks <= 1;
}

function appendAndAnswer(
  request: ProduceRequest,
  context: RequestContext,
  transaction: ProducedTransaction | null,
): Response | null | Promise<Response | null> {
  const results = appendAll(request, context, transaction);
  if (results.some(isOfUnknownProducer)) {
    return askAgain(request, context, results, transaction)
      .then(() => answer(request, context, results));
  }
  return answer(request, context, results);
}

function answer(
  request: ProduceRequest,
  context: RequestContext,
  results: PartitionResult[],
): Response | null | Promise<Response> {
  if (request.acks === ACKS_NONE) return endWithoutAnswer(results);
  const waiting = results.filter((result) => mustWait(request.acks, result));
  if (waiting.length === 0) return respond(context, results);
  return waitForAll(request, context, waiting)
    .then(() => respond(context, results));
}

function isOfUnknownProducer({ outcome }: PartitionResult): boolean {
  return outcome.kind === "refused" && outcome.error instanceof KafkaError &&
    outcome.error.code === ErrorCode.UNKNOWN_PRODUCER_ID;
}

/** Another broker may have given the producer its id since this one last looked. */
async function askAgain(
  request: ProduceRequest,
  context: RequestContext,
  results: readonly PartitionResult[],
  transaction: ProducedTransaction | null,
): Promise<void> {
  await context.broker.producerIds.refresh();
  const options = appendOptions(request, context, transaction);
  for (const [position, result] of results.entries()) {
    if (!isOfUnknownProducer(result)) continue;
    const data = request.topicData.find(({ name }) => name === result.topic)
      ?.partitionData.find(({ index }) => index === result.index);
    assert(data !== undefined, "A result of no request");
    // The first try has stamped it, before it was refused.
    if (data.records !== null) setBaseOffset(data.records, 0, 0);
    result.outcome = appendOne(result.topic, data, options, position);
  }
}

function appendAll(
  request: ProduceRequest,
  context: RequestContext,
  transaction: ProducedTransaction | null,
): PartitionResult[] {
  if (!areAcksValid(request)) {
    return refuseAll(
      request,
      new KafkaError(
        "INVALID_REQUIRED_ACKS",
        `acks is 0, 1 or -1 (all), not ${request.acks}.`,
      ),
    );
  }
  const options = appendOptions(request, context, transaction);
  const results: PartitionResult[] = [];
  for (const { name, partitionData } of request.topicData) {
    for (const data of partitionData) {
      const outcome = appendOne(name, data, options, results.length);
      results.push({ topic: name, index: data.index, outcome });
    }
  }
  return results;
}

interface AppendOptions {
  readonly context: RequestContext;
  readonly transaction: ProducedTransaction | null;
  readonly nowMs: number;
  readonly produceVersion: number;
  readonly needsAll: boolean;
  readonly isProducerIssued: (producerId: number) => boolean;
  /** What is in a transaction has to belong to one that is open. */
  readonly verification: null;
}

function appendOptions(
  { acks }: ProduceRequest,
  context: RequestContext,
  transaction: ProducedTransaction | null,
): AppendOptions {
  const { host, producerIds } = context.broker;
  return {
    context,
    transaction,
    nowMs: host.clock.wallMs(),
    produceVersion: context.apiVersion,
    needsAll: acks === ACKS_ALL,
    isProducerIssued: (producerId) => producerIds.isIssued(producerId),
    verification: null,
  };
}

/** @param position Among all partitions of the request. */
function appendOne(
  topic: string,
  { index, records }: PartitionData,
  options: AppendOptions,
  position: number,
): Outcome {
  const { transaction, context: { broker, clientId } } = options;
  try {
    const partition = broker.partitions.get(topic, index);
    if (isInternalTopic(topic) && clientId !== ADMIN_CLIENT_ID) {
      throw new KafkaError(
        "INVALID_TOPIC_EXCEPTION",
        `Cannot append to internal topic ${topic}.`,
      );
    }
    const appended = partition.append(
      records ?? NO_RECORDS,
      transaction === null
        ? options
        : inTransaction(options, transaction.guardOf(position)),
    );
    broker.metrics.producedBatches++;
    broker.metrics.producedBytes += records?.length ?? 0;
    return { kind: "appended", partition, appended };
  } catch (error) {
    return { kind: "refused", error };
  }
}

const NO_RECORDS = new Uint8Array(0);

/** @param verification As `PartitionLog.append` takes it. */
function inTransaction(
  options: AppendOptions,
  verification: VerificationGuard | null | undefined,
) {
  // The coordinator knows to whom it has given the id.
  const isVerified = verification != null;
  return {
    ...options,
    verification,
    isProducerIssued: isVerified ? undefined : options.isProducerIssued,
  };
}

function refuseAll(request: ProduceRequest, error: unknown): PartitionResult[] {
  const outcome: Outcome = { kind: "refused", error };
  return request.topicData.flatMap(({ name, partitionData }) =>
    partitionData.map(({ index }) => ({ topic: name, index, outcome }))
  );
}

/** @throws {FrameError} Where a record was refused: nothing else reaches the producer. */
function endWithoutAnswer(results: readonly PartitionResult[]): null {
  for (const { topic, index, outcome } of results) {
    if (outcome.kind === "appended") continue;
    const { errorMessage } = failureOf(outcome.error);
    throw new FrameError(
      `records for ${topic}-${index} with acks=0 were refused: ${errorMessage}`,
    );
  }
  return null;
}

function mustWait(acks: number, { outcome }: PartitionResult): boolean {
  if (outcome.kind === "refused") return false;
  const { partition, appended } = outcome;
  if (appended.durable !== null) return true;
  return acks === ACKS_ALL && !partition.isVisible(appended.endOffset);
}

/** Waits for fsyncs and replicas of all partitions, no longer than the request says. */
async function waitForAll(
  { acks, timeoutMs }: ProduceRequest,
  { broker: { purgatory } }: RequestContext,
  waiting: readonly PartitionResult[],
): Promise<void> {
  await Promise.all(waiting.map(async (result) => {
    assert(result.outcome.kind === "appended", "Only what was appended waits");
    const { partition, appended } = result.outcome;
    try {
      if (acks !== ACKS_ALL) await appended.durable;
      else {
        await reachAllReplicas(partition, appended, {
          purgatory,
          timeoutMs: Math.max(0, timeoutMs),
        });
      }
    } catch (error) {
      result.outcome = { kind: "refused", error };
    }
  }));
}

/** Topics come once each, however often they were named. */
function respond(
  context: RequestContext,
  results: readonly PartitionResult[],
): Response {
  const leaders = new CurrentLeaders(context, LEADERS_SINCE);
  const topics = new Map<string, PartitionResponse[]>();
  for (const { topic, index, outcome } of results) {
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, partitions = []);
    partitions.push(
      outcome.kind === "refused"
        ? refusal(context, { topic, index, error: outcome.error }, leaders)
        : {
          index,
          errorCode: ErrorCode.NONE,
          baseOffset: outcome.appended.baseOffset,
          logAppendTimeMs: outcome.appended.logAppendTimeMs,
          logStartOffset: outcome.appended.logStartOffset,
        },
    );
  }
  const responses = Array.from(topics, ([name, partitionResponses]) => ({
    name,
    partitionResponses,
  }));
  return { responses, ...leaders.endpoints() };
}

function refusal(
  context: RequestContext,
  refused: {
    readonly topic: string;
    readonly index: number;
    readonly error: unknown;
  },
  leaders: CurrentLeaders,
): PartitionResponse {
  const { topic, index, error } = refused;
  const { errorCode, errorMessage } = refusalOf(
    error,
    context.broker,
    `append to ${topic}-${index}`,
  );
  const partition = context.broker.partitions.find(topic, index);
  return {
    index,
    errorCode,
    baseOffset: -1,
    logStartOffset: JUDGED_BY_LOG.has(errorCode)
      ? partition?.log?.logStartOffset ?? -1
      : -1,
    errorMessage,
    recordErrors: error instanceof RejectedRecordsError
      ? error.recordErrors.map(({ batchIndex, message }) => ({
        batchIndex,
        batchIndexErrorMessage: message,
      }))
      : [],
    ...leaders.of(errorCode, partition),
  };
}
