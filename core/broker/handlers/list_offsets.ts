// ListOffsets (key 2): which offset a partition has at its ends or at a time.
//
//   timestamp   what is asked                       since version
//   -1          the end that the reader may see     0
//   -2          the start                           0
//   -3          the record with the latest time     7
//   -4          the start of what is local          8
//   -5          the end of what is in remote tiers  9
//   0 and up    the first record not before it      0
//
// Version 0 knows no times of records: it lists where segments begin, newest
// first, as far as they were written before the time.
//
// Source: Kafka protocol guide; KIP-79, KIP-207, KIP-734, KIP-405, KIP-1005.

import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import {
  type ListOffsetsRequest,
  listOffsetsRequest,
  listOffsetsResponse,
} from "../../wire/kafka/messages/list_offsets.ts";
import type { InferInput } from "../../wire/kafka/schema.ts";
import { type RequestContext, serve } from "../context.ts";
import { refusalOf } from "../failure.ts";
import type { Partition } from "../partition.ts";

type TopicRequest = ListOffsetsRequest["topics"][number];
type PartitionRequest = TopicRequest["partitions"][number];
type PartitionResponse = InferInput<
  typeof listOffsetsResponse
>["topics"][number]["partitions"][number];

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;

/** First version in which a special timestamp means something. */
const SPECIAL_SINCE: ReadonlyMap<number, number> = new Map([
  [LATEST, 0],
  [EARLIEST, 0],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
]);

const LEADER_EPOCH_SINCE = 4;

export const listOffsets = serve(listOffsetsRequest, listOffsetsResponse, {
  handle: (request, context) => {
    const repeated = context.apiVersion === 0
      ? NONE_REPEATED
      : repeatedPartitions(request.topics);
    return {
      topics: request.topics.map((topic) => ({
        name: topic.name,
        partitions: topic.partitions.map((wanted) => {
          if (repeated.has(`${wanted.partitionIndex} ${topic.name}`)) {
            return refused(wanted.partitionIndex, ErrorCode.INVALID_REQUEST);
          }
          return answerOne(request, topic.name, wanted, context);
        }),
      })),
    };
  },
  failure: ({ errorCode }, request) =>
    request === null ? null : {
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) =>
          refused(partitionIndex, errorCode)
        ),
      })),
    },
});

function refused(partitionIndex: number, errorCode: number): PartitionResponse {
  return { partitionIndex, errorCode };
}

const NONE_REPEATED: ReadonlySet<string> = new Set();

/** Partitions that a request names twice; Kafka refuses them, save in version 0. */
function repeatedPartitions(topics: readonly TopicRequest[]): Set<string> {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { name, partitions } of topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${partitionIndex} ${name}`;
      (seen.has(key) ? repeated : seen).add(key);
    }
  }
  return repeated;
}

function answerOne(
  request: ListOffsetsRequest,
  topic: string,
  wanted: PartitionRequest,
  { broker, apiVersion }: RequestContext,
): PartitionResponse {
  const { partitionIndex } = wanted;
  try {
    const partition = broker.partitions.get(topic, partitionIndex);
    if (apiVersion === 0) {
      return {
        partitionIndex,
        errorCode: ErrorCode.NONE,
        oldStyleOffsets: segmentOffsets(
          partition,
          wanted,
          broker.host.clock.wallMs(),
        ),
      };
    }
    const since = SPECIAL_SINCE.get(wanted.timestamp);
    if (wanted.timestamp < 0 && (since === undefined || apiVersion < since)) {
      return refused(partitionIndex, ErrorCode.UNSUPPORTED_VERSION);
    }
    const found = lookUp(partition, wanted, request.isolationLevel === 1);
    return {
      partitionIndex,
      errorCode: ErrorCode.NONE,
      timestamp: found.timestampMs,
      offset: found.offset,
      ...(apiVersion >= LEADER_EPOCH_SINCE
        ? { leaderEpoch: found.leaderEpoch }
        : {}),
    };
  } catch (error) {
    const action = `list offsets of ${topic}-${partitionIndex}`;
    return refused(partitionIndex, refusalOf(error, broker, action).errorCode);
  }
}

interface Found {
  readonly offset: number;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

const NOTHING: Found = { offset: -1, timestampMs: -1, leaderEpoch: -1 };

/** @throws {KafkaError} As `leaderLog` and the log's look-ups do. */
function lookUp(
  partition: Partition,
  wanted: PartitionRequest,
  isCommittedOnly: boolean,
): Found {
  const log = partition.leaderLog(wanted.currentLeaderEpoch);
  const endOffset = isCommittedOnly ? log.lastStableOffset : log.highWatermark;
  switch (wanted.timestamp) {
    case LATEST:
      return {
        offset: endOffset,
        timestampMs: -1,
        leaderEpoch: partition.leadership.leaderEpoch,
      };
    case EARLIEST:
    case EARLIEST_LOCAL:
      return {
        offset: log.logStartOffset,
        timestampMs: -1,
        leaderEpoch: log.leaderEpochs.epochOf(log.logStartOffset),
      };
    case LATEST_TIERED:
      return NOTHING; // There are no remote tiers.
    default: {
      const found = wanted.timestamp === MAX_TIMESTAMP
        ? log.offsetOfMaxTimestamp()
        : log.offsetForTimestamp(wanted.timestamp);
      return found === null || found.offset >= endOffset ? NOTHING : found;
    }
  }
}

/** @throws {KafkaError} As `leaderLog` does. */
function segmentOffsets(
  partition: Partition,
  wanted: PartitionRequest,
  nowMs: number,
): number[] {
  const log = partition.leaderLog(wanted.currentLeaderEpoch);
  const countMax = Math.max(0, wanted.maxNumOffsets);
  if (wanted.timestamp === EARLIEST) {
    return [log.logStartOffset].slice(0, countMax);
  }
  if (wanted.timestamp < LATEST) {
    throw new KafkaError(
      "UNSUPPORTED_VERSION",
      `ListOffsets version 0 knows no timestamp ${wanted.timestamp}`,
    );
  }
  const isLatest = wanted.timestamp === LATEST;
  const offsets = log.segments.all()
    .filter(({ largestTimestamp, createdMs }) =>
      isLatest ||
      Math.max(largestTimestamp.timestampMs, createdMs) <= wanted.timestamp
    )
    .map(({ baseOffset }) => Math.max(baseOffset, log.logStartOffset));
  // The end counts as written now.
  if (isLatest || nowMs <= wanted.timestamp) offsets.push(log.highWatermark);
  return [...new Set(offsets)]
    .filter((offset) => offset <= log.highWatermark)
    .sort((a, b) => b - a)
    .slice(0, countMax);
}
