// Which partition a producer's record goes to, where nobody has said.
//
// Source: KIP-480, KIP-794.

import {
  partitionForKey,
  type PartitionLoad,
  StickyPartitioner,
} from "./partitioner.ts";

/** What the choice depends on, out of the producer's settings. */
export interface ChoiceOptions {
  /** Bytes after which records without key go on to another partition. */
  readonly switchBytes: number;
  readonly ignoresKeys: boolean;
  readonly isAdaptive: boolean;
  readonly random: () => number;
  readonly loadOf: (topic: string) => PartitionLoad;
}

interface Unplaced {
  readonly topic: string;
  /** -1 leaves it to this. */
  readonly partition: number;
  readonly key: Uint8Array | null;
}

export class PartitionChoice {
  readonly #options: ChoiceOptions;
  readonly #sticky = new Map<string, StickyPartitioner>();

  constructor(options: ChoiceOptions) {
    this.#options = options;
  }

  choose(record: Unplaced, partitionCount: number): number {
    if (record.partition !== -1) return record.partition;
    if (!this.#isUnkeyed(record)) {
      return partitionForKey(record.key!, partitionCount);
    }
    let sticky = this.#sticky.get(record.topic);
    if (sticky === undefined) {
      const { switchBytes, isAdaptive, random, loadOf } = this.#options;
      const load = loadOf(record.topic);
      sticky = new StickyPartitioner({ switchBytes, isAdaptive, random, load });
      this.#sticky.set(record.topic, sticky);
    }
    return sticky.partition(partitionCount);
  }

  /** Notes where a record went that was chosen for. */
  appended(
    record: Unplaced,
    sizeBytes: number,
    place: { readonly isBatchEnd: boolean; readonly partitionCount: number },
  ): void {
    if (!this.#isUnkeyed(record)) return;
    this.#sticky.get(record.topic)!.appended(sizeBytes, place);
  }

  #isUnkeyed({ partition, key }: Unplaced): boolean {
    return partition === -1 && (key === null || this.#options.ignoresKeys);
  }
}
