// How a fake broker answers, unless a test says otherwise.

import { type Exchange, exchange } from "../rpc/exchange.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import * as apiVersions from "../wire/kafka/messages/api_versions.ts";
import * as fetch from "../wire/kafka/messages/fetch.ts";
import * as init from "../wire/kafka/messages/init_producer_id.ts";
import * as listOffsets from "../wire/kafka/messages/list_offsets.ts";
import * as metadata from "../wire/kafka/messages/metadata.ts";
import * as leaderEpoch from "../wire/kafka/messages/offset_for_leader_epoch.ts";
import * as produce from "../wire/kafka/messages/produce.ts";
import type { Infer, InferInput, MessageSchema } from "../wire/kafka/schema.ts";
import type { FakeContext, FakeHandler } from "./fake_broker.ts";
import type { FakePartition } from "./fake_cluster.ts";

interface Row {
  readonly exchange: Exchange;
  readonly versions: readonly [number, number];
  readonly handler: FakeHandler;
}

function row<Q extends MessageSchema, R extends MessageSchema>(
  request: Q,
  response: R,
  versions: readonly [number, number],
  handler: (
    request: Infer<Q>,
    context: FakeContext,
  ) => InferInput<R> | null | Promise<InferInput<R> | null>,
): Row {
  return {
    exchange: exchange(request, response) as unknown as Exchange,
    versions,
    handler: handler as FakeHandler,
  };
}

/** The partition, if this broker leads it; else the error code. */
function led(
  context: FakeContext,
  place: { topic: string; partition: number; epoch?: number },
): FakePartition | number {
  const found = context.state.partition(place.topic, place.partition);
  if (found === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (found.leader !== context.broker.id) {
    return ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }
  const { epoch = -1 } = place;
  if (epoch >= 0 && epoch < found.leaderEpoch) {
    return ErrorCode.FENCED_LEADER_EPOCH;
  }
  if (epoch > found.leaderEpoch) return ErrorCode.UNKNOWN_LEADER_EPOCH;
  return found;
}

function answerMetadata(
  request: Infer<typeof metadata.metadataRequest>,
  { state }: FakeContext,
): InferInput<typeof metadata.metadataResponse> {
  const names = request.topics?.map((topic) => topic.name ?? "") ??
    [...state.topics.keys()];
  if (state.autoCreates && request.allowAutoTopicCreation) {
    for (const name of names) {
      if (!state.topics.has(name)) state.createTopic(name);
    }
  }
  return {
    brokers: [...state.brokers].map(([nodeId, { host, port }]) => ({
      nodeId,
      host,
      port,
    })),
    clusterId: state.clusterId,
    controllerId: state.controllerId,
    topics: names.map((name) => {
      const topic = state.topics.get(name);
      if (topic === undefined) {
        const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
        return { errorCode, name, partitions: [] };
      }
      return {
        errorCode: 0,
        name,
        topicId: topic.topicId,
        partitions: topic.partitions.map((partition, partitionIndex) => ({
          errorCode: partition.leader < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : 0,
          partitionIndex,
          leaderId: partition.leader,
          leaderEpoch: partition.leaderEpoch,
          replicaNodes: [...state.brokers.keys()],
          isrNodes: [...state.brokers.keys()],
        })),
      };
    }),
  };
}

function answerProduce(
  request: Infer<typeof produce.produceRequest>,
  context: FakeContext,
): InferInput<typeof produce.produceResponse> | null {
  const responses = request.topicData.map(({ name, partitionData }) => ({
    name,
    partitionResponses: partitionData.map(({ index, records }) => {
      const partition = led(context, { topic: name, partition: index });
      const refusal = typeof partition === "number"
        ? partition
        : context.state.checkProduced(partition, records!, request);
      const { errorCode, baseOffset } = typeof partition === "number" ||
          refusal !== 0
        ? { errorCode: refusal, baseOffset: -1 }
        : partition.append(records!);
      return { index, errorCode, baseOffset };
    }),
  }));
  return request.acks === 0 ? null : { responses };
}

async function answerFetch(
  request: Infer<typeof fetch.fetchRequest>,
  context: FakeContext,
): Promise<InferInput<typeof fetch.fetchResponse>> {
  const { state, broker } = context;
  const isCommitted = request.isolationLevel === 1;
  const read = () =>
    request.topics.map(({ topic, topicId, partitions }) => {
      const name = topic !== "" ? topic : state.topicById(topicId)?.name ?? "";
      return {
        topic,
        topicId,
        partitions: partitions.map((asked) => {
          const partition = led(context, {
            topic: name,
            partition: asked.partition,
            epoch: asked.currentLeaderEpoch,
          });
          const nothing = {
            partitionIndex: asked.partition,
            highWatermark: -1,
            abortedTransactions: null,
            records: null,
          };
          if (typeof partition === "number") {
            return { ...nothing, errorCode: partition };
          }
          const { fetchOffset } = asked;
          if (
            fetchOffset < partition.logStartOffset ||
            fetchOffset > partition.endOffset
          ) return { ...nothing, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE };
          const stable = partition.lastStableOffset ?? partition.endOffset;
          return {
            partitionIndex: asked.partition,
            errorCode: 0,
            highWatermark: partition.endOffset,
            lastStableOffset: stable,
            logStartOffset: partition.logStartOffset,
            abortedTransactions: isCommitted ? partition.aborted : null,
            records: isCommitted && fetchOffset >= stable
              ? null
              : partition.read(
                fetchOffset,
                asked.partitionMaxBytes,
                isCommitted ? stable : Infinity,
              ),
          };
        }),
      };
    });
  const hasNews = (responses: ReturnType<typeof read>) =>
    responses.some(({ partitions }) =>
      partitions.some((partition) =>
        partition.errorCode !== 0 || (partition.records?.length ?? 0) > 0
      )
    );
  let responses = read();
  if (!hasNews(responses) && request.maxWaitMs > 0) {
    const all = [...state.topics.values()].flatMap((t) => t.partitions);
    let cancel = () => {};
    const timeout = new Promise<void>((resolve) => {
      cancel = broker.host.clock.after(request.maxWaitMs, resolve);
    });
    await Promise.race([timeout, ...all.map((p) => p.appended())]);
    cancel();
    responses = read();
  }
  return { sessionId: 0, responses };
}

function answerListOffsets(
  request: Infer<typeof listOffsets.listOffsetsRequest>,
  context: FakeContext,
): InferInput<typeof listOffsets.listOffsetsResponse> {
  return {
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((asked) => {
        const partitionIndex = asked.partitionIndex;
        const partition = led(context, {
          topic: name,
          partition: partitionIndex,
          epoch: asked.currentLeaderEpoch,
        });
        if (typeof partition === "number") {
          return { partitionIndex, errorCode: partition };
        }
        const found = offsetAt(partition, asked.timestamp);
        const leaderEpoch = found.offset < 0 ? -1 : partition.leaderEpoch;
        return { partitionIndex, errorCode: 0, ...found, leaderEpoch };
      }),
    })),
  };
}

