// Ends offsets that nobody has needed for the time of retention, and groups that
// have neither members nor offsets left.
//
//   a group without members         since it became empty
//   offsets of a lone consumer      since each was committed
//   a stable group                  since the commit, for topics it no longer reads
//
// Where a transaction may still change an offset, it stays, and its group.
//
// Source: KIP-211; observed on Kafka 3.9.

import type { Now } from "../shards/shard_content.ts";
import type { CoordinatorRecord } from "./coordinator_record.ts";
import { offsetTombstones } from "./delete_offsets.ts";
import type { Group } from "./group.ts";
import type { CommittedOffset } from "./group_offsets.ts";
import type { ShardState } from "./shard_state.ts";

/** The records that end what has expired by now. */
export function expireOffsets(
  state: ShardState,
  now: Now,
  retentionMs: number,
): CoordinatorRecord[] {
  const records: CoordinatorRecord[] = [];
  for (const group of state.groups.values()) {
    const expired = expiredOffsets(state, group, now, retentionMs);
    if (expired === null) continue;
    for (const record of expired) records.push(record);
    const isLast = group.isEmpty &&
      expired.length === state.offsets.countOf(group.groupId) &&
      !state.pending.hasGroup(group.groupId);
    if (isLast) records.push(...group.tombstones());
  }
  return records;
}

/** `null` where nothing of the group expires as things are. */
function expiredOffsets(
  state: ShardState,
  group: Group,
  now: Now,
  retentionMs: number,
): CoordinatorRecord[] | null {
  const expiry = group.offsetExpiry();
  if (expiry === null) return null;
  const isOver = (
    topic: string,
    partition: number,
    offset: CommittedOffset,
  ) => {
    if (expiry.isKept(topic)) return false;
    if (state.pending.has(group.groupId, topic, partition)) return false;
    if (offset.expireTimestampMs >= 0) {
      return now.wallMs >= offset.expireTimestampMs;
    }
    const sinceMs = expiry.sinceMs ?? offset.commitTimestampMs;
    return now.wallMs - sinceMs >= retentionMs;
  };
  return [...offsetTombstones(state, group.groupId, isOver)];
}
