// Which partition a record goes to that names none.
//
// With a key it is the key's hash, so that equal keys meet, whoever produces
// them. Without one, records stay with a partition until a batch's worth has gone
// there, then another is drawn; partitions with longer queues are drawn less
// often, so that a slow broker gets less.
//
// Source: KIP-480, KIP-794; Kafka documentation, "partitioner.class".

import { partitionForKey } from "../base/murmur2.ts";

export { partitionForKey };

/** What the choice depends on. */
export interface PartitionLoad {
  /** Batches that wait, by partition. */
  readonly queueLength: (partition: number) => number;
  /** False where the partition has no leader, or is stuck. */
  readonly isAvailable: (partition: number) => boolean;
}

export interface StickyOptions {
  /** Bytes after which another partition is drawn. */
  readonly switchBytes: number;
  /** Draws by queue length; else all are as likely. */
  readonly isAdaptive: boolean;
  readonly load: PartitionLoad;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Draws partitions of one topic for records without a key. */
export class StickyPartitioner {
  readonly #options: StickyOptions;
  #current = -1;
  #bytes = 0;
  #partitionCount = 0;

  constructor(options: StickyOptions) {
    this.#options = options;
  }

  /** The partition for the next record. */
  partition(partitionCount: number): number {
    if (this.#current < 0 || partitionCount !== this.#partitionCount) {
      this.#draw(partitionCount);
    }
    return this.#current;
  }

  /**
   * Tells that a record went to the current partition.
   *
   * @param place `isBatchEnd`: the batch that took it is full, or was empty
   * before; at other times a change would only leave a small batch behind.
   */
  appended(
    sizeBytes: number,
    place: { readonly isBatchEnd: boolean; readonly partitionCount: number },
  ): void {
    const { switchBytes } = this.#options;
    this.#bytes += sizeBytes;
    const isDue = place.isBatchEnd
      ? this.#bytes >= switchBytes
      : this.#bytes >= 2 * switchBytes;
    if (isDue) this.#draw(place.partitionCount);
  }

  #draw(partitionCount: number): void {
    const { random, isAdaptive, load } = this.#options;
    this.#bytes = 0;
    this.#partitionCount = partitionCount;
    const available: number[] = [];
    for (let partition = 0; partition < partitionCount; partition++) {
      if (load.isAvailable(partition)) available.push(partition);
    }
    if (available.length === 0) {
      this.#current = Math.floor(random() * partitionCount);
      return;
    }
    const lengths = available.map((partition) =>
      isAdaptive ? load.queueLength(partition) : 0
    );
    this.#current = available[drawByWeight(lengths, random)];
  }
}

/** An index, drawn with a weight that falls with the length at it. */
function drawByWeight(
  lengths: readonly number[],
  random: () => number,
): number {
  const longest = Math.max(...lengths);
  const weights = lengths.map((length) => longest + 1 - length);
  let rest = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < weights.length; i++) {
    rest -= weights[i];
    if (rest < 0) return i;
  }
  return weights.length - 1;
}
