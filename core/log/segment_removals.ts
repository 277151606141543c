// Segments that left a log, until their files are gone.
//
// Those that a compaction has replaced are renamed at once, so that a start ignores
// them, and unlinked when nobody can be reading them any more (`file.delete.delay.ms`).
//
// Those that left at the front, where the log starts later now, go in an order in
// which a crash at any step leaves a log without a hole:
//
//   leave ─► the new start is in the checkpoint, durably ─► .deleted ─► fsync of the
//   folder ─► file.delete.delay.ms ─► unlink
//
// A start drops what it finds before the start of the log. Where the disk is too full
// to write the checkpoint, they are renamed one by one, each durably before the next:
// then whatever a crash leaves is an end of the row, which needs no checkpoint.

import { Serial } from "../base/serial.ts";
import type { Clock } from "../host/host.ts";
import { finalSync } from "./final_sync.ts";
import type { LogDirectoryState } from "./log_directory_state.ts";
import type { Segment } from "./segment.ts";
import type { Turns } from "./turns.ts";

/** What a removal needs of its log. */
export interface RemovalsOptions {
  readonly clock: Clock;
  readonly directory: LogDirectoryState;
  /** Shared by all logs of a directory. */
  readonly turns: Turns;
  /** Makes names in the log's folder survive a crash. */
  readonly syncFolder: () => Promise<void>;
  /**
   * Writes the start of the log into its checkpoint.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR.
   */
  readonly saveStart: () => Promise<void>;
  /** Called when segments that left at the front were renamed. */
  readonly onRenamed: () => void;
}

const RETRY_MS = 1000;

/** The segments of one log that wait to be unlinked. */
export class SegmentRemovals {
  readonly #options: RemovalsOptions;
  readonly #cancels = new Set<() => void>();
  readonly #unlinks = new Serial();
  readonly #lettingGo = new Set<Promise<void>>();
  /** All that still have files. */
  readonly #waiting = new Set<Segment>();
  /** Those among them that a start may still find under their own names. */
  #leaving: readonly Segment[] = [];
  #isStopped = false;

  constructor(options: RemovalsOptions) {
    this.#options = options;
  }

  /** Segments that left at the front and that a crash may bring back, oldest first. */
  get leaving(): readonly Segment[] {
    return this.#leaving;
  }

  /**
   * Renames the files of segments now, and unlinks them later.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  add(segments: readonly Segment[], delayMs: number): void {
    for (const segment of segments) this.#waiting.add(segment);
    this.#rename(segments);
    this.#unlinkLater(segments, delayMs);
  }

  /**
   * Lets go of segments at the front, after the start of the log has moved past
   * them. A disk that fails on the way takes the directory offline.
   */
  leave(segments: readonly Segment[], delayMs: number): void {
    for (const segment of segments) this.#waiting.add(segment);
    this.#leaving = [...this.#leaving, ...segments];
    this.#startLettingGo(segments, delayMs);
  }

  /** Unlinks at once what only waits for readers: there are none any more. */
  async finish(): Promise<void> {
    await Promise.all(this.#lettingGo);
    await this.#unlink([...this.#waiting].filter((each) => each.isDeleted));
  }

  /** Leaves what still waits to the next start. */
  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    for (const segment of this.#waiting) segment.close();
    this.#waiting.clear();
  }

  #startLettingGo(segments: readonly Segment[], delayMs: number): void {
    const running = this.#letGo(segments, delayMs).catch((error) => {
      this.#options.directory.taken(error);
      if (!this.#goesOn) return;
      // Too many open files, say.
      this.#after(RETRY_MS, () => this.#startLettingGo(segments, delayMs));
    }).finally(() => this.#lettingGo.delete(running));
    this.#lettingGo.add(running);
  }

  async #letGo(segments: readonly Segment[], delayMs: number): Promise<void> {
    const isStartSaved = await this.#isStartSaved();
    const groups = isStartSaved ? [segments] : segments.map((each) => [each]);
    for (const group of groups) {
      // Many logs may wait for the same checkpoint.
      await this.#options.turns.run(() => {
        if (this.#goesOn) this.#rename(group);
      });
      if (!this.#goesOn) return;
      await finalSync(this.#options.syncFolder);
    }
    if (!this.#goesOn) return;
    this.#leaving = this.#leaving.filter((each) => !segments.includes(each));
    this.#options.onRenamed();
    this.#unlinkLater(segments, delayMs);
  }

  async #isStartSaved(): Promise<boolean> {
    try {
      await this.#options.saveStart();
      return true;
    } catch {
      // The directory is offline, or full.
      return false;
    }
  }

  get #goesOn(): boolean {
    return !this.#isStopped && this.#options.directory.isOnline;
  }

  #rename(segments: readonly Segment[]): void {
    this.#options.directory.guardWhole(() => {
      for (const segment of segments) {
        if (!segment.isDeleted) segment.markDeleted();
      }
    });
  }

  #unlinkLater(segments: readonly Segment[], delayMs: number): void {
    this.#after(delayMs, () => {
      void this.#options.turns.run(() => this.#unlink(segments));
    });
  }

  #after(delayMs: number, run: () => void): void {
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
  }

  #unlink(segments: readonly Segment[]): Promise<void> {
    return this.#unlinks.run(() => this.#unlinkEach(segments));
  }

  async #unlinkEach(segments: readonly Segment[]): Promise<void> {
    try {
      for (const segment of segments) {
        if (!this.#goesOn || !this.#waiting.has(segment)) continue;
        await segment.unlink();
        this.#waiting.delete(segment);
      }
    } catch (error) {
      // The folder of a log that was deleted meanwhile has another name.
      if (!this.#isStopped) this.#options.directory.taken(error);
    }
  }
}
