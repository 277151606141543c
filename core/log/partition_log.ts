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
import { cleanableLog } from "./compaction/cleanable_log.ts";
import {
  cleanLog,
  type CleanOptions,
  type CleanResult,
} from "./compaction/clean_log.ts";
import { type DirtyRange, dirtyRange } from "./compaction/dirty_range.ts";
import type { LogMaintenance } from "./compaction/maintenance.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import type { TransactionEnd } from "./check_producer.ts";
import type { Place } from "./file_pool.ts";
import type { EpochEnd, LeaderEpochs } from "./leader_epochs.ts";
import {
  alreadyAppended,
  type AppendResult,
  type LogEnvironment,
  type LogIdentity,
  type LogParts,
  nothingAppended,
} from "./log_parts.ts";
import { readLog } from "./log_read.ts";
import { findByTimestamp, findMaxTimestamp } from "./log_search.ts";
import type { TimestampedOffset } from "./log_search.ts";
import type { LogRead, ReadOptions } from "./log_slice.ts";
import { LogStorage } from "./log_storage.ts";
import { type DeletedSegments, deleteOldSegments } from "./old_segments.ts";
import { judgeAppend } from "./judge_append.ts";
import { partitionName } from "./partition_files.ts";
import {
  type AppendOptions,
  prepareLeaderAppend,
  prepareReplicaAppend,
} from "./prepare_append.ts";
import type { AppendedSequence } from "./producer_entry.ts";
import { markerBatch } from "./marker_batch.ts";
import type { ActiveProducer, ProducerState } from "./producer_state.ts";
import type { SegmentList } from "./segment_list.ts";
import { NO_TIMESTAMP } from "./time_index.ts";

/** The log of one partition. */
export class PartitionLog {
  readonly topic: string;
  readonly partition: number;
  readonly #environment: LogEnvironment;
  readonly #storage: LogStorage;
  #logStartOffset: number;
  #highWatermark: number;
  #isClosed = false;

  constructor(
    environment: LogEnvironment,
    identity: LogIdentity,
    parts: LogParts,
  ) {
    this.topic = identity.topic;
    this.partition = identity.partition;
    this.#environment = environment;
    this.#storage = new LogStorage(environment, identity, parts);
    this.#logStartOffset = parts.logStartOffset;
    this.#highWatermark = parts.highWatermark;
    this.#storage.producers.highWatermarkMoved(this.#highWatermark);
  }

  /** `topic-partition`. */
  get name(): string {
    return partitionName(this.topic, this.partition);
  }

  /** Base64url; `null` where the folder does not say. */
  get topicId(): string | null {
    return this.#storage.stateFiles.topicId;
  }

  get config(): TopicConfig {
    return this.#storage.config;
  }

  get logStartOffset(): number {
    return this.#logStartOffset;
  }

  /** The offset that the next record gets. */
  get logEndOffset(): number {
    return this.#storage.endOffset;
  }

  get segments(): SegmentList {
    return this.#storage.segments;
  }

  get leaderEpochs(): LeaderEpochs {
    return this.#storage.epochs;
  }

  /** Where the log's folder is; its path changes when the log is deleted. */
  get place(): Place {
    return this.#storage.place;
  }

  /** Records below are on all in-sync replicas: consumers may see them. */
  get highWatermark(): number {
    return this.#highWatermark;
  }

  /** Kept between the start and the end of the log. */
  set highWatermark(offset: number) {
    this.#highWatermark = Math.min(
      Math.max(offset, this.#logStartOffset),
      this.logEndOffset,
    );
    this.#storage.producers.highWatermarkMoved(this.#highWatermark);
  }

