// The snapshot files of one partition's producers: one for each segment that was
// rolled, named by the offset up to which it counts, and one from the last stop.
//
// They are synced with the next flush, before the recovery point passes them; one
// that a crash tears before fails its checksum, and then the one before it is
// taken and the log is read from there.

import type { Disk } from "../host/host.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import { finalSync } from "./final_sync.ts";
import type { Place } from "./file_pool.ts";
import { parseFileOffset } from "./partition_files.ts";
import {
  decodeProducerSnapshot,
  encodeProducerSnapshot,
  type ProducerSnapshotEntry,
} from "./producer_snapshot.ts";
import { readWhole, writeFileUnsynced } from "./replace_file.ts";
import { offsetName, SNAPSHOT_SUFFIX } from "./segment.ts";

/** A snapshot that could be read. */
export interface LoadedSnapshot {
  /** State before the record of this offset. */
  readonly offset: number;
  readonly entries: readonly ProducerSnapshotEntry[];
}

/** The snapshots of one partition. */
export class ProducerSnapshots {
  readonly #disk: Disk;
  readonly #place: Place;
  /** Ascending. */
  #offsets: number[];
  readonly #unsynced = new Set<number>();

  /** @param names What is in the partition's folder. */
  constructor(disk: Disk, place: Place, names: readonly string[]) {
    this.#disk = disk;
    this.#place = place;
    this.#offsets = names
      .map((name) => parseFileOffset(name, SNAPSHOT_SUFFIX))
      .filter((offset) => offset !== null)
      .sort((a, b) => a - b);
  }

  /** Offset of the last one; -1 without any. */
  get latestOffset(): number {
    return this.#offsets.at(-1) ?? -1;
  }

  /** Writes a snapshot, unless a newer one is there. */
  write(offset: number, entries: readonly ProducerSnapshotEntry[]): void {
    if (offset <= this.latestOffset) return;
    writeFileUnsynced(
      this.#disk,
      this.#path(offset),
      encodeProducerSnapshot(entries),
    );
    this.#offsets.push(offset);
    this.#unsynced.add(offset);
  }

  /**
   * Makes those that were written survive a crash.
   *
   * @returns Whether there were any: their names need a sync of the folder.
   */
  async sync(): Promise<boolean> {
    const isAnyUnsynced = this.#unsynced.size > 0;
    for (const offset of [...this.#unsynced]) {
      const path = this.#path(offset);
      // It may have been removed since.
      if (this.#disk.stat(path) === null) {
        this.#unsynced.delete(offset);
        continue;
      }
      const file = this.#disk.open(path, "write");
      this.#unsynced.delete(offset);
      try {
        await finalSync(() => file.sync());
      } finally {
        file.close();
      }
    }
    return isAnyUnsynced;
  }

  /** Counts those that are there as not synced: a killed process may have left them so. */
  distrust(): void {
    for (const offset of this.#offsets) this.#unsynced.add(offset);
  }

  /** A crash may take those that were written: the log is there to be read. */
  leaveUnsynced(): void {
    this.#unsynced.clear();
  }

  /** The last usable snapshot at or below an offset; those that are broken are removed. */
  load(offset: number): LoadedSnapshot | null {
    for (let i = this.#offsets.length - 1; i >= 0; i--) {
      const candidate = this.#offsets[i];
      if (candidate > offset) continue;
      const path = this.#path(candidate);
      const bytes = readWhole(this.#disk, path);
      if (bytes === null) continue;
      try {
        return {
          offset: candidate,
          entries: decodeProducerSnapshot(path, bytes),
        };
      } catch (error) {
        if (!(error instanceof CorruptFileError)) throw error;
        this.#removeWhere((other) => other === candidate);
      }
    }
    return null;
  }

  /** Removes those above an offset: what they count is no longer in the log. */
  removeAbove(offset: number): void {
    this.#removeWhere((other) => other > offset);
  }

  /** Removes those that no segment starts with, save for the last. */
  keepOnly(segmentOffsets: ReadonlySet<number>): void {
    const { latestOffset } = this;
    this.#removeWhere((other) =>
      other !== latestOffset && !segmentOffsets.has(other)
    );
  }

  #removeWhere(isUnwanted: (offset: number) => boolean): void {
    for (const offset of this.#offsets.filter(isUnwanted)) {
      const path = this.#path(offset);
      if (this.#disk.stat(path) !== null) this.#disk.remove(path);
    }
    this.#offsets = this.#offsets.filter((offset) => !isUnwanted(offset));
  }

  #path(offset: number): string {
    return `${this.#place.path}/${offsetName(offset)}${SNAPSHOT_SUFFIX}`;
  }
}
