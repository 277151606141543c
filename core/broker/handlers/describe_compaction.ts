// DescribeCompaction (key 15001, kq's own): how clean partitions are, what the
// cleaner did last, and what it is at.

import { isCompacted } from "../../log/compaction/cleaner_schedule.ts";
import type { CompactionState } from "../../log/compaction/compaction_state.ts";
import { CorruptFileError } from "../../log/corrupt_file_error.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  describeCompactionRequest,
  describeCompactionResponse,
} from "../../wire/kafka/messages/describe_compaction.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { type Failure, type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";
import { eachPartition, ledLog } from "./each_partition.ts";

type PartitionResponse = InferInput<
  typeof describeCompactionResponse
>["topics"][number]["partitions"][number];

export const describeCompaction = serve(
  describeCompactionRequest,
  describeCompactionResponse,
  {
    versions: [0, 0],
    handle: (request, context) =>
      eachPartition(
        request.topics,
        (topic, index) => describeOne(topic, index, context),
      ),
    failure: (failure, request) =>
      request === null
        ? null
        : eachPartition(request.topics, (_topic, index) =>
          refused(index, failure)),
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
    const state = broker.logDirs.cleaner.state(log);
    const common = {
      ...NOTHING,
      partitionIndex,
      errorCode: ErrorCode.NONE,
      ...wordsOf(state),
    };
    if (!isCompacted(log)) return common;
    const range = log.dirtyRange(broker.host.clock.wallMs());
    return {
      ...common,
      isCompacted: true,
      dirtyRatio: range.dirtyRatio,
      cleanBytes: range.cleanBytes,
      dirtyBytes: range.dirtyBytes,
    };
  } catch (error) {
    const action = `describe the compaction of ${topic}-${partitionIndex}`;
    return refused(partitionIndex, refusalOf(error, broker, action));
  }
}

function wordsOf(state: CompactionState) {
  const { lastRun, progress, requestError } = state;
  return {
    isRunning: state.isRunning,
    readBytes: progress?.readBytes ?? 0,
    totalBytes: progress?.totalBytes ?? 0,
    ...lastRun,
    elapsedMs: Math.round(lastRun?.elapsedMs ?? 0),
    uncleanableReason: state.uncleanableReason,
    openRequestId: state.openRequestId,
    endedRequestId: state.endedRequestId,
    requestErrorCode: requestError === null ? 0 : codeOf(requestError),
    requestErrorMessage: requestError?.message ?? null,
  };
}

function codeOf(error: Error): number {
  if (error instanceof KafkaError) return error.code;
  return error instanceof CorruptFileError
    ? ErrorCode.CORRUPT_MESSAGE
    : ErrorCode.UNKNOWN_SERVER_ERROR;
}

function refused(partitionIndex: number, failure: Failure): PartitionResponse {
  return { ...NOTHING, partitionIndex, ...failure };
}

const NOTHING = {
  isCompacted: false,
  isRunning: false,
  dirtyRatio: 0,
  cleanBytes: 0,
  dirtyBytes: 0,
  readBytes: 0,
  totalBytes: 0,
  elapsedMs: 0,
  bytesBefore: 0,
  bytesAfter: 0,
  recordsBefore: 0,
  recordsAfter: 0,
  openRequestId: 0,
  endedRequestId: 0,
  requestErrorCode: 0,
} as const;