  /** Records below belong to no open transaction. */
  get lastStableOffset(): number {
    const unstable = this.#storage.producers.firstUnstableOffset ?? Infinity;
    // What a transaction began with may be deleted.
    return Math.min(
      Math.max(unstable, this.#logStartOffset),
      this.#highWatermark,
    );
  }

  /** Records below survive a crash. */
  get recoveryPoint(): number {
    return this.#storage.recoveryPoint;
  }

  /** Where the last run of the cleaner ended; `null` before the first. */
  get cleanedOffset(): number | null {
    return this.#storage.cleanedOffset;
  }

  set cleanedOffset(offset: number | null) {
    this.#storage.cleanedOffset = offset;
  }

  /** Who may compact it, or take segments away. */
  get maintenance(): LogMaintenance {
    return this.#storage.maintenance;
  }

  /** Size of all segments, in bytes. */
  get sizeBytes(): number {
    let sizeBytes = 0;
    for (const segment of this.segments.all()) sizeBytes += segment.sizeBytes;
    return sizeBytes;
  }

  /** Whether a start may find earlier segments, and so must know where the log starts. */
  get mayHoldEarlier(): boolean {
    return this.#storage.mayHoldEarlier;
  }

  get isDeleted(): boolean {
    return this.#storage.isDeleted;
  }

  /** Whether damage was found below the recovery point: those records are not served. */
  get isCorrupt(): boolean {
    return this.segments.all().some((segment) =>
      segment.corruptRanges.length > 0
    );
  }

  /** Whether the log directory that holds it works. */
  get isOnline(): boolean {
    return this.#environment.directory.isOnline;
  }

  /** The log directory that holds it. */
  get directoryPath(): string {
    return this.#environment.directory.path;
  }

  updateConfig(config: TopicConfig): void {
    this.#storage.config = config;
  }

  /** Writes down which topic the folder belongs to. @param topicId Base64url. */
  assignTopicId(topicId: string): void {
    this.#storage.setTopicId(topicId);
  }

  /** Takes over what a log knows of which this one is a copy, so that it may go on in its place. */
  takeStateOf(other: PartitionLog): void {
    this.#storage.producers.takeOver(other.#storage.producers);
    this.highWatermark = other.highWatermark;
    this.#moveStart(Math.min(other.logStartOffset, this.#highWatermark));
  }

  /** Goes on at an offset after its end: between the two there are no records any more. */
  skipTo(offset: number): void {
    this.#assertUsable();
    this.#storage.skipTo(offset);
  }

  /** Says that a leader epoch starts at the end of the log: this broker leads now. */
  assignLeaderEpoch(epoch: number): void {
    this.leaderEpochs.assign(epoch, this.logEndOffset);
  }

  /**
   * Appends one partition's records of a request, or what a leader sent.
   *
   * `bytes` belongs to the log until this returns; offsets and more are stamped
   * into it. The caller awaits `durable`, where given, before it acknowledges.
   *
   * @throws {KafkaError} What `validateProduced` and `ProducerState.check` say;
   * RECORD_LIST_TOO_LARGE above `segment.bytes`; UNKNOWN_PRODUCER_ID for an id
   * that nobody was given; KAFKA_STORAGE_ERROR where the disk failed, or is too
   * full for what clients send, and then nothing was appended.
   */
  append(bytes: Uint8Array, options: AppendOptions): AppendResult {
    this.#assertUsable();
    const { origin } = options;
    const { room } = this.#environment;
    if (origin === "client") room?.assertEnough();
    const prepared = origin === "replica"
      ? prepareReplicaAppend(bytes, this.logEndOffset)
      : prepareLeaderAppend(bytes, this.logEndOffset, this.config, options);
    const { batches } = prepared;
    if (batches.length === 0) {
      return nothingAppended(this.logEndOffset, this.#logStartOffset);
    }
    const repeated = judgeAppend(
      prepared,
      this.name,
      this.config,
      this.#storage.producers,
      options,
    );
    if (repeated !== null) return this.#duplicate(repeated);
    this.#storage.write(prepared.bytes, batches, options.nowMs);
    room?.appended(prepared.bytes.length);
    const isStamped = origin !== "replica" &&
      this.config["message.timestamp.type"] === "LogAppendTime";
    return {
      baseOffset: batches[0].baseOffset,
      lastOffset: batches[batches.length - 1].lastOffset,
      logAppendTimeMs: isStamped ? options.nowMs : NO_TIMESTAMP,
      logStartOffset: this.#logStartOffset,
      isDuplicate: false,
      sizeBytes: prepared.bytes.length,
      durable: this.#storage.flushAsConfigured(),
    };
  }

  /**
   * Ends a producer's transaction, as its coordinator says.
   *
   * @returns As of a repeated batch, up to the end of the log, where it has ended
   * already.
   * @throws {KafkaError} As `ProducerState.needsMarker`; KAFKA_STORAGE_ERROR.
   */
  appendMarker(
    end: TransactionEnd,
    options: Pick<AppendOptions, "leaderEpoch" | "nowMs">,
  ): AppendResult {
    this.#assertUsable();
    if (!this.producers.needsMarker(end)) {
      return {
        ...nothingAppended(this.logEndOffset, this.#logStartOffset),
        isDuplicate: true,
        durable: this.#storage.flushAsConfigured(),
      };
    }
    return this.append(markerBatch(end, options.nowMs, this.config), {
      ...options,
      origin: "coordinator",
      isOwnWork: true,
    });
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
    if (offset < this.#logStartOffset || offset > this.logEndOffset) {
      throw new KafkaError(
        "OFFSET_OUT_OF_RANGE",
        `Offset ${offset} is not in ${this.name}, which has ${this.#logStartOffset} to ${this.logEndOffset}.`,
      );
    }
    return this.#onDisk(() =>
      readLog(this.segments, {
        ...options,
        offset,
        logEndOffset: this.logEndOffset,
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
    return this.leaderEpochs.endOf(epoch, this.logEndOffset);
  }

  /** Who has written to it, and which transactions are open. */
  get producers(): ProducerState {
    return this.#storage.producers;
  }

  activeProducers(): ActiveProducer[] {
    return this.producers.activeProducers();
  }

  /**
   * Makes all that was appended survive a crash.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where an fsync failed.
   */
  flush(): Promise<void> {
    return this.#storage.flush();
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
    this.#moveStart(offset);
    return this.#logStartOffset;
  }

  /**
   * Deletes the segments that `retention.ms`, `retention.bytes` or the start of the
   * log leave no reason to keep.
   *
   * @returns What went; nothing while the log is compacted, or maintenance paused.
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  deleteOldSegments(nowMs: number): DeletedSegments[] {
    this.#assertUsable();
    return this.#onDisk(() =>
      deleteOldSegments(
        this,
        this.#storage,
        nowMs,
        (offset) => this.#moveStart(offset),
      )
    );
  }

  /**
   * Drops the records from an offset on, as `truncateTo` does, after the recovery
   * point was lowered durably: else a power cut could tear what is appended next
   * below what a start takes for synced, and it would call that damage. Nothing may
   * be appended until this resolves.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  async truncate(offset: number): Promise<void> {
    this.#assertUsable();
    if (offset < this.recoveryPoint) {
      await this.#storage.lowerRecoveryPoint(offset);
      this.#assertUsable();
    }
    this.truncateTo(offset);
  }

  /**
   * Drops the records from an offset on; a batch that holds it goes as a whole.
   * Below the recovery point `truncate` is to be called.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  truncateTo(offset: number): void {
    this.#assertUsable();
    if (offset >= this.logEndOffset) return;
    if (offset < this.segments.first.baseOffset) {
      this.truncateFullyTo(offset);
      return;
    }
    this.#storage.truncateTo(offset);
    this.#logStartOffset = Math.min(this.#logStartOffset, this.logEndOffset);
    this.highWatermark = Math.min(this.#highWatermark, this.logEndOffset);
  }

  /**
   * Drops all records; the log is empty and goes on at another offset.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  truncateFullyTo(offset: number): void {
    this.#assertUsable();
    this.#storage.restartAt(offset);
    this.#logStartOffset = offset;
    this.highWatermark = offset;
    this.#environment.onStartMoved?.();
  }

  /**
   * Closes the active segment, where it holds anything, and starts another.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  roll(): void {
    this.#assertUsable();
    this.#storage.roll();
  }

  /** How far it is clean, and how far it may be cleaned. */
  dirtyRange(nowMs: number): DirtyRange {
    return this.#onDisk(() => dirtyRange(this.#asCleanable(), nowMs));
  }

  /**
   * Cleans a range of it: of records with the same key the last one stays.
   *
   * @returns `null` while another maintenance is under way, or paused.
   * @throws {CorruptFileError} As `cleanLog`.
   * @throws {KafkaError} As `cleanLog`.
   */
  async compact(options: CleanOptions): Promise<CleanResult | null> {
    this.#assertUsable();
    const run = this.maintenance.start();
    if (run === null) return null;
    try {
      return await cleanLog(this.#asCleanable(), run, options);
    } finally {
      this.maintenance.end(run);
    }
  }

  /**
   * Closes the log so that a start may trust its files: all synced, indexes cut
   * to their size, producers written down.
   *
   * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    if (this.#environment.directory.isOnline) await this.#storage.finish();
    this.abandon();
  }

  /** Lets go of all handles and timers, and writes nothing: the log counts as crashed. */
  abandon(): void {
    this.#isClosed = true;
    this.#storage.abandon();
  }

  /** Called once its folder was renamed: files stay readable, nothing more is written. */
  markDeleted(): void {
    this.#storage.markDeleted();
  }

  /** Deletes what is before an offset, or before the start where that is later. */
  #moveStart(offset: number): void {
    const hasMoved = offset > this.#logStartOffset;
    if (hasMoved) {
      this.#logStartOffset = offset;
      this.leaderEpochs.truncateStart(offset);
    }
    // Where segments leave, the checkpoint is written before their files go.
    const isSaved = this.#storage.deleteSegmentsBelow(this.#logStartOffset);
    if (hasMoved && !isSaved) this.#environment.onStartMoved?.();
  }

  #asCleanable() {
    return cleanableLog(this, this.#storage, this.#environment);
  }

  #assertUsable(): void {
    this.#environment.directory.assertOnline();
    if (!this.#storage.isDeleted && !this.#isClosed) return;
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

  #duplicate(repeated: AppendedSequence): AppendResult {
    const isDurable = repeated.lastOffset < this.recoveryPoint;
    return alreadyAppended(repeated, {
      logStartOffset: this.#logStartOffset,
      durable: isDurable ? null : this.#storage.flushAsConfigured(),
    });
  }
}
