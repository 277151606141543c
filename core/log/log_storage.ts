// What of a partition's log is on disk, kept together: segments, leader epochs,
// producers and their snapshots, and how far all of it was synced.
//
// `partition_log.ts` decides what may be appended, read and deleted; here it is
// done, so that after each step the files agree with each other, or the
// directory is offline.

import type { TopicConfig } from "../config/topic_config.ts";
import { HostError } from "../host/host.ts";
import type { BatchSummary } from "./batch_summary.ts";
import { LogMaintenance } from "./compaction/maintenance.ts";
import type { Place } from "./file_pool.ts";
import type { LeaderEpochs } from "./leader_epochs.ts";
import { mayPass } from "./log_directory_state.ts";
import { LogFlusher } from "./log_flusher.ts";
import type { LogEnvironment, LogIdentity, LogParts } from "./log_parts.ts";
import { PartitionStateFiles } from "./partition_state_files.ts";
import type { ProducerSnapshots } from "./producer_snapshots.ts";
import type { ProducerState } from "./producer_state.ts";
import { applyToProducers, replayProducers } from "./replay_producers.ts";
import { CLEANED_SUFFIX, Segment, SWAP_SUFFIX } from "./segment.ts";
import type { SegmentList } from "./segment_list.ts";
import { SegmentRemovals } from "./segment_removals.ts";
import { newSegmentOptions, SegmentWriter } from "./segment_writer.ts";
import { isSmall } from "./small_log.ts";
import { Turns } from "./turns.ts";

/** The files of one log. */
export class LogStorage {
  readonly segments: SegmentList;
  readonly epochs: LeaderEpochs;
  readonly producers: ProducerState;
  readonly place: Place;
  readonly stateFiles: PartitionStateFiles;
  readonly maintenance = new LogMaintenance();
  readonly #environment: LogEnvironment;
  readonly #snapshots: ProducerSnapshots;
  readonly #flusher: LogFlusher;
  readonly #writer: SegmentWriter;
  readonly #removals: SegmentRemovals;
  #endOffset: number;
  #isDeleted = false;
  /** While a truncation is about to be done, no more than this counts as synced. */
  #recoveryPointMax = Infinity;
  #isAbandoned = false;
  #cleanedOffset: number | null;
  /** Whether names of earlier segments went that a crash may bring back. */
  #mayHoldEarlier: boolean;
  /** Whether records may not be made durable before the checkpoint says that less is clean. */
  #mustSaveCleaned = false;
  /** Whether anything was written that a stop has to sync. */
  #wasWritten: boolean;
  /** Whether a last flush is to sync the leader epochs. */
  #flushesEpochs = true;

