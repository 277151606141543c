// One run of the cleaner over one log:
//
//   1. every key of the dirty part, with the offset of its last record, goes into
//      a map (map_keys.ts); where the map is full, the run ends there
//   2. all segments up to there are read from the first on, in groups, and records
//      with an older offset than the map's go (filter_batch.ts)
//   3. each group's new segment is synced and takes the place of the old ones
//
// It works in turns of a few milliseconds, between which everybody else has
// theirs. The log is served throughout from its old segments. What cuts, deletes
// or stops the log aborts the run, which then leaves it as it is: each group that
// was done is a correct log by itself.
//
// Source: Kafka documentation, "Log Compaction".

import { MIB } from "../../base/units.ts";
import type { Clock } from "../../host/host.ts";
import { abortedIn } from "../log_read.ts";
import type { LogDirectoryState } from "../log_directory_state.ts";
import type { Segment } from "../segment.ts";
import { BatchReader, faultIn } from "./batch_reader.ts";
import {
  type CleaningTarget,
  fillCleaned,
  type GroupTools,
} from "./clean_group.ts";
import { CleanedTransactions } from "./cleaned_transactions.ts";
import { segmentsBetween } from "./dirty_range.ts";
import { BatchFilter } from "./filter_batch.ts";
import { groupSegments } from "./group_segments.ts";
import type { MaintenanceRun } from "./maintenance.ts";
import { mapKeys } from "./map_keys.ts";
import { MAP_ENTRY_BYTES, OffsetMap } from "./offset_map.ts";

/** How a run works. */
export interface CleanOptions {
  readonly firstDirtyOffset: number;
  /** Exclusive; the base offset of a segment, the active one at most. */
  readonly firstUncleanableOffset: number;
  /** Memory of the map: `log.cleaner.dedupe.buffer.size`, divided by `log.cleaner.threads`. */
  readonly mapBytes: number;
  /** `log.cleaner.io.buffer.load.factor`. */
  readonly loadFactor: number;
  /** Memory for reading and writing: `log.cleaner.io.buffer.size`, divided by `log.cleaner.threads`. */
  readonly ioBytes: number;
  /** How long the next turn takes, about; 4 where left out. */
  readonly turnMs?: number;
  /** Bytes written between two syncs, so that a last one has little left to do; 32 MiB where left out. */
  readonly syncBytes?: number;
  /** Called after each turn, the last one too; the run goes on when it resolves, later than at once. */
  readonly pause: (progress: CleanProgress) => Promise<void>;
}

/** How far a run has come. */
export interface CleanProgress {
  readonly phase: "map" | "clean" | "sync";
  /** Bytes read and written in this turn, for a throttle. */
  readonly turnBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Of `readBytes`, what the whole run will read at most. */
  readonly totalBytes: number;
}

/** What a run did. */
export interface CleanResult {
  /** False where the run was aborted; groups that were done stay done. */
  readonly isDone: boolean;
  readonly firstDirtyOffset: number;
  /** The log is clean below; `firstDirtyOffset` where aborted. */
  readonly endOffset: number;
  /** Bytes and records of the segments that were cleaned, before and after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly recordsBefore: number;
  readonly recordsAfter: number;
  /** Records without a key, which were dropped. */
  readonly invalidRecords: number;
  readonly segmentsBefore: number;
  readonly segmentsAfter: number;
  /** Bytes read for the map. */
  readonly mapBytes: number;
  /** Part of the map that was used. */
  readonly mapUtilization: number;
  readonly elapsedMs: number;
  readonly mapElapsedMs: number;
}

/** The log of a run, and what it may ask of it. */
export interface CleanableLog extends CleaningTarget {
  readonly logEndOffset: number;
  readonly name: string;
  readonly directory: LogDirectoryState;
  readonly clock: Clock;
  randomBytes(count: number): Uint8Array;
  /** Makes what is in the log survive a crash, and notes that it does. */
  settle(): Promise<void>;
  /** Puts a synced segment in the place of others, at once. */
  replaceSegments(cleaned: Segment, replaced: readonly Segment[]): void;
  /** Unlinks a segment that did not make it. */
  discard(cleaned: Segment): void;
  /** Notes how far the log is clean. */
  noteCleaned(endOffset: number): Promise<void>;
}

/**
 * Cleans a log.
 *
 * @param run Aborted from outside where the log must be left alone.
 * @throws {CorruptFileError} Where a batch is damaged: the log cannot be cleaned.
 * @throws {KafkaError} CORRUPT_MESSAGE likewise; KAFKA_STORAGE_ERROR where the
 * disk failed, or is full.
 */
export function cleanLog(
  log: CleanableLog,
  run: MaintenanceRun,
  options: CleanOptions,
): Promise<CleanResult> {
  return new Cleaning(log, run, options).clean();
}

