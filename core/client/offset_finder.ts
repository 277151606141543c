// Finds the positions that a consumer lacks, and checks those that a change of
// leader has put in doubt.
//
// Source: Kafka protocol guide, "Offset API", "OffsetForLeaderEpoch"; KIP-320.

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from "../wire/kafka/messages/offset_for_leader_epoch.ts";
import {
  asError,
  ClusterUnreachableError,
  isRetriable,
} from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import type { OffsetReset } from "./consumer_settings.ts";
import { askLeaders, leaderEpochOf } from "./leader_calls.ts";
import {
  type IsolationLevel,
  listOffsets,
  OffsetAt,
  type OffsetQuery,
} from "./list_offsets.ts";
import { byTopic, partitionKey } from "./metadata.ts";
import type { PartitionPosition } from "./position.ts";

const OFFSET_FOR_LEADER_EPOCH = exchange(
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
);
/** Older versions need a permission that consumers do not have. */
const EPOCH_VERSION_MIN = 3;

export interface OffsetFinderOptions {
  readonly isolationLevel: IsolationLevel;
  readonly offsetReset: OffsetReset;
}

/**
 * Finds the offsets of positions that need one. A failure that will not pass is
 * left with its position, for the next poll; others are asked again later.
 */
export async function findPositions(
  cluster: Cluster,
  positions: readonly PartitionPosition[],
  options: OffsetFinderOptions,
): Promise<void> {
  const asked: (OffsetQuery & { readonly position: PartitionPosition })[] = [];
  for (const position of positions) {
    const timestampMs = position.resetTarget?.timestampMs ??
      policyTimestamp(options.offsetReset);
    if (timestampMs === null) {
      position.error = noPosition(position);
      continue;
    }
    const { topic, partition } = position;
    asked.push({ topic, partition, timestampMs, position });
  }
  const generations = asked.map(({ position }) => position.generation);
  const found = await offsetsOrEnd(cluster, asked, options.isolationLevel);
  found.forEach((result, i) => {
    const { position } = asked[i];
    // A seek in between wins.
    if (position.generation !== generations[i]) return;
    if (result instanceof Error) return fail(cluster, position, result);
    position.seek(result.offset, result.leaderEpoch);
    position.validated(leaderEpochOf(cluster, position));
  });
}

/** Where no record is as late as the time asked for, the end is meant. */
async function offsetsOrEnd(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  isolationLevel: IsolationLevel,
): Promise<(Error | { offset: number; leaderEpoch: number })[]> {
  const deadlineMs = cluster.deadline();
  const options = { isolationLevel, deadlineMs };
  let results;
  try {
    results = await listOffsets(cluster, queries, options);
  } catch (error) {
    return queries.map(() => asError(error));
  }
  const late = queries.filter((query, i) =>
    query.timestampMs >= 0 && results[i].value?.offset === -1
  );
  const ends = late.length === 0 ? [] : await listOffsets(
    cluster,
    late.map((query) => ({ ...query, timestampMs: OffsetAt.latest })),
    options,
  );
  const endOf = new Map(ends.map((result) => [partitionKey(result), result]));
  return results.map((result, i) => {
    const isLate = queries[i].timestampMs >= 0 && result.value?.offset === -1;
    const { error, value } = isLate ? endOf.get(partitionKey(result))! : result;
    return error ?? value!;
  });
}

/**
 * Checks positions against what their new leaders have: where a leader's log ends
 * before one, records were lost, and the position moves back to where they part.
 */
export async function validatePositions(
  cluster: Cluster,
  positions: readonly PartitionPosition[],
  options: OffsetFinderOptions,
): Promise<void> {
  const generations = positions.map((position) => position.generation);
  const epochs = positions.map((position) => leaderEpochOf(cluster, position));
  const deadlineMs = cluster.deadline(cluster.settings.requestTimeoutMs);
  let results;
  try {
    results = await askLeaders(cluster, positions, {
      deadlineMs,
      ask: async (nodeId, asked) => {
        const connection = await cluster.connectionTo(nodeId, { deadlineMs });
        const version = connection.versionOf(offsetForLeaderEpochRequest);
        if (version < EPOCH_VERSION_MIN) {
          return asked.map(({ topic, partition, offset }) => ({
            topic,
            partition,
            errorCode: 0,
            value: { endOffset: offset, leaderEpoch: 0 },
          }));
        }
        return await askEpochs(cluster, { nodeId, asked, deadlineMs });
      },
    });
  } catch {
    return; // Asked again with the next look at the partitions.
  }
  results.forEach(({ error, value }, i) => {
    const position = positions[i];
    if (position.generation !== generations[i]) return;
    if (error !== null) return fail(cluster, position, error);
    const { endOffset, leaderEpoch } = value!;
    if (endOffset < 0 || leaderEpoch < 0) {
      position.requestReset(null);
    } else if (endOffset < position.fetchOffset) {
      truncated(position, { endOffset, leaderEpoch }, options);
      position.validated(epochs[i]);
    } else {
      position.validated(epochs[i]);
    }
  });
}

async function askEpochs(
  cluster: Cluster,
  call: {
    readonly nodeId: number;
    readonly asked: readonly PartitionPosition[];
    readonly deadlineMs: number;
  },
) {
  const answer = await cluster.callNode(call.nodeId, OFFSET_FOR_LEADER_EPOCH, {
    replicaId: -1,
    topics: [...byTopic(call.asked)].map(([topic, partitions]) => ({
      topic,
      partitions: partitions.map((position) => ({
        partition: position.partition,
        currentLeaderEpoch: leaderEpochOf(cluster, position),
        leaderEpoch: position.offsetEpoch,
      })),
    })),
  }, call);
  return answer.topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, errorCode, endOffset, leaderEpoch }) => ({
      topic,
      partition,
      errorCode,
      value: { endOffset, leaderEpoch },
    }))
  );
}

function truncated(
  position: PartitionPosition,
  end: { readonly endOffset: number; readonly leaderEpoch: number },
  options: OffsetFinderOptions,
): void {
  if (options.offsetReset === "none") {
    position.error = new KafkaError(
      "OFFSET_OUT_OF_RANGE",
      `The log of ${partitionKey(position)} was truncated to offset ` +
        `${end.endOffset}, before the position ${position.offset}`,
    );
  } else {
    position.seek(end.endOffset, end.leaderEpoch);
  }
}

function fail(
  cluster: Cluster,
  position: PartitionPosition,
  error: Error,
): void {
  if (!isRetriable(error) || error instanceof ClusterUnreachableError) {
    position.error = error;
    return;
  }
  position.retryAtMs = cluster.host.clock.monotonicMs() +
    cluster.settings.retryBackoff.firstMs;
}

function policyTimestamp(policy: OffsetReset): number | null {
  if (policy === "none") return null;
  return policy === "earliest" ? OffsetAt.earliest : OffsetAt.latest;
}

function noPosition(position: PartitionPosition): KafkaError {
  return new KafkaError(
    "OFFSET_OUT_OF_RANGE",
    `There is no valid position for ${partitionKey(position)}, and ` +
      `auto.offset.reset=none: seek to one`,
  );
}
