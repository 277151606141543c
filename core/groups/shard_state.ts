// What is known of the groups of one partition of `__consumer_offsets`: the
// groups and their offsets. It changes only by records and by the ends of
// transactions, in the order of the log; replaying the log gives the same again.
//
// Beside the records stands what lives in memory alone: members on their way
// into a classic group, and deadlines. It is gone after a restart, and the
// members come again.

import { ClassicGroup } from "./classic/classic_group.ts";
import type { CoordinatorRecord, RecordOf } from "./coordinator_record.ts";
import { applyConsumerRecord } from "./consumer/apply_consumer_record.ts";
import type { Group } from "./group.ts";
import { GroupOffsets } from "./group_offsets.ts";
import { PendingOffsets } from "./pending_offsets.ts";

type OffsetKey = RecordOf<"offsetCommit">["key"];
type OffsetValue = NonNullable<RecordOf<"offsetCommit">["value"]>;

export class ShardState {
  /** By group id. */
  readonly groups = new Map<string, Group>();
  readonly offsets = new GroupOffsets();
  /** Offsets that open transactions have written. */
  readonly pending = new PendingOffsets();

  apply(record: CoordinatorRecord): void {
    if (record.kind === "offsetCommit") this.#applyOffset(record);
    else if (record.kind === "groupMetadata") this.#applyGroup(record);
    else applyConsumerRecord(this.groups, record);
  }

  /** Takes in a record of a transaction: an offset waits until that ends. */
  hold(producerId: number, record: CoordinatorRecord): void {
    if (record.kind !== "offsetCommit" || record.value === null) {
      return this.apply(record);
    }
    this.pending.add(producerId, { key: record.key, value: record.value });
    this.#ensureGroup(record.key.group);
  }

  /** Ends the transaction of a producer: what it wrote holds from now on, or never did. */
  endTransaction(producerId: number, isCommit: boolean): void {
    for (const { key, value } of this.pending.end(producerId, isCommit)) {
      this.#set(key, value);
    }
  }

  #applyOffset({ key, value }: RecordOf<"offsetCommit">): void {
    if (value === null) {
      this.offsets.delete(key.group, key.topic, key.partition);
      this.pending.delete(key.group, key.topic, key.partition);
      return;
    }
    if (!this.pending.isEmpty) this.pending.supersede(key);
    this.#set(key, value);
  }

  #set(key: OffsetKey, value: OffsetValue): void {
    this.offsets.set(key.group, key.topic, key.partition, {
      offset: value.offset,
      leaderEpoch: value.leaderEpoch,
      metadata: value.metadata,
      commitTimestampMs: value.commitTimestamp,
      expireTimestampMs: value.expireTimestamp,
    });
    this.#ensureGroup(key.group);
  }

  /** Offsets alone make a group, which nobody has joined. */
  #ensureGroup(groupId: string): void {
    if (this.groups.has(groupId)) return;
    this.groups.set(groupId, new ClassicGroup(groupId));
  }

  #applyGroup({ key, value }: RecordOf<"groupMetadata">): void {
    const group = this.groups.get(key.group);
    if (value === null) {
      if (group?.type === "classic") this.groups.delete(key.group);
      return;
    }
    if (group instanceof ClassicGroup) {
      group.restore(value);
      return;
    }
    const created = new ClassicGroup(key.group);
    created.restore(value);
    this.groups.set(key.group, created);
  }
}
