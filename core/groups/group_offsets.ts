// The committed offsets of all groups of a shard: group → topic → partition.

/** How far a group has read a partition. */
export interface CommittedOffset {
  readonly offset: number;
  /** -1 where the committer did not say. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  /** When it expires, whatever the retention; -1 for by the retention. */
  readonly expireTimestampMs: number;
}

/** A million of them live long and change every second: they are changed in place. */
type KeptOffset = {
  -readonly [K in keyof CommittedOffset]: CommittedOffset[K];
};

type TopicOffsets = Map<string, Map<number, KeptOffset>>;

const NO_TOPICS: ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>> =
  new Map();

export class GroupOffsets {
  readonly #groups = new Map<string, TopicOffsets>();

  /** Offsets by topic and partition; empty for a group without. */
  of(
    groupId: string,
  ): ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>> {
    return this.#groups.get(groupId) ?? NO_TOPICS;
  }

  /** How many offsets a group has. */
  countOf(groupId: string): number {
    let count = 0;
    for (const partitions of this.of(groupId).values()) {
      count += partitions.size;
    }
    return count;
  }

  /** What is committed now; it changes with the next commit, so copy it to keep it. */
  get(
    groupId: string,
    topic: string,
    partition: number,
  ): CommittedOffset | undefined {
    return this.#groups.get(groupId)?.get(topic)?.get(partition);
  }

  /** Takes over what was committed; `offset` itself is not kept. */
  set(
    groupId: string,
    topic: string,
    partition: number,
    offset: CommittedOffset,
  ): void {
    let topics = this.#groups.get(groupId);
    if (topics === undefined) this.#groups.set(groupId, topics = new Map());
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, partitions = new Map());
    const kept = partitions.get(partition);
    if (kept === undefined) {
      partitions.set(partition, { ...offset });
      return;
    }
    kept.offset = offset.offset;
    kept.leaderEpoch = offset.leaderEpoch;
    kept.metadata = offset.metadata;
    kept.commitTimestampMs = offset.commitTimestampMs;
    kept.expireTimestampMs = offset.expireTimestampMs;
  }

  delete(groupId: string, topic: string, partition: number): void {
    const topics = this.#groups.get(groupId);
    const partitions = topics?.get(topic);
    if (topics === undefined || !partitions?.delete(partition)) return;
    if (partitions.size > 0) return;
    topics.delete(topic);
    if (topics.size === 0) this.#groups.delete(groupId);
  }

  /** Ids of the groups that have offsets. */
  groupIds(): Iterable<string> {
    return this.#groups.keys();
  }
}