  constructor(
    environment: LogEnvironment,
    identity: LogIdentity,
    parts: LogParts,
  ) {
    const { host, directory } = environment;
    this.#environment = environment;
    this.place = identity.place;
    this.segments = parts.segments;
    this.epochs = parts.epochs;
    this.producers = parts.producers;
    this.#snapshots = parts.snapshots;
    this.#endOffset = parts.logEndOffset;
    this.#cleanedOffset = parts.cleanedOffset ?? null;
    this.#wasWritten = parts.segments.all().some((segment) => segment.isDirty);
    this.stateFiles = new PartitionStateFiles(
      host.disk,
      this.place,
      environment.syncNames,
      parts,
    );
    this.#flusher = new LogFlusher({
      segments: this.segments,
      leaving: () => this.#removals.leaving,
      logEndOffset: () => this.#endOffset,
      isDeleted: () => this.#isDeleted,
      syncMetadata: async () => {
        await this.#saveCleaned();
        const hasNewFiles = await this.stateFiles.sync({
          withEpochs: this.#flushesEpochs,
        });
        return await this.#snapshots.sync() || hasNewFiles;
      },
    }, {
      disk: host.disk,
      clock: host.clock,
      place: this.place,
      directory,
      recoveryPoint: parts.recoveryPoint,
    });
    this.#removals = new SegmentRemovals({
      clock: host.clock,
      directory,
      turns: environment.turns ?? new Turns(host.clock),
      syncFolder: () => host.disk.syncDirectory(this.place.path),
      saveStart: async () => await environment.checkpoint?.("logStart"),
      onRenamed: () => {
        this.#mayHoldEarlier = false;
        directory.guard(() => this.#keepSnapshotsOfSegments());
      },
    });
    this.#mayHoldEarlier = parts.isStartSaved === true;
    this.#writer = new SegmentWriter(environment, {
      place: this.place,
      segments: this.segments,
      config: identity.config,
      onRoll: (baseOffset) =>
        this.#snapshots.write(baseOffset, this.producers.snapshot()),
      afterRoll: () => {
        this.flush().catch(() => {});
      },
    });
  }

  get config(): TopicConfig {
    return this.#writer.config;
  }

  set config(config: TopicConfig) {
    this.#writer.config = config;
    const isUnflushed = this.#endOffset > this.#flusher.recoveryPoint;
    if (isUnflushed && !this.#isDeleted && !this.#isAbandoned) {
      this.flushAsConfigured()?.catch(() => {});
    }
  }

  /** The offset after the last record. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Records below survive a crash. */
  get recoveryPoint(): number {
    return Math.min(this.#flusher.recoveryPoint, this.#recoveryPointMax);
  }

  /**
   * Takes back that records from an offset on were synced, durably, before they are
   * dropped by `truncateTo`.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR.
   */
  async lowerRecoveryPoint(offset: number): Promise<void> {
    this.#recoveryPointMax = Math.min(this.#recoveryPointMax, offset);
    await this.#environment.checkpoint?.("recoveryPoint");
  }

  get isDeleted(): boolean {
    return this.#isDeleted;
  }

  /** Whether a start may find segments before the first one. */
  get mayHoldEarlier(): boolean {
    return this.#mayHoldEarlier || this.#removals.leaving.length > 0;
  }

  /** Where the last run of the cleaner ended; `null` before the first. */
  get cleanedOffset(): number | null {
    return this.#cleanedOffset;
  }

  set cleanedOffset(offset: number | null) {
    this.#cleanedOffset = offset;
  }

  /** When a segment's file was last modified, milliseconds since 1970 UTC. */
  modifiedMs(segment: Segment): number {
    const { disk } = this.#environment.host;
    return disk.stat(segment.log.path)?.modifiedMs ?? 0;
  }

  /** Writes down which topic the folder belongs to. @param topicId Base64url. */
  setTopicId(topicId: string): void {
    this.#environment.directory.guard(() =>
      this.stateFiles.setTopicId(topicId)
    );
    // An empty log that a crash takes is no loss.
    if (this.#endOffset > 0) this.#wasWritten = true;
  }

  /**
   * Writes batches at the end, and takes along what follows from them.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed; then nothing
   * was written, or the directory is offline.
   */
  write(
    bytes: Uint8Array,
    batches: readonly BatchSummary[],
    nowMs: number,
  ): void {
    const { directory } = this.#environment;
    if (batches.some((batch) => batch.marker !== null)) {
      // Read now: once the marker is written there is no way back.
      directory.guard(() => this.segments.active.transactions.entries);
    }
    this.#writer.write(bytes, batches, {
      logEndOffset: this.#endOffset,
      nowMs,
    });
    this.#wasWritten = true;
    this.#endOffset = batches[batches.length - 1].lastOffset + 1;
    const { transactions } = this.segments.active;
    for (const batch of batches) {
      this.epochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
      const completed = applyToProducers(this.producers, batch);
      if (completed?.isAborted !== true) continue;
      transactions.append(completed);
      this.#nowOrLater(() => transactions.flush());
    }
    this.#nowOrLater(() => this.stateFiles.writeEpochs());
  }

  /**
   * Makes all that was written survive a crash.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where an fsync failed.
   */
  flush(): Promise<void> {
    return this.#flusher.flush();
  }

  /**
   * Flushes as `flush.messages` and `flush.ms` ask.
   *
   * @returns What an acknowledgement waits for; `null` where it need not.
   */
  flushAsConfigured(): Promise<void> | null {
    const unflushed = this.#endOffset - this.#flusher.recoveryPoint;
    if (unflushed >= this.config["flush.messages"]) return this.flush();
    this.#flushInTime();
    return null;
  }

  /**
   * Deletes the segments of which all records are below an offset, where the log
   * starts now or later; never the active one. They are gone for readers at once,
   * and their files later, in an order that no crash can harm.
   *
   * @returns Whether there were any.
   */
  deleteSegmentsBelow(offset: number): boolean {
    let count = 0;
    while (
      count + 1 < this.segments.count &&
      this.segments.at(count + 1)!.baseOffset <= offset
    ) count++;
    if (count === 0) return false;
    this.maintenance.abort();
    this.#removals.leave(
      this.segments.removeFirst(count),
      this.config["file.delete.delay.ms"],
    );
    return true;
  }

  /**
   * Drops the records from an offset on, which the first segment starts at or
   * before; a batch that holds it goes as a whole.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  truncateTo(offset: number): void {
    this.maintenance.abort();
    this.#environment.directory.guardWhole(() => {
      const index = this.segments.floorIndex(offset);
      const later = this.segments.removeFrom(index + 1);
      for (const segment of later) segment.remove();
      this.#endOffset = this.segments.active.truncate(offset);
      this.epochs.truncateEnd(this.#endOffset);
      this.stateFiles.writeEpochs();
      this.#flusher.truncated(this.#endOffset);
      this.#recoveryPointMax = Infinity;
      this.#lowerCleaned(this.#endOffset);
      this.#snapshots.removeAbove(this.#endOffset);
      replayProducers(this.producers, this.#snapshots, this.segments, {
        endOffset: this.#endOffset,
      });
      this.#wasWritten = true;
    });
  }

  /**
   * Drops everything; the log goes on at an offset.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  restartAt(offset: number): void {
    this.maintenance.abort();
    this.#environment.directory.guardWhole(() => {
      for (const segment of this.segments.removeFrom(0)) segment.remove();
      this.segments.push(this.#writer.create(offset));
      this.#endOffset = offset;
      this.epochs.clear();
      this.stateFiles.writeEpochs();
      this.#snapshots.removeAbove(-1);
      this.producers.load([]);
      this.#lowerCleaned(offset);
      this.#flusher.restarted(offset);
      this.#recoveryPointMax = Infinity;
      this.#wasWritten = true;
    });
  }

  /**
   * Moves the end to an offset after it, in a segment of its own.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  skipTo(offset: number): void {
    this.#environment.directory.guard(() => this.#writer.roll(offset));
    this.#endOffset = offset;
  }

  /**
   * Closes the active segment and starts another, where it holds anything.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  roll(): void {
    this.#environment.directory.guard(() => this.#writer.roll(this.#endOffset));
  }

  /**
   * Makes an empty segment that is not in the log, to take the place of others.
   *
   * @param first The first one of those.
   */
  createCleaned(first: Segment): Segment {
    const { host, pool } = this.#environment;
    const cleaned = Segment.create({
      ...newSegmentOptions(host, pool, {
        place: this.place,
        config: this.config,
        baseOffset: first.baseOffset,
      }),
      suffix: CLEANED_SUFFIX,
    });
    // It replaces the file of the old one, if only with an empty file.
    if (first.transactions.file.exists()) cleaned.transactions.file.create();
    return cleaned;
  }

  /**
   * Puts a segment in the place of neighbours, the first of which begins where it
   * does. After a crash at any step a start finishes it (see `sweep_folder.ts`),
   * or knows nothing of it.
   *
   * @param cleaned Synced, with names that end with `.cleaned`.
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  replaceSegments(cleaned: Segment, replaced: readonly Segment[]): void {
    const { directory } = this.#environment;
    const index = this.segments.all().indexOf(replaced[0]);
    directory.guardWhole(() => {
      cleaned.changeSuffix(CLEANED_SUFFIX, SWAP_SUFFIX);
      this.segments.replace(index, replaced.length, cleaned);
      this.#removals.add(replaced, this.config["file.delete.delay.ms"]);
      cleaned.changeSuffix(SWAP_SUFFIX, "");
      this.#keepSnapshotsOfSegments();
    });
    this.#wasWritten = true;
  }

  /** Lets go of a segment that did not make it into the log, and unlinks it where that may still be done. */
  discard(cleaned: Segment): void {
    cleaned.close();
    if (this.#isAbandoned || !this.#environment.directory.isOnline) return;
    try {
      cleaned.remove();
    } catch (error) {
      // The next start removes it as well.
      if (!(error instanceof HostError)) throw error;
    }
  }

  /**
   * Leaves files that a start may trust: synced, indexes cut to their size,
   * producers written down. Of a small log only the `.log` and its name are
   * waited for, since a start reads it whole; of a log that never held anything,
   * nothing.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  async finish(): Promise<void> {
    const { directory } = this.#environment;
    directory.assertOnline();
    this.maintenance.abort();
    if (this.#isDeleted) return;
    await this.#removals.finish();
    directory.assertOnline();
    // An epoch that nothing was written in is forgotten by the next start anyhow.
    this.epochs.truncateEnd(this.#endOffset);
    if (this.#wasWritten || this.epochs.entries.length > 0) {
      directory.guard(() => this.stateFiles.writeEpochs());
    }
    const isReadWhole = isSmall(this.segments);
    if (!this.#wasWritten && (isReadWhole || this.stateFiles.isSynced)) return;
    directory.guard(() => {
      this.segments.active.finish();
      if (!isReadWhole || this.producers.count > 0) {
        this.#snapshots.write(this.#endOffset, this.producers.snapshot());
      }
      if (!isReadWhole) return;
      this.segments.active.hasUnsyncedIndexes = false;
      // Of records that were deleted nothing else tells.
      const isWhole = this.segments.first.baseOffset === 0;
      if (isWhole) this.#snapshots.leaveUnsynced();
    });
    this.#flushesEpochs = !isReadWhole;
    await this.flush();
  }

  /** Lets go of all handles and timers, and writes nothing. */
  abandon(): void {
    this.#isAbandoned = true;
    this.maintenance.abort();
    this.#flusher.stopTimer();
    this.#removals.stop();
    for (const segment of this.segments.all()) segment.close();
  }

  /** The folder was renamed: files stay readable, nothing more is written. */
  markDeleted(): void {
    this.#isDeleted = true;
    this.maintenance.abort();
    this.#flusher.stopTimer();
    this.#removals.stop();
    for (const segment of this.segments.all()) segment.isDeleted = true;
  }

  #keepSnapshotsOfSegments(): void {
    this.#snapshots.keepOnly(
      new Set(this.segments.all().map((segment) => segment.baseOffset)),
    );
  }

  #flushInTime(): void {
    const delayMs = this.config["flush.ms"];
    if (delayMs < FOREVER_MS) this.#flusher.flushWithin(delayMs);
  }

  /** What comes after an offset was never cleaned. */
  #lowerCleaned(offset: number): void {
    if ((this.#cleanedOffset ?? 0) <= offset) return;
    this.#cleanedOffset = offset;
    this.#mustSaveCleaned = true;
  }

  async #saveCleaned(): Promise<void> {
    if (!this.#mustSaveCleaned) return;
    this.#mustSaveCleaned = false;
    try {
      await this.#environment.checkpoint?.("cleaned");
    } catch (error) {
      this.#mustSaveCleaned = true;
      throw error;
    }
  }

  /** Writes what the next append or flush would write as well: a full disk is no reason to refuse. */
  #nowOrLater(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!mayPass(error)) throw this.#environment.directory.taken(error);
    }
  }
}

/** Above it, `flush.ms` means never: timers do not reach so far. */
const FOREVER_MS = 2 ** 31 - 1;