function offsetAt(partition: FakePartition, timestamp: number) {
  if (timestamp === -1) return { offset: partition.endOffset, timestamp: -1 };
  if (timestamp === -2) {
    return { offset: partition.logStartOffset, timestamp: -1 };
  }
  const record = partition.records.find((r) => r.timestampMs >= timestamp);
  return record === undefined
    ? { offset: -1, timestamp: -1 }
    : { offset: record.offset, timestamp: record.timestampMs };
}

function answerLeaderEpoch(
  request: Infer<typeof leaderEpoch.offsetForLeaderEpochRequest>,
  context: FakeContext,
): InferInput<typeof leaderEpoch.offsetForLeaderEpochResponse> {
  return {
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((asked) => {
        const partition = led(context, {
          topic,
          partition: asked.partition,
          epoch: asked.currentLeaderEpoch,
        });
        return typeof partition === "number"
          ? { partition: asked.partition, errorCode: partition }
          : {
            partition: asked.partition,
            errorCode: 0,
            leaderEpoch: asked.leaderEpoch,
            endOffset: partition.endOffset,
          };
      }),
    })),
  };
}

/** What every fake broker serves. */
export const defaultHandlers: readonly Row[] = [
  row(
    apiVersions.apiVersionsRequest,
    apiVersions.apiVersionsResponse,
    [0, 4],
    () => ({ errorCode: 0, apiKeys: [] }),
  ),
  row(
    metadata.metadataRequest,
    metadata.metadataResponse,
    [0, 12],
    answerMetadata,
  ),
  row(produce.produceRequest, produce.produceResponse, [3, 11], answerProduce),
  row(fetch.fetchRequest, fetch.fetchResponse, [4, 17], answerFetch),
  row(
    listOffsets.listOffsetsRequest,
    listOffsets.listOffsetsResponse,
    [1, 9],
    answerListOffsets,
  ),
  row(
    init.initProducerIdRequest,
    init.initProducerIdResponse,
    [0, 5],
    (_request, { state }) => ({
      throttleTimeMs: 0,
      errorCode: 0,
      producerId: state.newProducerId(),
      producerEpoch: 0,
    }),
  ),
  row(
    leaderEpoch.offsetForLeaderEpochRequest,
    leaderEpoch.offsetForLeaderEpochResponse,
    [0, 4],
    answerLeaderEpoch,
  ),
];
