// What an admin client does with compaction: kq's own APIs, which only a broker of
// kq serves, and of a partition only its leader.

import { exchange } from "../rpc/exchange.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  compactPartitionsRequest,
  compactPartitionsResponse,
} from "../wire/kafka/messages/compact_partitions.ts";
import {
  describeCompactionRequest,
  describeCompactionResponse,
} from "../wire/kafka/messages/describe_compaction.ts";
import type { Infer } from "../wire/kafka/schema.ts";
import { errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import { askLeaders, type PartitionResult } from "./leader_calls.ts";
import { byTopic, type TopicPartition } from "./metadata.ts";

const COMPACT_PARTITIONS = exchange(
  compactPartitionsRequest,
  compactPartitionsResponse,
);
const DESCRIBE_COMPACTION = exchange(
  describeCompactionRequest,
  describeCompactionResponse,
);

/** What the cleaner did with a partition last. */
export interface CompactionOutcome {
  /** Milliseconds since 1970 UTC. */
  readonly endedMs: number;
  readonly elapsedMs: number;
  /** Of the segments that were cleaned. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly recordsBefore: number;
  readonly recordsAfter: number;
}

/** How the compaction of a partition stands. */
export interface CompactionDescription {
  /** Whether `cleanup.policy` says so. */
  readonly isCompacted: boolean;
  readonly isRunning: boolean;
  /** Part of what may be compacted that is dirty, 0 to 1. */
  readonly dirtyRatio: number;
  readonly cleanBytes: number;
  readonly dirtyBytes: number;
  /** Of the run under way. */
  readonly readBytes: number;
  readonly totalBytes: number;
  /** `null` where there was none since the broker started. */
  readonly lastRun: CompactionOutcome | null;
  /** Why the cleaner leaves it alone; `null` where it does not. */
  readonly uncleanableReason: string | null;
  /** A request that waits, or is served; 0 for none. */
  readonly openRequestId: number;
  /** The last request that has ended; 0 for none. */
  readonly endedRequestId: number;
  /** What became of it; `null` where it was done. */
  readonly requestError: Error | null;
}

/**
 * Has partitions compacted now.
 *
 * @returns The number of each request: it has ended when `endedRequestId` of the
 * partition's description reaches it.
 */
export function compactPartitions(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  options: { readonly deadlineMs: number },
): Promise<PartitionResult<number>[]> {
  return askLeaders(cluster, partitions, {
    deadlineMs: options.deadlineMs,
    ask: async (nodeId, asked) => {
      const answer = await cluster.callNode(
        nodeId,
        COMPACT_PARTITIONS,
        requestFor(asked),
        options,
      );
      return answersOf(answer.topics, ({ requestId }) => requestId);
    },
  });
}

export function describeCompaction(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  options: { readonly deadlineMs: number },
): Promise<PartitionResult<CompactionDescription>[]> {
  return askLeaders(cluster, partitions, {
    deadlineMs: options.deadlineMs,
    ask: async (nodeId, asked) => {
      const answer = await cluster.callNode(
        nodeId,
        DESCRIBE_COMPACTION,
        requestFor(asked),
        options,
      );
      return answersOf(answer.topics, descriptionOf);
    },
  });
}

/** Whether an error says that a broker is no broker of kq. */
export function isNotServed(error: Error | null): boolean {
  return error instanceof KafkaError &&
    error.errorName === "UNSUPPORTED_VERSION";
}

function requestFor(partitions: readonly TopicPartition[]) {
  return {
    topics: [...byTopic(partitions)].map(([name, some]) => ({
      name,
      partitionIndexes: some.map(({ partition }) => partition),
    })),
  };
}

interface PartitionAnswer {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** One row for each partition of an answer. */
function answersOf<P extends PartitionAnswer, T>(
  topics: readonly {
    readonly name: string;
    readonly partitions: readonly P[];
  }[],
  valueOf: (partition: P) => T,
) {
  return topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({
      topic: name,
      partition: partition.partitionIndex,
      errorCode: partition.errorCode,
      errorMessage: partition.errorMessage,
      value: valueOf(partition),
    }))
  );
}

type Described = Infer<
  typeof describeCompactionResponse
>["topics"][number]["partitions"][number];

function descriptionOf(answer: Described): CompactionDescription {
  return {
    isCompacted: answer.isCompacted,
    isRunning: answer.isRunning,
    dirtyRatio: answer.dirtyRatio,
    cleanBytes: answer.cleanBytes,
    dirtyBytes: answer.dirtyBytes,
    readBytes: answer.readBytes,
    totalBytes: answer.totalBytes,
    lastRun: answer.endedMs < 0 ? null : {
      endedMs: answer.endedMs,
      elapsedMs: answer.elapsedMs,
      bytesBefore: answer.bytesBefore,
      bytesAfter: answer.bytesAfter,
      recordsBefore: answer.recordsBefore,
      recordsAfter: answer.recordsAfter,
    },
    uncleanableReason: answer.uncleanableReason,
    openRequestId: answer.openRequestId,
    endedRequestId: answer.endedRequestId,
    requestError: errorOfCode(
      answer.requestErrorCode,
      answer.requestErrorMessage,
    ),
  };
}
