// Makes a log survive a crash: fsyncs what was appended and moves the recovery
// point, below which a start trusts the files.
//
//   append ──► dirty ──flush()──► fsync of each dirty segment (in order)
//                                 ──► fsync of the folder where names are new
//                                 ──► recoveryPoint = end at the flush's start
//
// One flush runs at a time; those who ask meanwhile share the next one, so many
// appends wait for one fsync. A failure is final: the directory goes offline.

import type { Clock, Disk } from "../host/host.ts";
import { finalSync } from "./final_sync.ts";
import type { LogDirectoryState } from "./log_directory_state.ts";
import type { Place } from "./file_pool.ts";
import type { Segment } from "./segment.ts";
import type { SegmentList } from "./segment_list.ts";

/** The log, as far as it must be known here. */
export interface Flushable {
  readonly segments: SegmentList;
  /** Segments that left the log, and that a crash may bring back as they are on the disk. */
  leaving(): readonly Segment[];
  logEndOffset(): number;
  /** Once deleted, its files may be gone at any time. */
  isDeleted(): boolean;
  /**
   * Syncs what must be durable before the recovery point may pass: the leader
   * epochs, the topic's id, the producers.
   *
   * @returns Whether names in the folder need a sync of it.
   */
  syncMetadata(): Promise<boolean>;
}

export interface FlusherOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly place: Place;
  readonly directory: LogDirectoryState;
  readonly recoveryPoint: number;
}

/** The flushes of one log. */
export class LogFlusher {
  readonly #log: Flushable;
  readonly #options: FlusherOptions;
  #recoveryPoint: number;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #cancelTimer: (() => void) | null = null;
  /** When the timer runs, in monotonic time. */
  #timerDueMs = Infinity;
  /** Lowest end the log was cut to during the flush under way. */
  #cutDuringFlush = Infinity;
  /** Whether names went that a crash may bring back. */
  #hasRemovedNames = false;
  /** Monotonic time of the last flush's end. */
  #lastFlushMs: number;

  constructor(log: Flushable, options: FlusherOptions) {
    this.#log = log;
    this.#options = options;
    this.#recoveryPoint = options.recoveryPoint;
    this.#lastFlushMs = options.clock.monotonicMs();
  }

  /** All offsets below survive a crash. */
  get recoveryPoint(): number {
    return this.#recoveryPoint;
  }

  get lastFlushMs(): number {
    return this.#lastFlushMs;
  }

  /**
   * Makes all that is in the log now survive a crash.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where an fsync failed.
   */
  flush(): Promise<void> {
    if (this.#running === null) return this.#start();
    // The one under way may have begun before the last append.
    return this.#next ??= this.#running.catch(() => {}).then(() => {
      this.#next = null;
      return this.#start();
    });
  }

  /** Flushes within a time, unless a flush comes before. */
  flushWithin(delayMs: number): void {
    const { clock } = this.#options;
    if (this.#cancelTimer !== null) {
      // The time may have been cut down meanwhile; to grow, it waits for a flush.
      if (clock.monotonicMs() + delayMs >= this.#timerDueMs) return;
      this.#cancelTimer();
    }
    this.#timerDueMs = clock.monotonicMs() + delayMs;
    this.#cancelTimer = clock.after(delayMs, () => {
      this.#cancelTimer = null;
      if (this.#log.logEndOffset() > this.#recoveryPoint) {
        this.flush().catch(() => {});
      }
    });
  }

  /** The log ends earlier now, and what follows is not what was flushed. */
  truncated(endOffset: number): void {
    this.#recoveryPoint = Math.min(this.#recoveryPoint, endOffset);
    this.#cutDuringFlush = Math.min(this.#cutDuringFlush, endOffset);
    this.#hasRemovedNames = true;
  }

  /** The log was emptied and goes on at another offset, higher perhaps. */
  restarted(offset: number): void {
    this.truncated(offset);
    this.#recoveryPoint = offset;
  }

  stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #start(): Promise<void> {
    const running = this.#run().finally(() => {
      if (this.#running === running) this.#running = null;
    });
    // Whoever waits sees the failure; the directory is offline in any case.
    running.catch(() => {});
    return this.#running = running;
  }

  async #run(): Promise<void> {
    const { directory, disk, place, clock } = this.#options;
    directory.assertOnline();
    const end = this.#log.logEndOffset();
    this.#cutDuringFlush = Infinity;
    this.stopTimer();
    const hasRemovedNames = this.#hasRemovedNames;
    this.#hasRemovedNames = false;
    try {
      const hasNewFiles = await this.#log.syncMetadata();
      const dirty = [...this.#log.leaving(), ...this.#log.segments.all()]
        .filter((segment) => segment.isUnsynced || hasNewNames(segment));
      for (const segment of dirty) await syncUnlessDeleted(segment);
      const added = dirty.filter(hasNewNames);
      if (added.length > 0 || hasNewFiles || hasRemovedNames) {
        // A name that comes meanwhile waits for the next flush.
        for (const { transactions } of added) transactions.isNew = false;
        await finalSync(() => disk.syncDirectory(place.path));
        for (const segment of added) segment.isNew = false;
      }
    } catch (error) {
      this.#hasRemovedNames ||= hasRemovedNames;
      if (this.#log.isDeleted()) return;
      throw directory.taken(error);
    }
    directory.assertOnline();
    const flushed = Math.min(end, this.#cutDuringFlush);
    this.#recoveryPoint = Math.max(this.#recoveryPoint, flushed);
    this.#lastFlushMs = clock.monotonicMs();
  }
}

/** Whether a crash may take names of its files; that of the aborted transactions comes late. */
function hasNewNames({ isNew, transactions }: Segment): boolean {
  return isNew || transactions.isNew;
}

async function syncUnlessDeleted(segment: Segment): Promise<void> {
  if (segment.isDeleted) return;
  try {
    await segment.sync();
  } catch (error) {
    if (!segment.isDeleted) throw error;
  }
}
