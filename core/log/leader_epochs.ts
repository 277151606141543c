// Which leader wrote which offsets: the leader epoch cache of one partition.
//
// Entries (epoch, startOffset), both strictly rising: the first offset that the
// leader of an epoch wrote, or could have written. Replicas find by it where
// their logs part. Kept in `leader-epoch-checkpoint`, and made again out of the
// batches' own epochs where that file is lost.
//
// Source: KIP-101, KIP-279; Kafka documentation, OffsetForLeaderEpoch.

import {
  formatCheckpoint,
  parseCheckpoint,
  parseNumber,
} from "./checkpoint_file.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";

/** No epoch is known. */
export const NO_EPOCH = -1;
/** No offset is known. */
export const NO_OFFSET = -1;

export interface LeaderEpoch {
  readonly epoch: number;
  /** The first offset of the epoch. */
  readonly startOffset: number;
}

/** Where an epoch ends: the first offset after it. */
export interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

/** The leader epochs of one log, in order. */
export class LeaderEpochs {
  #entries: LeaderEpoch[];
  /** Counts changes, so that the owner knows when the file is behind. */
  revision = 0;

  constructor(entries: readonly LeaderEpoch[] = []) {
    this.#entries = [...entries];
  }

  /** @throws {CorruptFileError} Where the file makes no sense. */
  static parse(path: string, bytes: Uint8Array): LeaderEpochs {
    const entries = parseCheckpoint(path, bytes, 2).map(([epoch, offset]) => ({
      epoch: parseNumber(path, epoch),
      startOffset: parseNumber(path, offset),
    }));
    for (let i = 1; i < entries.length; i++) {
      const [before, after] = [entries[i - 1], entries[i]];
      if (
        after.epoch <= before.epoch || after.startOffset <= before.startOffset
      ) {
        throw new CorruptFileError(path, "epochs and offsets do not both rise");
      }
    }
    return new LeaderEpochs(entries);
  }

  format(): Uint8Array {
    return formatCheckpoint(
      this.#entries.map((entry) => [entry.epoch, entry.startOffset]),
    );
  }

  get entries(): readonly LeaderEpoch[] {
    return this.#entries;
  }

  /** -1 where none is known. */
  get latestEpoch(): number {
    const count = this.#entries.length;
    return count === 0 ? NO_EPOCH : this.#entries[count - 1].epoch;
  }

  /** The oldest known epoch; -1 where none is known. */
  get earliestEpoch(): number {
    return this.#entries.length === 0 ? NO_EPOCH : this.#entries[0].epoch;
  }

  /**
   * Says that an epoch starts at an offset. An epoch that is known, or older
   * than the latest, changes nothing; entries that the new one contradicts
   * (they start at or after its offset) go.
   */
  assign(epoch: number, startOffset: number): void {
    if (epoch < 0 || epoch <= this.latestEpoch) return;
    let count = this.#entries.length;
    while (count > 0 && this.#entries[count - 1].startOffset >= startOffset) {
      count--;
    }
    this.#entries.length = count;
    this.#entries.push({ epoch, startOffset });
    this.revision++;
  }

  /** The epoch that an offset was written in; -1 where it is not known. */
  epochOf(offset: number): number {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      if (this.#entries[i].startOffset <= offset) return this.#entries[i].epoch;
    }
    return NO_EPOCH;
  }

  /**
   * The largest known epoch at or below the asked one, and its end.
   *
   * @returns (-1, -1) where the asked one is newer than all known; the asked
   * epoch with the first known offset where it is older than all known.
   */
  endOf(epoch: number, logEndOffset: number): EpochEnd {
    if (epoch === NO_EPOCH) return { epoch: NO_EPOCH, endOffset: NO_OFFSET };
    if (epoch === this.latestEpoch) return { epoch, endOffset: logEndOffset };
    const next = this.#entries.findIndex((entry) => entry.epoch > epoch);
    if (next === -1) return { epoch: NO_EPOCH, endOffset: NO_OFFSET };
    const endOffset = this.#entries[next].startOffset;
    return next === 0
      ? { epoch, endOffset }
      : { epoch: this.#entries[next - 1].epoch, endOffset };
  }

  /** Forgets epochs that start at or after `endOffset`: the log was cut there. */
  truncateEnd(endOffset: number): void {
    const kept = this.#entries.filter((entry) => entry.startOffset < endOffset);
    this.#replace(kept);
  }

  /** Forgets epochs that end at or before `startOffset`: the log starts there now. */
  truncateStart(startOffset: number): void {
    const first = this.#entries.findLastIndex((entry) =>
      entry.startOffset <= startOffset
    );
    if (first === -1) return;
    if (first === 0 && this.#entries[0].startOffset === startOffset) return;
    const kept = this.#entries.slice(first);
    kept[0] = { epoch: kept[0].epoch, startOffset };
    this.#replace(kept);
  }

  clear(): void {
    this.#replace([]);
  }

  #replace(entries: LeaderEpoch[]): void {
    const isSame = entries.length === this.#entries.length &&
      entries.every((entry, i) => entry === this.#entries[i]);
    if (isSame) return;
    this.#entries = entries;
    this.revision++;
  }
}
