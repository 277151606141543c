// DeleteRecords (key 21): moves the start of a partition's log, so that records
// before it are gone for every reader.
//
// Source: KIP-107.

import { isInternalTopic } from "../../controller/topic_name.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type DeleteRecordsRequest,
  deleteRecordsRequest,
  deleteRecordsResponse,
} from "../../wire/kafka/messages/delete_records.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type PartitionRequest =
  DeleteRecordsRequest["topics"][number]["partitions"][number];
type PartitionResponse = InferInput<
  typeof deleteRecordsResponse
>["topics"][number]["partitions"][number];

/** Stands for the end of what readers can see. */
const HIGH_WATERMARK = -1;

export const deleteRecords = serve(
  deleteRecordsRequest,
  deleteRecordsResponse,
  {
    handle: (request, context) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((wanted) =>
          deleteOne(name, wanted, context)
        ),
      })),
    }),
    failure: ({ errorCode }, request) =>
      request === null ? null : {
        throttleTimeMs: 0,
        topics: request.topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex }) => ({
            partitionIndex,
            lowWatermark: -1,
            errorCode,
          })),
        })),
      },
  },
);

function deleteOne(
  topic: string,
  { partitionIndex, offset }: PartitionRequest,
  { broker }: RequestContext,
): PartitionResponse {
  try {
    const partition = broker.partitions.get(topic, partitionIndex);
    if (isInternalTopic(topic)) {
      throw new KafkaError(
        "INVALID_TOPIC_EXCEPTION",
        `Cannot delete records of internal topic ${topic}.`,
      );
    }
    const log = partition.leaderLog(-1);
    if (!log.config["cleanup.policy"].includes("delete")) {
      throw new KafkaError(
        "POLICY_VIOLATION",
        `Records of "${topic}" cannot be deleted: its cleanup.policy is not delete`,
      );
    }
    const target = offset === HIGH_WATERMARK ? log.highWatermark : offset;
    if (target < 0) throw new KafkaError("OFFSET_OUT_OF_RANGE");
    return {
      partitionIndex,
      lowWatermark: log.deleteRecordsBefore(target),
      errorCode: ErrorCode.NONE,
    };
  } catch (error) {
    const action = `delete records of ${topic}-${partitionIndex}`;
    return {
      partitionIndex,
      lowWatermark: -1,
      errorCode: refusalOf(error, broker, action).errorCode,
    };
  }
}
