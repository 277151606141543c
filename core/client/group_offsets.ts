// A group's committed offsets: written, and looked up.
//
// Both requests speak of topics by name here; from version 10 on they would go by
// id.
//
// Source: Kafka protocol guide, "OffsetCommit", "OffsetFetch"; KIP-447 (stable
// offsets), KIP-709 (several groups at once).

import { exchange } from "../rpc/exchange.ts";
import type { KafkaError } from "../wire/kafka/errors.ts";
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from "../wire/kafka/messages/offset_commit.ts";
import {
  offsetFetchRequest,
  offsetFetchResponse,
} from "../wire/kafka/messages/offset_fetch.ts";
import type { Infer } from "../wire/kafka/schema.ts";
import type { Lane } from "./broker_pool.ts";
import { errorOfCode } from "./client_error.ts";
import type { Cluster } from "./cluster.ts";
import type { CoordinatorAnswer } from "./coordinator_calls.ts";
import { byTopic, partitionKey, type TopicPartition } from "./metadata.ts";

const OFFSET_COMMIT = exchange(offsetCommitRequest, offsetCommitResponse);
const OFFSET_FETCH = exchange(offsetFetchRequest, offsetFetchResponse);
const NAMED_VERSION_MAX = 9;
/** The first version that asks for several groups. */
const GROUPS_VERSION_MIN = 8;

/** Where a group goes on in a partition. */
export interface OffsetToCommit extends TopicPartition {
  /** Of the next record to read. */
  readonly offset: number;
  /** Of the record before; -1 where it is not known. */
  readonly leaderEpoch?: number;
  readonly metadata?: string;
}

export interface CommittedOffset extends TopicPartition {
  /** -1 where nothing is committed. */
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly error: KafkaError | null;
}

/** A commit that failed, or not. */
export interface CommitResult extends TopicPartition {
  readonly error: KafkaError | null;
}

/** In whose name a commit is made; generation -1 without a member for tools. */
export interface Committer {
  readonly group: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly instanceId: string | null;
  /** True where the generation is a member epoch of the newer protocol. */
  readonly isByEpoch?: boolean;
}

interface OffsetCall {
  readonly nodeId: number;
  readonly deadlineMs: number;
  readonly lane?: Lane;
}

/** Commits offsets, asking once. */
export async function sendOffsetCommit(
  cluster: Cluster,
  committer: Committer,
  offsets: readonly OffsetToCommit[],
  call: OffsetCall,
): Promise<CommitResult[]> {
  const answer = await cluster.callNode(call.nodeId, OFFSET_COMMIT, {
    groupId: committer.group,
    generationIdOrMemberEpoch: committer.generationId,
    memberId: committer.memberId,
    groupInstanceId: committer.instanceId,
    topics: [...byTopic(offsets)].map(([name, partitions]) => ({
      name,
      partitions: partitions.map((entry) => ({
        partitionIndex: entry.partition,
        committedOffset: entry.offset,
        committedLeaderEpoch: entry.leaderEpoch ?? -1,
        committedMetadata: entry.metadata ?? "",
      })),
    })),
  }, { ...call, versionMax: NAMED_VERSION_MAX });
  return answer.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, errorCode }) => ({
      topic: name,
      partition: partitionIndex,
      error: errorOfCode(errorCode),
    }))
  );
}

/** What is asked of a group: some partitions, or all that it has (`null`). */
export interface GroupOffsetsQuery {
  readonly group: string;
  readonly partitions: readonly TopicPartition[] | null;
  /** Who asks, by the newer protocol; nobody in particular where left out. */
  readonly member?: Committer | null;
}

/** Looks up offsets of groups of one coordinator, asking once. */
export async function sendOffsetFetch(
  cluster: Cluster,
  queries: readonly GroupOffsetsQuery[],
  call: OffsetCall & { readonly requireStable: boolean },
): Promise<CoordinatorAnswer<CommittedOffset[]>[]> {
  const connection = await cluster.connectionTo(call.nodeId, call);
  const version = connection.versionOf(offsetFetchRequest, NAMED_VERSION_MAX);
  const options = { ...call, versionMax: NAMED_VERSION_MAX };
  const { requireStable } = call;
  if (version >= GROUPS_VERSION_MIN) {
    const answer = await cluster.callNode(call.nodeId, OFFSET_FETCH, {
      groups: queries.map(({ group, partitions, member }) => ({
        groupId: group,
        memberId: member?.memberId ?? null,
        memberEpoch: member?.generationId ?? -1,
        topics: partitions && topicsOf(partitions),
      })),
      requireStable,
    }, options);
    return answer.groups.map(({ groupId, errorCode, topics }) => ({
      group: groupId,
      errorCode,
      value: committed(topics),
    }));
  }
  return await Promise.all(queries.map(async ({ group, partitions }) => {
    const answer = await cluster.callNode(call.nodeId, OFFSET_FETCH, {
      groupId: group,
      topics: partitions && topicsOf(partitions),
      requireStable: version >= 7 && requireStable,
    }, options);
    return {
      group,
      errorCode: answer.errorCode,
      value: committed(answer.topics),
    };
  }));
}

function topicsOf(partitions: readonly TopicPartition[]) {
  return [...byTopic(partitions)].map(([name, entries]) => ({
    name,
    partitionIndexes: entries.map(({ partition }) => partition),
  }));
}

function committed(
  topics: Infer<typeof offsetFetchResponse>["topics"],
): CommittedOffset[] {
  return topics.flatMap(({ name, partitions }) =>
    partitions.map((entry) => ({
      topic: name,
      partition: entry.partitionIndex,
      offset: entry.committedOffset,
      leaderEpoch: entry.committedLeaderEpoch,
      metadata: entry.metadata ?? "",
      error: errorOfCode(entry.errorCode),
    }))
  );
}

/** Offsets by `partitionKey`. */
export function offsetsByKey(
  offsets: readonly CommittedOffset[],
): Map<string, CommittedOffset> {
  return new Map(offsets.map((offset) => [partitionKey(offset), offset]));
}
