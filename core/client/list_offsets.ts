// ListOffsets: which offset a partition has at a time, or at its ends.
//
// Source: Kafka protocol guide, "Offset API (AKA ListOffset)"; KIP-79, KIP-734,
// KIP-405, KIP-1005 (the special timestamps).

import { exchange } from "../rpc/exchange.ts";
import {
  listOffsetsRequest,
  listOffsetsResponse,
} from "../wire/kafka/messages/list_offsets.ts";
import type { Cluster } from "./cluster.ts";
import {
  askLeaders,
  type LeaderAnswer,
  leaderEpochOf,
  type PartitionResult,
} from "./leader_calls.ts";
import { byTopic, partitionKey, type TopicPartition } from "./metadata.ts";

const LIST_OFFSETS = exchange(listOffsetsRequest, listOffsetsResponse);

/** Timestamps that stand for a place rather than for a time. */
export const OffsetAt = {
  /** One past the last record that may be read. */
  latest: -1,
  earliest: -2,
  /** The record with the largest timestamp. */
  maxTimestamp: -3,
  /** The first record that is not only in remote storage. */
  earliestLocal: -4,
  /** The last record in remote storage. */
  latestTiered: -5,
} as const;

/** Whether records of open and aborted transactions count. */
export type IsolationLevel = "read_committed" | "read_uncommitted";

/** The number of an isolation level on the wire. */
export function isolationCode(level: IsolationLevel): number {
  return level === "read_committed" ? 1 : 0;
}

/** A partition and the time that is looked for, in milliseconds or as `OffsetAt`. */
export interface OffsetQuery extends TopicPartition {
  readonly timestampMs: number;
}

export interface ListedOffset {
  /** -1 where no record is at or after the time. */
  readonly offset: number;
  /** Of the record found; -1 for the ends. */
  readonly timestampMs: number;
  /** Of the record found; -1 where it is not known. */
  readonly leaderEpoch: number;
}

/** Lowest version of the request that knows a special timestamp. */
function versionMin(timestampMs: number): number {
  if (timestampMs === OffsetAt.maxTimestamp) return 7;
  if (timestampMs === OffsetAt.earliestLocal) return 8;
  if (timestampMs === OffsetAt.latestTiered) return 9;
  return timestampMs >= 0 ? 1 : 0;
}

/**
 * Asks the leaders of partitions for offsets. A partition may be asked for at
 * several times.
 *
 * @returns One result per query, in order; a query that the broker is too old for
 * has the error `UNSUPPORTED_VERSION`.
 */
export async function listOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  options: {
    readonly isolationLevel: IsolationLevel;
    readonly deadlineMs: number;
  },
): Promise<PartitionResult<ListedOffset>[]> {
  const results: PartitionResult<ListedOffset>[] = new Array(queries.length);
  // A request may name a partition once.
  await Promise.all(
    rounds(queries).map(async (round) => {
      const found = await askLeaders(
        cluster,
        round.map((index) => queries[index]),
        {
          deadlineMs: options.deadlineMs,
          ask: (nodeId, asked) =>
            askOne(cluster, { nodeId, asked, ...options }),
        },
      );
      found.forEach((result, i) => results[round[i]] = result);
    }),
  );
  return results;
}

/** The indexes of queries, so that no round has a partition twice. */
function rounds(queries: readonly OffsetQuery[]): number[][] {
  const countOf = new Map<string, number>();
  const rounds: number[][] = [];
  queries.forEach((query, index) => {
    const key = partitionKey(query);
    const round = countOf.get(key) ?? 0;
    countOf.set(key, round + 1);
    (rounds[round] ??= []).push(index);
  });
  return rounds;
}

async function askOne(
  cluster: Cluster,
  call: {
    readonly nodeId: number;
    readonly asked: readonly OffsetQuery[];
    readonly isolationLevel: IsolationLevel;
    readonly deadlineMs: number;
  },
): Promise<LeaderAnswer<ListedOffset>[]> {
  const { nodeId, deadlineMs } = call;
  const connection = await cluster.connectionTo(nodeId, { deadlineMs });
  const version = connection.versionOf(listOffsetsRequest);
  const isKnown = (query: OffsetQuery) =>
    version >= versionMin(query.timestampMs);
  const answers: LeaderAnswer<ListedOffset>[] = call.asked
    .filter((query) => !isKnown(query))
    .map(({ topic, partition, timestampMs }) => ({
      topic,
      partition,
      errorCode: UNSUPPORTED_VERSION_CODE,
      errorMessage:
        `${connection.address} speaks ListOffsets up to v${version}` +
        `, the timestamp ${timestampMs} needs v${versionMin(timestampMs)}`,
      value: NOT_FOUND,
    }));
  const asked = call.asked.filter(isKnown);
  if (asked.length === 0) return answers;
  const response = await cluster.callNode(nodeId, LIST_OFFSETS, {
    replicaId: -1,
    isolationLevel: isolationCode(call.isolationLevel),
    topics: [...byTopic(asked)].map(([name, partitions]) => ({
      name,
      partitions: partitions.map((query) => ({
        partitionIndex: query.partition,
        currentLeaderEpoch: leaderEpochOf(cluster, query),
        timestamp: query.timestampMs,
        maxNumOffsets: 1,
      })),
    })),
  }, { deadlineMs });
  for (const topic of response.topics) {
    for (const entry of topic.partitions) {
      answers.push({
        topic: topic.name,
        partition: entry.partitionIndex,
        errorCode: entry.errorCode,
        value: {
          // Version 0 has a list of offsets in place of one.
          offset: version === 0 ? entry.oldStyleOffsets[0] ?? -1 : entry.offset,
          timestampMs: entry.timestamp,
          leaderEpoch: entry.leaderEpoch,
        },
      });
    }
  }
  return answers;
}

const UNSUPPORTED_VERSION_CODE = 35;
const NOT_FOUND: ListedOffset = {
  offset: -1,
  timestampMs: -1,
  leaderEpoch: -1,
};
