// CompactPartitions (key 15000, kq's own): has partitions compacted now, however
// clean they are. The answer says under which number; what becomes of it is told
// by DescribeCompaction.

import { isCompacted } from "../../log/compaction/cleaner_schedule.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  compactPartitionsRequest,
  compactPartitionsResponse,
} from "../../wire/kafka/messages/compact_partitions.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";
import { eachPartition, ledLog } from "./each_partition.ts";

type PartitionResponse = InferInput<
  typeof compactPartitionsResponse
>["topics"][number]["partitions"][number];

export const compactPartitions = serve(
  compactPartitionsRequest,
  compactPartitionsResponse,
  {
    versions: [0, 0],
    handle: (request, context) =>
      eachPartition(
        request.topics,
        (topic, index) => compactOne(topic, index, context),
      ),
    failure: ({ errorCode, errorMessage }, request) =>
      request === null ? null : eachPartition(
        request.topics,
        (_topic, partitionIndex) => ({
          partitionIndex,
          errorCode,
          errorMessage,
        }),
      ),
  },
);

function compactOne(
  topic: string,
  partitionIndex: number,
  context: RequestContext,
): PartitionResponse {
  const { broker } = context;
  try {
    const log = ledLog(topic, partitionIndex, context);
    if (!isCompacted(log)) {
      throw new KafkaError(
        "POLICY_VIOLATION",
        `The topic '${topic}' is not compacted: its cleanup.policy is "${
          log.config["cleanup.policy"].join(",")
        }", without "compact".`,
      );
    }
    return {
      partitionIndex,
      errorCode: ErrorCode.NONE,
      requestId: broker.logDirs.cleaner.request(log),
    };
  } catch (error) {
    const action = `compact ${topic}-${partitionIndex}`;
    return { partitionIndex, ...refusalOf(error, broker, action) };
  }
}
