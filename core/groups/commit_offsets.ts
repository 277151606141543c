// OffsetCommit, OffsetFetch and OffsetDelete as decisions over a shard's state.
//
// Source: Kafka protocol guide; observed on Kafka 3.9.

import type { Decision, Now } from "../shards/shard_content.ts";
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
      state.isUnstable(groupId, topic, partition);
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

/**
 * Decides the deletion of single offsets.
 *
 * @throws {KafkaError} GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP.
 */
export function deleteOffsets(
  state: ShardState,
  groupId: string,
  topics: readonly {
    readonly name: string;
    readonly partitions: readonly number[];
  }[],
): GroupDecision<PartitionCodes> {
  const group = state.groups.get(groupId);
  const code = group?.checkOffsetDelete() ?? ErrorCode.GROUP_ID_NOT_FOUND;
  if (code !== ErrorCode.NONE) throw KafkaError.ofCode(code);
  const deleted = new Map<CommittedOffset, CoordinatorRecord>();
  const codes = topics.map(({ name, partitions }) => {
    const isTaken = group!.isSubscribedTo(name);
    return partitions.map((partition) => {
      if (isTaken) return ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC;
      const offset = state.offsets.get(groupId, name, partition);
      if (offset !== undefined) {
        deleted.set(offset, offsetTombstone(groupId, name, partition));
      }
      return ErrorCode.NONE;
    });
  });
  const records = [...deleted.values()];
  const isLast = group!.isEmpty &&
    records.length === state.offsets.countOf(groupId);
  // A group without members goes with its last offset.
  if (isLast) records.push(...group!.tombstones());
  return { records, response: codes };
}

/**
 * Decides the end of a group, offsets and all.
 *
 * @throws {KafkaError} GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP.
 */
export function deleteGroup(
  state: ShardState,
  groupId: string,
): GroupDecision<null> {
  const group = state.groups.get(groupId);
  if (group === undefined) throw new KafkaError("GROUP_ID_NOT_FOUND");
  if (!group.isEmpty) throw new KafkaError("NON_EMPTY_GROUP");
  return { records: groupTombstones(state, group), response: null };
}

/** What ends a group and all its offsets. */
export function groupTombstones(
  state: ShardState,
  group: Group,
): CoordinatorRecord[] {
  return [
    ...offsetTombstones(state, group.groupId, () => true),
    ...group.tombstones(),
  ];
}

/** The records that end those offsets of a group for which `isOver`. */
export function* offsetTombstones(
  state: ShardState,
  groupId: string,
  isOver: (topic: string, offset: CommittedOffset) => boolean,
): Iterable<CoordinatorRecord> {
  for (const [topic, partitions] of state.offsets.of(groupId)) {
    for (const [partition, offset] of partitions) {
      if (isOver(topic, offset)) {
        yield offsetTombstone(groupId, topic, partition);
      }
    }
  }
}

function offsetTombstone(
  group: string,
  topic: string,
  partition: number,
): CoordinatorRecord {
  return {
    kind: "offsetCommit",
    key: { group, topic, partition },
    value: null,
  };
}
