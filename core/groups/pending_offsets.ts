// Offsets that open transactions have written. They count once their transaction
// is committed, save where something later in the log holds by then: a plain
// commit, another transaction's that ended first, or the offset's deletion.
//
// Source: KIP-98, KIP-447; observed on Kafka 3.9.

import type { RecordOf } from "./coordinator_record.ts";

type OffsetRecord = RecordOf<"offsetCommit">;

/** An offset on its way. */
export interface PendingOffset {
  readonly key: OffsetRecord["key"];
  readonly value: NonNullable<OffsetRecord["value"]>;
}

interface Entry extends PendingOffset {
  readonly producerId: number;
  /** What is later in the log has the larger one. */
  readonly order: number;
  /** What holds for the partition now is later in the log. */
  isSuperseded: boolean;
}

/** Those of one partition of a group, by producer id. */
type Slot = Map<number, Entry>;
type TopicSlots = Map<string, Map<number, Slot>>;

export class PendingOffsets {
  readonly #groups = new Map<string, TopicSlots>();
  readonly #producers = new Map<number, Set<Entry>>();
  #nextOrder = 0;

  /** Whether there are none at all. */
  get isEmpty(): boolean {
    return this.#producers.size === 0;
  }

  /** Adds an offset, in the order of the log. */
  add(producerId: number, offset: PendingOffset): void {
    const { key } = offset;
    const slot = this.#slotFor(key);
    const entry: Entry = {
      ...offset,
      producerId,
      order: this.#nextOrder++,
      isSuperseded: false,
    };
    const entries = this.#producers.get(producerId);
    if (entries === undefined) {
      this.#producers.set(producerId, new Set([entry]));
    } else {
      const before = slot.get(producerId);
      if (before !== undefined) entries.delete(before);
      entries.add(entry);
    }
    slot.set(producerId, entry);
  }

  /** Whether an open transaction may still change an offset. */
  has(groupId: string, topic: string, partition: number): boolean {
    return this.#groups.get(groupId)?.get(topic)?.has(partition) === true;
  }

  hasGroup(groupId: string): boolean {
    return this.#groups.has(groupId);
  }

  /** The partitions of a group whose offsets may still change, each once. */
  *of(
    groupId: string,
  ): Iterable<{ readonly topic: string; readonly partition: number }> {
    for (const [topic, slots] of this.#groups.get(groupId) ?? []) {
      for (const partition of slots.keys()) yield { topic, partition };
    }
  }

  /** A plain commit holds: it is later than all that are on their way. */
  supersede({ group, topic, partition }: OffsetRecord["key"]): void {
    const slot = this.#groups.get(group)?.get(topic)?.get(partition);
    if (slot === undefined) return;
    for (const entry of slot.values()) entry.isSuperseded = true;
  }

  /** Drops those of a partition: it was deleted. */
  delete(groupId: string, topic: string, partition: number): void {
    const slot = this.#groups.get(groupId)?.get(topic)?.get(partition);
    for (const entry of [...slot?.values() ?? []]) {
      this.#drop(entry);
      const left = this.#producers.get(entry.producerId);
      left?.delete(entry);
      if (left?.size === 0) this.#producers.delete(entry.producerId);
    }
  }

  /** Takes out those of a producer; gives them where they are committed and nothing later holds. */
  end(producerId: number, isCommit: boolean): readonly PendingOffset[] {
    const entries = this.#producers.get(producerId);
    if (entries === undefined) return [];
    this.#producers.delete(producerId);
    const committed: PendingOffset[] = [];
    for (const entry of entries) {
      this.#drop(entry);
      if (!isCommit || entry.isSuperseded) continue;
      committed.push(entry);
      this.#supersedeBefore(entry);
    }
    return committed;
  }

  #supersedeBefore({ key, order }: Entry): void {
    const slot = this.#groups.get(key.group)?.get(key.topic)
      ?.get(key.partition);
    for (const other of slot?.values() ?? []) {
      if (other.order < order) other.isSuperseded = true;
    }
  }

  #slotFor({ group, topic, partition }: OffsetRecord["key"]): Slot {
    let topics = this.#groups.get(group);
    if (topics === undefined) this.#groups.set(group, topics = new Map());
    let slots = topics.get(topic);
    if (slots === undefined) topics.set(topic, slots = new Map());
    let slot = slots.get(partition);
    if (slot === undefined) slots.set(partition, slot = new Map());
    return slot;
  }

  /** Takes an entry out of its slot, and what is empty then out of the index. */
  #drop({ key, producerId }: Entry): void {
    const topics = this.#groups.get(key.group);
    const slots = topics?.get(key.topic);
    const slot = slots?.get(key.partition);
    slot?.delete(producerId);
    if (slot === undefined || slot.size > 0) return;
    slots!.delete(key.partition);
    if (slots!.size > 0) return;
    topics!.delete(key.topic);
    if (topics!.size === 0) this.#groups.delete(key.group);
  }
}
