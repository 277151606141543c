// OffsetForLeaderEpoch (key 23): where a leader epoch ends, so that a reader can
// tell whether what it has read is still what the log holds.
//
// Source: KIP-101, KIP-279, KIP-320.

import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  type OffsetForLeaderEpochRequest,
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from "../../wire/kafka/messages/offset_for_leader_epoch.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";

type PartitionRequest =
  OffsetForLeaderEpochRequest["topics"][number]["partitions"][number];
type PartitionResponse = InferInput<
  typeof offsetForLeaderEpochResponse
>["topics"][number]["partitions"][number];

export const offsetForLeaderEpoch = serve(
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
  {
    handle: (request, context) => ({
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map((wanted) =>
          answerOne(topic, wanted, context)
        ),
      })),
    }),
    failure: ({ errorCode }, request) =>
      request === null ? null : {
        topics: request.topics.map(({ topic, partitions }) => ({
          topic,
          partitions: partitions.map(({ partition }) => ({
            errorCode,
            partition,
          })),
        })),
      },
  },
);

function answerOne(
  topic: string,
  wanted: PartitionRequest,
  { broker }: RequestContext,
): PartitionResponse {
  const { partition, currentLeaderEpoch, leaderEpoch } = wanted;
  try {
    const log = broker.partitions.get(topic, partition)
      .leaderLog(currentLeaderEpoch);
    const end = log.endOffsetForEpoch(leaderEpoch);
    return {
      errorCode: ErrorCode.NONE,
      partition,
      leaderEpoch: end.epoch,
      endOffset: end.endOffset,
    };
  } catch (error) {
    const action = `find an epoch of ${topic}-${partition}`;
    return {
      errorCode: refusalOf(error, broker, action).errorCode,
      partition,
    };
  }
}
