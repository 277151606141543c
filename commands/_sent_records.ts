// The account of records that brokers have acknowledged, by partition.

interface Range {
  count: number;
  first: number;
  last: number;
}

export class SentRecords {
  readonly #ranges = new Map<number, Range>();

  get count(): number {
    let sum = 0;
    for (const { count } of this.#ranges.values()) sum += count;
    return sum;
  }

  /** @param offset -1 where no broker has told. */
  add(partition: number, offset: number): void {
    this.#add(partition, { count: 1, first: offset, last: offset });
  }

  addAll(others: SentRecords): void {
    for (const [partition, range] of others.#ranges) {
      this.#add(partition, range);
    }
  }

  /** How many went where, as in `: orders:0 3 (offsets 0 to 2)`; nothing where there are none. */
  toText(topic: string): string {
    const parts = [...this.#ranges].sort(([a], [b]) => a - b)
      .map(([partition, { count, first, last }]) =>
        first < 0
          ? `${topic}:${partition} ${count}`
          : `${topic}:${partition} ${count} (offsets ${first} to ${last})`
      );
    return parts.length === 0 ? "" : `: ${parts.join(", ")}`;
  }

  #add(partition: number, { count, first, last }: Range): void {
    const range = this.#ranges.get(partition);
    if (range === undefined) {
      this.#ranges.set(partition, { count, first, last });
      return;
    }
    range.count += count;
    range.first = Math.min(range.first, first);
    range.last = Math.max(range.last, last);
  }
}