/** Thrown inside of a run that was aborted. */
class Aborted extends Error {}

class Cleaning {
  readonly #log: CleanableLog;
  readonly #run: MaintenanceRun;
  readonly #options: CleanOptions;
  readonly #nowMs: number;
  readonly #startMs: number;
  readonly #reader: BatchReader;
  #phase: CleanProgress["phase"] = "map";
  #writtenBytes = 0;
  /** A sync of what was written so far, under way. */
  #earlySync: Promise<void> | null = null;
  #earlySyncedBytes = 0;
  /** Bytes read and written that a pause was told of. */
  #reportedBytes = 0;
  #totalBytes = 0;
  #result = {
    bytesBefore: 0,
    bytesAfter: 0,
    segmentsBefore: 0,
    segmentsAfter: 0,
    mapBytes: 0,
    mapUtilization: 0,
    mapElapsedMs: 0,
  };

  constructor(log: CleanableLog, run: MaintenanceRun, options: CleanOptions) {
    this.#log = log;
    this.#run = run;
    this.#options = options;
    this.#nowMs = log.clock.wallMs();
    this.#startMs = log.clock.monotonicMs();
    this.#reader = new BatchReader(options.ioBytes / 2);
  }

  async clean(): Promise<CleanResult> {
    const { firstDirtyOffset } = this.#options;
    const retainedIn: { cleaned: Segment | null } = { cleaned: null };
    const transactions = new CleanedTransactions((transaction) =>
      retainedIn.cleaned!.transactions.append(transaction)
    );
    const map = this.#newMap();
    const filter = new BatchFilter({
      map,
      mappedFrom: firstDirtyOffset,
      transactions,
      nowMs: this.#nowMs,
      deleteRetentionMs: this.#log.config["delete.retention.ms"],
      lastOffset: this.#log.logEndOffset - 1,
    });
    let isDone = false;
    try {
      await this.#log.settle();
      await this.#buildMap(map);
      const tools: GroupTools = {
        reader: this.#reader,
        filter,
        transactions,
        writeBuffer: new Uint8Array(Math.max(4096, this.#options.ioBytes / 2)),
        oldHorizonMs: this.#oldHorizonMs(),
        onWritten: (sizeBytes) => this.#writtenBytes += sizeBytes,
      };
      this.#phase = "clean";
      for (const group of this.#groups(map)) {
        const cleaned = this.#log.directory.guard(() =>
          this.#log.createCleaned(group[0])
        );
        retainedIn.cleaned = cleaned;
        await this.#cleanGroup(group, cleaned, tools);
      }
      await this.#log.settle();
      this.#assertWanted();
      await this.#log.noteCleaned(map.latestOffset + 1);
      isDone = true;
    } catch (error) {
      if (!(error instanceof Aborted)) throw error;
    }
    return {
      ...this.#result,
      isDone,
      firstDirtyOffset,
      endOffset: isDone ? map.latestOffset + 1 : firstDirtyOffset,
      recordsBefore: filter.counts.recordsRead,
      recordsAfter: filter.counts.recordsKept,
      invalidRecords: filter.counts.recordsInvalid,
      elapsedMs: this.#log.clock.monotonicMs() - this.#startMs,
    };
  }

  #newMap(): OffsetMap {
    const { firstDirtyOffset, firstUncleanableOffset, mapBytes, loadFactor } =
      this.#options;
    const map = new OffsetMap({
      memoryBytes: mapBytes,
      loadFactor,
      firstOffset: firstDirtyOffset,
      endOffset: firstUncleanableOffset,
      randomBytes: (count) => this.#log.randomBytes(count),
    });
    if (map.capacity < 1) {
      throw new RangeError(
        `A map of ${mapBytes} bytes holds no key (${MAP_ENTRY_BYTES} bytes each); raise log.cleaner.dedupe.buffer.size`,
      );
    }
    // Where nothing is dirty, what was clean may still be rid of old tombstones.
    map.latestOffset = Math.min(firstDirtyOffset, firstUncleanableOffset) - 1;
    return map;
  }

  async #buildMap(map: OffsetMap): Promise<void> {
    const { firstDirtyOffset, firstUncleanableOffset } = this.#options;
    const { segments } = this.#log;
    const range = { start: firstDirtyOffset, end: firstUncleanableOffset };
    const dirty = segmentsBetween(segments, range.start, range.end);
    const toClean = segmentsBetween(segments, 0, range.end);
    this.#totalBytes = [...dirty, ...toClean].reduce(
      (sum, segment) => sum + segment.sizeBytes,
      0,
    );
    this.#refuseDamaged(toClean);
    const transactions = new CleanedTransactions();
    if (dirty.length > 0) {
      const first = segments.floorIndex(dirty[0].baseOffset);
      transactions.add(
        this.#log.directory.guard(() => abortedIn(segments, first, range)),
      );
    }
    await this.#inTurns(mapKeys({
      segments: dirty,
      firstOffset: range.start,
      endOffset: range.end,
      reader: this.#reader,
      transactions,
      map,
    }));
    this.#result.mapBytes = this.#reader.readBytes;
    this.#result.mapUtilization = map.utilization;
    this.#result.mapElapsedMs = this.#log.clock.monotonicMs() - this.#startMs;
  }

  /** What is damaged is stepped over by readers; a new segment would hide it. */
  #refuseDamaged(segments: readonly Segment[]): void {
    for (const segment of segments) {
      const [range] = segment.corruptRanges;
      if (range !== undefined) {
        throw faultIn(segment, range.start, "it is damaged");
      }
    }
  }

  #groups(map: OffsetMap): Segment[][] {
    const log = this.#log;
    return log.directory.guard(() =>
      groupSegments(
        segmentsBetween(log.segments, 0, map.latestOffset + 1),
        log.config,
        this.#options.firstUncleanableOffset,
      )
    );
  }

  /** Old formats keep tombstones for a while after the last segment that was clean before. */
  #oldHorizonMs(): number {
    const log = this.#log;
    const { firstDirtyOffset } = this.#options;
    const last = segmentsBetween(log.segments, 0, firstDirtyOffset).at(-1);
    return last === undefined
      ? 0
      : log.modifiedMs(last) - log.config["delete.retention.ms"];
  }

  async #cleanGroup(
    group: readonly Segment[],
    cleaned: Segment,
    tools: GroupTools,
  ): Promise<void> {
    const log = this.#log;
    try {
      await this.#inTurns(
        fillCleaned(log, group, cleaned, tools),
        () => this.#syncEarly(cleaned),
      );
      await this.#sync(cleaned);
      const last = group[group.length - 1];
      log.directory.guard(() => log.setModified(cleaned, log.modifiedMs(last)));
    } catch (error) {
      log.discard(cleaned);
      throw error;
    }
    const bytesBefore = group.reduce((sum, each) => sum + each.sizeBytes, 0);
    log.replaceSegments(cleaned, group);
    this.#result.bytesBefore += bytesBefore;
    this.#result.bytesAfter += cleaned.sizeBytes;
    this.#result.segmentsBefore += group.length;
    this.#result.segmentsAfter++;
  }

  /**
   * Has the device write what gathers in the page cache: where too much gathers,
   * the system makes the next write wait, and with it everybody.
   */
  async #syncEarly(cleaned: Segment): Promise<void> {
    const unsynced = this.#writtenBytes - this.#earlySyncedBytes;
    if (unsynced < (this.#options.syncBytes ?? SYNC_BYTES)) return;
    this.#earlySyncedBytes = this.#writtenBytes;
    await this.#awaitEarlySync();
    this.#earlySync = cleaned.log.sync();
    this.#earlySync.catch(() => {});
  }

  async #awaitEarlySync(): Promise<void> {
    const sync = this.#earlySync;
    this.#earlySync = null;
    try {
      await sync;
    } catch (error) {
      throw this.#log.directory.taken(error);
    }
    this.#assertWanted();
  }

  async #sync(cleaned: Segment): Promise<void> {
    this.#phase = "sync";
    await this.#awaitEarlySync();
    try {
      await cleaned.sync();
    } catch (error) {
      throw this.#log.directory.taken(error);
    }
    this.#phase = "clean";
    this.#assertWanted();
  }

  /** Runs steps to their end, a few milliseconds at a time. */
  async #inTurns(
    steps: Iterator<void>,
    afterTurn: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const { clock, directory } = this.#log;
    for (;;) {
      const turnMs = this.#options.turnMs ?? TURN_MS;
      const isOver = directory.guard(() => {
        const endMs = clock.monotonicMs() + turnMs;
        do {
          if (steps.next().done === true) return true;
        } while (clock.monotonicMs() < endMs);
        return false;
      });
      await this.#pause();
      if (isOver) return;
      await afterTurn();
    }
  }

  async #pause(): Promise<void> {
    const readBytes = this.#reader.readBytes;
    const movedBytes = readBytes + this.#writtenBytes;
    const turnBytes = movedBytes - this.#reportedBytes;
    this.#reportedBytes = movedBytes;
    await this.#options.pause({
      phase: this.#phase,
      turnBytes,
      readBytes,
      writtenBytes: this.#writtenBytes,
      totalBytes: this.#totalBytes,
    });
    this.#assertWanted();
  }

  #assertWanted(): void {
    if (this.#run.isAborted) throw new Aborted();
  }
}

/** How long a turn takes. */
const TURN_MS = 4;
const SYNC_BYTES = 32 * MIB;
