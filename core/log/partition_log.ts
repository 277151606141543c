// The log of one partition: records in order, by offset, in segments on disk.
//
//   logStartOffset ≤ … lastStableOffset ≤ highWatermark ≤ logEndOffset
//   │  deleted before │ committed │ open transactions │ not yet replicated
//
// An append is one synchronous step: check and stamp, judge by the producers'
// state, roll where needed, write once, then take along indexes, epochs and
// producers. Nothing comes between, so there are no locks. A write that fails is
// cut off again; where that fails too, the whole directory goes offline.
//
// Source: Kafka documentation, "Implementation: Log"; KIP-98, KIP-101.

import type { TopicConfig } from "../config/topic_config.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { BatchSummary } from "./batch_summary.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import type { Place } from "./file_pool.ts";
import type { EpochEnd, LeaderEpochs } from "./leader_epochs.ts";
import { LogFlusher } from "./log_flusher.ts";
import type {
  AppendResult,
  LogEnvironment,
  LogIdentity,
  LogParts,
} from "./log_parts.ts";
import { readLog } from "./log_read.ts";
import { findByTimestamp, findMaxTimestamp } from "./log_search.ts";
import type { TimestampedOffset } from "./log_search.ts";
import type { LogRead, ReadOptions } from "./log_slice.ts";
import { partitionName } from "./partition_files.ts";
import { PartitionStateFiles } from "./partition_state_files.ts";
import {
  type AppendOptions,
  prepareLeaderAppend,
  prepareReplicaAppend,
} from "./prepare_append.ts";
import type { AppendedSequence } from "./producer_entry.ts";
import type { ProducerSnapshots } from "./producer_snapshots.ts";
import type { ActiveProducer, ProducerState } from "./producer_state.ts";
import { applyToProducers, replayProducers } from "./replay_producers.ts";
import type { Segment } from "./segment.ts";
import type { SegmentList } from "./segment_list.ts";
import { SegmentWriter } from "./segment_writer.ts";
import { NO_TIMESTAMP } from "./time_index.ts";

/** The log of one partition. */
export class PartitionLog {
  readonly topic: string;
  readonly partition: number;
  readonly segments: SegmentList;
  readonly leaderEpochs: LeaderEpochs;
  /** Where the log's folder is; its path changes when the log is deleted. */
  readonly place: Place;
  readonly #environment: LogEnvironment;
  readonly #producers: ProducerState;
  readonly #snapshots: ProducerSnapshots;
  readonly #stateFiles: PartitionStateFiles;
  readonly #flusher: LogFlusher;
  readonly #writer: SegmentWriter;
  #logStartOffset: number;
  #logEndOffset: number;
  #highWatermark: number;
  #isDeleted = false;
  #isClosed = false;
  /** Whether anything was written since it was opened. */
  #wasWritten: boolean;
  readonly #removals = new Set<() => void>();

