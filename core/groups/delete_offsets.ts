// OffsetDelete and DeleteGroups as decisions over a shard's state. What is deleted
// is so for open transactions too, which do not bring it back.
//
// Source: Kafka protocol guide; observed on Kafka 3.9.

import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import type { GroupDecision, PartitionCodes } from "./commit_offsets.ts";
import type { CoordinatorRecord } from "./coordinator_record.ts";
import type { Group } from "./group.ts";
import type { CommittedOffset } from "./group_offsets.ts";
import type { ShardState } from "./shard_state.ts";

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
  const deleted = new Map<string, CoordinatorRecord>();
  const codes = topics.map(({ name, partitions }) => {
    const isTaken = group!.isSubscribedTo(name);
    return partitions.map((partition) => {
      if (isTaken) return ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC;
      const isThere = state.pending.has(groupId, name, partition) ||
        state.offsets.get(groupId, name, partition) !== undefined;
      if (isThere) {
        deleted.set(
          `${partition} ${name}`,
          offsetTombstone(groupId, name, partition),
        );
      }
      return ErrorCode.NONE;
    });
  });
  const records = [...deleted.values()];
  const isLast = group!.isEmpty && records.length === countOf(state, groupId);
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
  const { groupId } = group;
  return [
    ...offsetTombstones(state, groupId, () => true),
    ...Array.from(
      pendingOnly(state, groupId),
      ({ topic, partition }) => offsetTombstone(groupId, topic, partition),
    ),
    ...group.tombstones(),
  ];
}

/** Partitions of which a group has no offset yet but in open transactions. */
function* pendingOnly(state: ShardState, groupId: string) {
  for (const each of state.pending.of(groupId)) {
    const kept = state.offsets.get(groupId, each.topic, each.partition);
    if (kept === undefined) yield each;
  }
}

/** How many partitions a group has offsets of, those in open transactions included. */
function countOf(state: ShardState, groupId: string): number {
  return state.offsets.countOf(groupId) +
    [...pendingOnly(state, groupId)].length;
}

/** The records that end those offsets of a group for which `isOver`. */
export function* offsetTombstones(
  state: ShardState,
  groupId: string,
  isOver: (
    topic: string,
    partition: number,
    offset: CommittedOffset,
  ) => boolean,
): Iterable<CoordinatorRecord> {
  for (const [topic, partitions] of state.offsets.of(groupId)) {
    for (const [partition, offset] of partitions) {
      if (isOver(topic, partition, offset)) {
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
