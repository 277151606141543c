// What is known of the groups of one partition of `__consumer_offsets`: the
// groups and their offsets. It changes only by `apply`, record by record in the
// order of the log; replaying the log gives the same state again.
//
// Beside the records stands what lives in memory alone: members on their way
// into a classic group, and deadlines. It is gone after a restart, and the
// members come again.

import { ClassicGroup } from "./classic/classic_group.ts";
import type { CoordinatorRecord, RecordOf } from "./coordinator_record.ts";
import { applyConsumerRecord } from "./consumer/apply_consumer_record.ts";
import type { Group } from "./group.ts";
import { GroupOffsets } from "./group_offsets.ts";

export class ShardState {
  /** By group id. */
  readonly groups = new Map<string, Group>();
  readonly offsets = new GroupOffsets();
  /** Offsets that open transactions have written, by producer id. */
  readonly #pending = new Map<number, CoordinatorRecord[]>();

  apply(record: CoordinatorRecord): void {
    if (record.kind === "offsetCommit") this.#applyOffset(record);
    else if (record.kind === "groupMetadata") this.#applyGroup(record);
    else applyConsumerRecord(this.groups, record);
  }

  /** Holds a record of a transaction until that ends. */
  hold(producerId: number, record: CoordinatorRecord): void {
    const held = this.#pending.get(producerId);
    if (held === undefined) this.#pending.set(producerId, [record]);
    else held.push(record);
  }

  /** Ends the transaction of a producer: what it wrote holds from now on, or never did. */
  endTransaction(producerId: number, isCommitted: boolean): void {
    const held = this.#pending.get(producerId) ?? [];
    this.#pending.delete(producerId);
    if (isCommitted) { for (const record of held) this.apply(record); }
  }

  /** Whether an open transaction may still change an offset. */
  isUnstable(groupId: string, topic: string, partition: number): boolean {
    for (const held of this.#pending.values()) {
      for (const { kind, key } of held) {
        if (
          kind === "offsetCommit" && key.group === groupId &&
          key.topic === topic && key.partition === partition
        ) return true;
      }
    }
    return false;
  }

  #applyOffset({ key, value }: RecordOf<"offsetCommit">): void {
    if (value === null) {
      this.offsets.delete(key.group, key.topic, key.partition);
      return;
    }
    this.offsets.set(key.group, key.topic, key.partition, {
      offset: value.offset,
      leaderEpoch: value.leaderEpoch,
      metadata: value.metadata,
      commitTimestampMs: value.commitTimestamp,
      expireTimestampMs: value.expireTimestamp,
    });
    if (!this.groups.has(key.group)) {
      this.groups.set(key.group, new ClassicGroup(key.group));
    }
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