  constructor(
    environment: LogEnvironment,
    identity: LogIdentity,
    parts: LogParts,
  ) {
    const { host, directory } = environment;
    this.topic = identity.topic;
    this.partition = identity.partition;
    this.place = identity.place;
    this.segments = parts.segments;
    this.leaderEpochs = parts.epochs;
    this.#environment = environment;
    this.#producers = parts.producers;
    this.#snapshots = parts.snapshots;
    this.#logStartOffset = parts.logStartOffset;
    this.#logEndOffset = parts.logEndOffset;
    this.#highWatermark = parts.highWatermark;
    this.#wasWritten = parts.isNew ||
      parts.segments.all().some((segment) => segment.isDirty);
    this.#producers.highWatermarkMoved(this.#highWatermark);
    this.#stateFiles = new PartitionStateFiles(host.disk, this.place, {
      epochs: parts.epochs,
      savedRevision: parts.savedEpochsRevision,
      topicId: parts.topicId,
      isNew: parts.isNew,
    });
    this.#flusher = new LogFlusher({
      segments: this.segments,
      logEndOffset: () => this.#logEndOffset,
      isDeleted: () => this.#isDeleted,
      syncMetadata: async () => {
        await this.#stateFiles.sync();
        await this.#snapshots.sync();
      },
    }, {
      disk: host.disk,
      clock: host.clock,
      place: this.place,
      directory,
      recoveryPoint: parts.recoveryPoint,
    });
    this.#writer = new SegmentWriter(environment, {
      name: this.name,
      place: this.place,
      segments: this.segments,
      config: identity.config,
      onRoll: (baseOffset) =>
        this.#snapshots.write(baseOffset, this.#producers.snapshot()),
      afterRoll: () => {
        this.flush().catch(() => {});
      },
    });
  }

  /** `topic-partition`. */
  get name(): string {
    return partitionName(this.topic, this.partition);
  }

  /** Base64url; `null` where the folder does not say. */
  get topicId(): string | null {
    return this.#stateFiles.topicId;
  }

  get config(): TopicConfig {
    return this.#writer.config;
  }

  get logStartOffset(): number {
    return this.#logStartOffset;
  }

  /** The offset that the next record gets. */
  get logEndOffset(): number {
    return this.#logEndOffset;
  }

  /** Records below are on all in-sync replicas: consumers may see them. */
  get highWatermark(): number {
    return this.#highWatermark;
  }

  /** Kept between the start and the end of the log. */
  set highWatermark(offset: number) {
    this.#highWatermark = Math.min(
      Math.max(offset, this.#logStartOffset),
      this.#logEndOffset,
    );
    this.#producers.highWatermarkMoved(this.#highWatermark);
  }

  /** Records below belong to no open transaction. */
  get lastStableOffset(): number {
    const unstable = this.#producers.firstUnstableOffset;
    return unstable === null
      ? this.#highWatermark
      : Math.min(unstable, this.#highWatermark);
  }

  /** Records below survive a crash. */
  get recoveryPoint(): number {
    return this.#flusher.recoveryPoint;
  }

  /** Size of all segments, in bytes. */
  get sizeBytes(): number {
    let sizeBytes = 0;
    for (const segment of this.segments.all()) sizeBytes += segment.sizeBytes;
    return sizeBytes;
  }

  get isDeleted(): boolean {
    return this.#isDeleted;
  }

  /** Whether damage was found below the recovery point: those records are not served. */
  get isCorrupt(): boolean {
    return this.segments.all().some((segment) =>
      segment.corruptRanges.length > 0
    );
  }

  /** The log directory that holds it. */
  get directoryPath(): string {
    return this.#environment.directory.path;
  }

  updateConfig(config: TopicConfig): void {
    this.#writer.config = config;
  }

  /** Writes down which topic the folder belongs to. @param topicId Base64url. */
  assignTopicId(topicId: string): void {
    this.#environment.directory.guard(() =>
      this.#stateFiles.setTopicId(topicId)
    );
  }

  /** Says that a leader epoch starts at the end of the log: this broker leads now. */
  assignLeaderEpoch(epoch: number): void {
    this.leaderEpochs.assign(epoch, this.#logEndOffset);
  }

  /**
   * Appends one partition's records of a request, or what a leader sent.
   *
   * `bytes` belongs to the log until this returns; offsets and more are stamped
   * into it. The caller awaits `durable`, where given, before it acknowledges.
   *
   * @throws {KafkaError} What `validateProduced` and `ProducerState.check` say;
   * RECORD_LIST_TOO_LARGE above `segment.bytes`; KAFKA_STORAGE_ERROR where the
   * disk failed, and then nothing was appended.
   */
  append(bytes: Uint8Array, options: AppendOptions): AppendResult {
    this.#assertUsable();
    const { origin } = options;
    const prepared = origin === "replica"
      ? prepareReplicaAppend(bytes, this.#logEndOffset)
      : prepareLeaderAppend(bytes, this.#logEndOffset, this.config, options);
    const { batches } = prepared;
    if (batches.length === 0) return this.#nothingAppended();
    if (prepared.bytes.length > this.config["segment.bytes"]) {
      throw new KafkaError(
        "RECORD_LIST_TOO_LARGE",
        `${prepared.bytes.length} bytes of records do not fit a segment of ${
          this.config["segment.bytes"]
        } bytes of ${this.name}.`,
      );
    }
    for (const batch of batches) {
      if (batch.producerId < 0) continue;
      const repeated = this.#producers.check(batch, origin);
      if (repeated !== null) return this.#duplicate(repeated);
    }
    this.#writer.write(prepared.bytes, batches, {
      logEndOffset: this.#logEndOffset,
      nowMs: options.nowMs,
    });
    this.#wasWritten = true;
    this.#takeIn(batches);
    const isStamped = origin !== "replica" &&
      this.config["message.timestamp.type"] === "LogAppendTime";
    return {
      baseOffset: batches[0].baseOffset,
      lastOffset: batches[batches.length - 1].lastOffset,
      logAppendTimeMs: isStamped ? options.nowMs : NO_TIMESTAMP,
      logStartOffset: this.#logStartOffset,
      isDuplicate: false,
      sizeBytes: prepared.bytes.length,
      durable: this.#flushAsConfigured(),
    };
  }

  /**
   * Finds the batches from an offset on.
   *
   * @throws {KafkaError} OFFSET_OUT_OF_RANGE before the start or after the end,
   * CORRUPT_MESSAGE where the log is damaged there, KAFKA_STORAGE_ERROR where the
   * disk failed.
   */
  read(offset: number, options: ReadOptions): LogRead {
    this.#assertUsable();
    if (offset < this.#logStartOffset || offset > this.#logEndOffset) {
      throw new KafkaError(
        "OFFSET_OUT_OF_RANGE",
        `Offset ${offset} is not in ${this.name}, which has ${this.#logStartOffset} to ${this.#logEndOffset}.`,
      );
    }
    return this.#onDisk(() =>
      readLog(this.segments, {
        ...options,
        offset,
        logEndOffset: this.#logEndOffset,
        directory: this.#environment.directory,
      })
    );
  }

  /**
   * The first record whose timestamp is at or after another; `null` for none.
   *
   * @throws {KafkaError} CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR.
   */
  offsetForTimestamp(timestampMs: number): TimestampedOffset | null {
    this.#assertUsable();
    return this.#onDisk(() =>
      findByTimestamp(
        this.segments.all(),
        timestampMs,
        this.#logStartOffset,
      )
    );
  }

  /** The first record with the largest timestamp; `null` in an empty log. */
  offsetOfMaxTimestamp(): TimestampedOffset | null {
    this.#assertUsable();
    return this.#onDisk(() => findMaxTimestamp(this.segments.all()));
  }

  /** The largest epoch at or below the asked one, and where it ends; (-1, -1) where that is not known. */
  endOffsetForEpoch(epoch: number): EpochEnd {
    return this.leaderEpochs.endOf(epoch, this.#logEndOffset);
  }

  activeProducers(): ActiveProducer[] {
    return this.#producers.activeProducers();
  }

  /** Forgets producers that were silent for `producer.id.expiration.ms`. */
  expireProducers(nowMs: number, expirationMs: number): void {
    this.#producers.expire(nowMs, expirationMs);
  }

  /**
   * Makes all that was appended survive a crash.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where an fsync failed.
   */
  flush(): Promise<void> {
    return this.#flusher.flush();
  }

  /**
   * Moves the start of the log: records before an offset are gone, and whole
   * segments of them are deleted.
   *
   * @returns The start of the log now.
   * @throws {KafkaError} OFFSET_OUT_OF_RANGE above the high watermark.
   */
  deleteRecordsBefore(offset: number): number {
    this.#assertUsable();
    if (offset > this.#highWatermark) {
      throw new KafkaError(
        "OFFSET_OUT_OF_RANGE",
        `Cannot delete up to ${offset} in ${this.name}: its high watermark is ${this.#highWatermark}.`,
      );
    }
    if (offset > this.#logStartOffset) {
      this.#moveStart(offset);
      let count = 0;
      while (
        count + 1 < this.segments.count &&
        this.segments.at(count + 1)!.baseOffset <= offset
      ) count++;
      this.#discard(this.segments.removeFirst(count));
    }
    return this.#logStartOffset;
  }

  /**
   * Drops the records from an offset on; a batch that holds it goes as a whole.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  truncateTo(offset: number): void {
    this.#assertUsable();
    if (offset >= this.#logEndOffset) return;
    if (offset < this.segments.first.baseOffset) {
      this.truncateFullyTo(offset);
      return;
    }
    this.#environment.directory.guard(() => {
      const index = this.segments.floorIndex(offset);
      const later = this.segments.removeFrom(index + 1);
      for (const segment of later) segment.remove();
      this.#setEnd(this.segments.active.truncate(offset));
      this.#wasWritten = true;
      this.#flusher.truncated(this.#logEndOffset);
      this.#reloadProducers();
    });
  }

  /**
   * Drops all records; the log is empty and goes on at another offset.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  truncateFullyTo(offset: number): void {
    this.#assertUsable();
    this.#environment.directory.guard(() => {
      for (const segment of this.segments.removeFrom(0)) segment.remove();
      this.segments.push(this.#writer.create(offset));
      this.#setEnd(offset);
      this.#logStartOffset = offset;
      this.#highWatermark = Math.max(offset, this.#highWatermark);
      this.highWatermark = Math.min(this.#highWatermark, offset);
      this.leaderEpochs.clear();
      this.#stateFiles.writeEpochs();
      this.#snapshots.removeAbove(-1);
      this.#producers.load([]);
      this.#flusher.restarted(offset);
      this.#wasWritten = true;
    });
    this.#environment.onStartMoved?.();
  }

  /**
   * Closes the log so that a start may trust its files: all synced, indexes cut
   * to their size, producers written down.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const { directory } = this.#environment;
    if (directory.isOnline && !this.#isDeleted && this.#wasWritten) {
      await this.flush();
      directory.guard(() => {
        this.segments.active.finish();
        this.#takeSnapshot();
      });
      // With nothing new in the log, this syncs the indexes.
      await this.flush();
    }
    if (directory.isOnline && !this.#isDeleted) {
      directory.guard(() => this.#stateFiles.writeEpochs());
    }
    this.abandon();
  }

  /** Lets go of all handles and timers, and writes nothing: the log counts as crashed. */
  abandon(): void {
    this.#isClosed = true;
    this.#flusher.stopTimer();
    for (const cancel of this.#removals) cancel();
    this.#removals.clear();
    for (const segment of this.segments.all()) segment.close();
  }

  /** Called once its folder was renamed: files stay readable, nothing more is written. */
  markDeleted(): void {
    this.#isDeleted = true;
    this.#flusher.stopTimer();
    for (const segment of this.segments.all()) segment.isDeleted = true;
  }

  #assertUsable(): void {
    this.#environment.directory.assertOnline();
    if (!this.#isDeleted && !this.#isClosed) return;
    throw new KafkaError(
      "NOT_LEADER_OR_FOLLOWER",
      `${this.name} is no longer on this broker.`,
    );
  }

  /** Reads of the disk; what makes no sense there is damage, not the reader's fault. */
  #onDisk<T>(run: () => T): T {
    try {
      return this.#environment.directory.guard(run);
    } catch (error) {
      if (!(error instanceof CorruptFileError)) throw error;
      throw new KafkaError("CORRUPT_MESSAGE", error.message);
    }
  }

  /** What follows from batches that are in the file now. */
  #takeIn(batches: readonly BatchSummary[]): void {
    this.#logEndOffset = batches[batches.length - 1].lastOffset + 1;
    const { directory } = this.#environment;
    for (const batch of batches) {
      this.leaderEpochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
      const completed = applyToProducers(this.#producers, batch);
      if (completed?.isAborted !== true) continue;
      directory.guard(() =>
        this.segments.active.transactions.append(completed)
      );
    }
    directory.guard(() => this.#stateFiles.writeEpochs());
  }

  #flushAsConfigured(): Promise<void> | null {
    const unflushed = this.#logEndOffset - this.#flusher.recoveryPoint;
    if (unflushed >= this.config["flush.messages"]) return this.flush();
    const delayMs = this.config["flush.ms"];
    if (delayMs < FOREVER_MS) this.#flusher.flushWithin(delayMs);
    return null;
  }

  #duplicate(repeated: AppendedSequence): AppendResult {
    const isDurable = repeated.lastOffset < this.#flusher.recoveryPoint;
    return {
      baseOffset: repeated.lastOffset - repeated.offsetDelta,
      lastOffset: repeated.lastOffset,
      logAppendTimeMs: repeated.timestampMs,
      logStartOffset: this.#logStartOffset,
      isDuplicate: true,
      sizeBytes: 0,
      durable: isDurable ? null : this.#flushAsConfigured(),
    };
  }

  #nothingAppended(): AppendResult {
    return {
      baseOffset: this.#logEndOffset,
      lastOffset: this.#logEndOffset - 1,
      logAppendTimeMs: NO_TIMESTAMP,
      logStartOffset: this.#logStartOffset,
      isDuplicate: false,
      sizeBytes: 0,
      durable: null,
    };
  }

  #moveStart(offset: number): void {
    this.#logStartOffset = offset;
    this.leaderEpochs.truncateStart(offset);
    this.#environment.onStartMoved?.();
  }

  #setEnd(offset: number): void {
    this.#logEndOffset = offset;
    this.#logStartOffset = Math.min(this.#logStartOffset, offset);
    this.highWatermark = Math.min(this.#highWatermark, offset);
    this.leaderEpochs.truncateEnd(offset);
    this.#stateFiles.writeEpochs();
  }

  #reloadProducers(): void {
    this.#snapshots.removeAbove(this.#logEndOffset);
    replayProducers(this.#producers, this.#snapshots, this.segments, {
      endOffset: this.#logEndOffset,
    });
    this.#producers.highWatermarkMoved(this.#highWatermark);
  }

  #takeSnapshot(): void {
    this.#snapshots.write(this.#logEndOffset, this.#producers.snapshot());
  }

  /** Renames the files of segments, and unlinks them when no reader can be left. */
  #discard(segments: readonly Segment[]): void {
    if (segments.length === 0) return;
    const { directory, host } = this.#environment;
    directory.guard(() => {
      for (const segment of segments) segment.markDeleted();
      this.#snapshots.keepOnly(
        new Set(this.segments.all().map((segment) => segment.baseOffset)),
      );
    });
    const cancel = host.clock.after(this.config["file.delete.delay.ms"], () => {
      this.#removals.delete(cancel);
      if (this.#isDeleted || !directory.isOnline) return;
      try {
        directory.guard(() => {
          for (const segment of segments) segment.remove();
        });
      } catch {
        // The directory is offline now, which says it all.
      }
    });
    this.#removals.add(cancel);
  }
}

/** Above it, `flush.ms` means never: timers do not reach so far. */
const FOREVER_MS = 2 ** 31 - 1;
