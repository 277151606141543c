// OffsetCommit, TxnOffsetCommit and OffsetFetch as decisions over a shard's state.
//
// Source: Kafka protocol guide; KIP-447; observed on Kafka 3.9.

import type { Decision, InTransaction, Now } from "../shards/shard_content.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import type { CoordinatorRecord } from "./coordinator_record.ts";
import type { Committer, Group, OffsetReader } from "./group.ts";
import type { CommittedOffset } from "./group_offsets.ts";
import type { ShardState } from "./shard_state.ts";

const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

/** What was decided about groups. */
export type GroupDecision<T> = Decision<CoordinatorRecord, T>;

/** One partition of a commit. */
export interface OffsetToCommit {
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
  /** -1 for now. */
  readonly commitTimestampMs: number;
}

export interface CommitRequest {
  readonly groupId: string;
  readonly by: Committer;
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly OffsetToCommit[];
  }[];
  /** -1 for the broker's own. */
  readonly retentionMs: number;
  /** Longest metadata, in UTF-16 units as Kafka counts. */
  readonly metadataMax: number;
}

/** Error codes by topic and partition, in the order of the request. */
export type PartitionCodes = readonly (readonly number[])[];

/**
 * Decides a commit.
 *
 * @throws {KafkaError} Where the committer may not.
 */
export function commitOffsets(
  state: ShardState,
  request: CommitRequest,
  now: Now,
): GroupDecision<PartitionCodes> {
  checkCommitter(state.groups.get(request.groupId), request.by, now);
  return offsetsOf(request, now);
}

/** A commit as part of a producer's transaction. */
export interface TransactionalCommitRequest
  extends Omit<CommitRequest, "retentionMs"> {
  readonly transaction: InTransaction;
}

/**
 * Decides a commit that counts once its transaction is committed. Who commits must
 * be of the group's generation as it is now, where the request says who that is.
 *
 * @throws {KafkaError} Where the committer may not.
 */
export function commitInTransaction(
  state: ShardState,
  { transaction, ...request }: TransactionalCommitRequest,
  now: Now,
): GroupDecision<PartitionCodes> {
  const { by, groupId } = request;
  const group = state.groups.get(groupId);
  const isUnknownGeneration = group === undefined &&
    by.generationIdOrMemberEpoch >= 0;
  const code = isUnknownGeneration
    ? ErrorCode.ILLEGAL_GENERATION
    : group?.checkCommit({ ...by, isTransactional: true }, now) ?? 0;
  if (code !== ErrorCode.NONE) {
    // What producers know of groups is from before there were member epochs.
    throw KafkaError.ofCode(
      code === ErrorCode.STALE_MEMBER_EPOCH
        ? ErrorCode.ILLEGAL_GENERATION
        : code,
    );
  }
  const decided = offsetsOf({ ...request, retentionMs: -1 }, now);
  return { ...decided, transaction };
}

/** The records of a commit, and what becomes of each offset. */
function offsetsOf(
  request: CommitRequest,
  now: Now,
): GroupDecision<PartitionCodes> {
  const expireTimestamp = request.retentionMs < 0
    ? -1
    : now.wallMs + request.retentionMs;
  const records: CoordinatorRecord[] = [];
  const codes = request.topics.map(({ name, partitions }) =>
    partitions.map((each) => {
      const metadata = each.metadata ?? "";
      if (metadata.length > request.metadataMax) {
        return ErrorCode.OFFSET_METADATA_TOO_LARGE;
      }
      records.push({
        kind: "offsetCommit",
        key: { group: request.groupId, topic: name, partition: each.partition },
        value: {
          offset: each.offset,
          // The record with an end of its own has no place for it.
          leaderEpoch: expireTimestamp < 0 ? each.leaderEpoch : -1,
          metadata,
          commitTimestamp: each.commitTimestampMs < 0
            ? now.wallMs
            : each.commitTimestampMs,
          expireTimestamp,
          topicId: ZERO_UUID,
        },
      });
      return ErrorCode.NONE;
    })
  );
  return { records, response: codes };
}

/** First version of OffsetCommit that knows groups of the newer protocol. */
const MEMBER_EPOCH_SINCE = 9;

function checkCommitter(
  group: Group | undefined,
  by: Committer,
  now: Now,
): void {
  // A stranger may commit for a group that is not there: it is made.
  const code = group === undefined
    ? by.generationIdOrMemberEpoch < 0
      ? 0
      : by.apiVersion >= MEMBER_EPOCH_SINCE
      ? ErrorCode.GROUP_ID_NOT_FOUND
      : ErrorCode.ILLEGAL_GENERATION
    : group.checkCommit(by, now);
  if (code !== ErrorCode.NONE) throw KafkaError.ofCode(code);
}

/** A partition's answer: an error, or what is committed, if anything. */
export interface FetchedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly committed: CommittedOffset | null;
}

export interface OffsetQuery {
  readonly groupId: string;
  readonly by: OffsetReader;
  /** `null` for all that the group has. */
  readonly topics:
    | readonly {
      readonly name: string;
      readonly partitionIndexes: readonly number[];
    }[]
    | null;
  /** Refuses offsets that an open transaction may change. */
  readonly requireStable: boolean;
}

/**
 * Reads offsets, by topic.
 *
 * @throws {KafkaError} Where the reader may not.
 */
export function fetchOffsets(
  state: ShardState,
  { groupId, by, topics, requireStable }: OffsetQuery,
): Map<string, FetchedOffset[]> {
  const code = state.groups.get(groupId)?.checkFetch(by) ?? ErrorCode.NONE;
  if (code !== ErrorCode.NONE) throw KafkaError.ofCode(code);
  const fetch = (topic: string, partition: number): FetchedOffset => {
    const isUnstable = requireStable &&
      state.pending.has(groupId, topic, partition);
    const kept = state.offsets.get(groupId, topic, partition);
    return {
      topic,
      partition,
      errorCode: isUnstable ? ErrorCode.UNSTABLE_OFFSET_COMMIT : ErrorCode.NONE,
      // The answer may wait; a commit meanwhile must not show in it.
      committed: isUnstable || kept === undefined ? null : { ...kept },
    };
  };
  const found = new Map<string, FetchedOffset[]>();
  if (topics === null) {
    for (const [topic, partitions] of state.offsets.of(groupId)) {
      found.set(
        topic,
        [...partitions.keys()].map((each) => fetch(topic, each)),
      );
    }
    return found;
  }
  for (const { name, partitionIndexes } of topics) {
    found.set(name, [
      ...found.get(name) ?? [],
      ...partitionIndexes.map((each) => fetch(name, each)),
    ]);
  }
  return found;
}
