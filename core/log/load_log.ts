// Opens a partition's log from its folder, after a clean stop or after a crash,
// and makes new ones.
//
// After a clean stop only the end of the last segment is read. After a crash all
// segments are, from the one that holds the recovery point on; whatever does not
// follow is cut, and later segments are dropped. Where only the process was killed,
// headers are read instead; where they are not in order, that log is read whole.

import { HostError } from "../host/host.ts";
import type { ScanFault } from "./batch_scan.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import { type LeaderEpoch, LeaderEpochs } from "./leader_epochs.ts";
import type { LogEnvironment, LogIdentity } from "./log_parts.ts";
import { parseFileOffset, partitionName } from "./partition_files.ts";
import { PartitionLog } from "./partition_log.ts";
import {
  parsePartitionMetadata,
  PARTITION_METADATA,
} from "./partition_metadata.ts";
import { LEADER_EPOCH_CHECKPOINT } from "./partition_state_files.ts";
import { ProducerSnapshots } from "./producer_snapshots.ts";
import { ProducerState } from "./producer_state.ts";
import { recoverSegment, type RecoveryReading } from "./recover_segment.ts";
import { isRenewed, markRenewed } from "./renewed_logs.ts";
import { readWhole } from "./replace_file.ts";
import { replayProducers } from "./replay_producers.ts";
import {
  OFFSET_INDEX_SUFFIX,
  offsetName,
  Segment,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "./segment.ts";
import { SegmentList } from "./segment_list.ts";
import { newSegmentOptions } from "./segment_writer.ts";
import { isSmall, SMALL_LOG_BYTES } from "./small_log.ts";
import { sweepFolder } from "./sweep_folder.ts";

/** What the log directory knows of a log. */
export interface LoadOptions extends LogIdentity {
  /** Whether the last stop was clean. */
  readonly isClean: boolean;
  /** Whether only the process ended, and the page cache has all that was written: see `kernel_life.ts`. */
  readonly wasKilled?: boolean;
  /** From the checkpoint; 0 where it has none. */
  readonly recoveryPoint: number;
  /** From the checkpoint; 0 where it has none. */
  readonly logStartOffset: number;
  /** Whether the checkpoint has one. */
  readonly isStartSaved?: boolean;
  /** From the checkpoint; `null` where it has none. */
  readonly highWatermark: number | null;
  /** From the checkpoint; `null` or left out where it has none. */
  readonly cleanedOffset?: number | null;
  /** Told of damage and of what is cut, in one line each. */
  readonly report: (text: string) => void;
}

/**
 * Makes the folder and the first segment of a new partition.
 *
 * @param topicId Base64url; `null` where topics have none.
 * @param options `isRenewed`: checkpoints may speak of another log of its name.
 * @throws {HostError} Where the disk failed; what was made is removed again.
 */
export function createLog(
  environment: LogEnvironment,
  identity: LogIdentity,
  topicId: string | null,
  { isRenewed = false }: { readonly isRenewed?: boolean } = {},
): PartitionLog {
  const { host, pool } = environment;
  const { place } = identity;
  try {
    host.disk.makeDirectory(place.path);
    if (isRenewed) markRenewed(host.disk, place.path);
    const segments = new SegmentList();
    segments.push(
      Segment.create(
        newSegmentOptions(host, pool, { ...identity, baseOffset: 0 }),
      ),
    );
    const log = new PartitionLog(environment, identity, {
      segments,
      logStartOffset: 0,
      logEndOffset: 0,
      recoveryPoint: 0,
      highWatermark: 0,
      epochs: new LeaderEpochs(),
      savedEpochs: null,
      areEpochsSynced: false,
      producers: new ProducerState(nameOf(identity)),
      snapshots: new ProducerSnapshots(host.disk, place, []),
      topicId: null,
      isNew: true,
    });
    if (topicId !== null) log.assignTopicId(topicId);
    return log;
  } catch (error) {
    removeQuietly(environment, place.path);
    throw error;
  }
}

/**
 * Opens the log in a folder.
 *
 * @throws {HostError} Where the disk failed.
 */
export function loadLog(
  environment: LogEnvironment,
  options: LoadOptions,
): PartitionLog {
  return new LogLoader(environment, options).load();
}

/** What checkpoints say of a log that they do not know. */
const NOTHING_KNOWN = {
  recoveryPoint: 0,
  logStartOffset: 0,
  isStartSaved: false,
  highWatermark: null,
  cleanedOffset: null,
} as const;

class LogLoader {
  readonly #environment: LogEnvironment;
  readonly #options: LoadOptions;
  readonly #segments = new SegmentList();
  readonly #producers: ProducerState;
  readonly #names: readonly string[];
  readonly #snapshots: ProducerSnapshots;
  #epochs = new LeaderEpochs();
  /** What their file holds; `null` where they must be made from the log. */
  #savedEpochs: readonly LeaderEpoch[] | null = null;
  #logEndOffset = 0;
  #recoveryPoint: number;

  constructor(environment: LogEnvironment, options: LoadOptions) {
    const { disk } = environment.host;
    this.#environment = environment;
    this.#options = isRenewed(disk, options.place.path)
      ? { ...options, ...NOTHING_KNOWN }
      : options;
    this.#recoveryPoint = this.#options.recoveryPoint;
    this.#producers = new ProducerState(nameOf(options));
    this.#names = sweepFolder(disk, options.place.path);
    this.#snapshots = new ProducerSnapshots(disk, options.place, this.#names);
  }

  load(): PartitionLog {
    const { options } = this.#view();
    for (const name of this.#names) {
      const baseOffset = parseFileOffset(name);
      if (baseOffset === null) continue;
      this.#segments.push(Segment.open(this.#segmentOptions(baseOffset)));
    }
    this.#dropDeleted();
    this.#readEpochs();
    if (this.#segments.count === 0) this.#startAt(options.logStartOffset);
    else if (!options.isClean || !this.#takeCleanEnd()) {
      const isDone = options.wasKilled === true && this.#recover("headers");
      if (!isDone) this.#recover("all");
    }

    const logStartOffset = Math.max(
      options.logStartOffset,
      this.#segments.first.baseOffset,
    );
    if (this.#logEndOffset < logStartOffset) this.#startAt(logStartOffset);
    this.#epochs.truncateEnd(this.#logEndOffset);
    this.#epochs.truncateStart(logStartOffset);
    this.#snapshots.keepOnly(
      new Set(this.#segments.all().map((segment) => segment.baseOffset)),
    );
    if (!options.isClean) this.#snapshots.distrust();
    const highWatermark = options.highWatermark ?? logStartOffset;
    // What a stop left to the page cache (see LogStorage.finish), or a kill.
    const isEmpty = this.#segments.count === 1 &&
      this.#segments.active.sizeBytes === 0;
    if (isEmpty) this.#segments.active.isNew = true;
    return new PartitionLog(this.#environment, options, {
      segments: this.#segments,
      logStartOffset,
      isStartSaved: options.isStartSaved,
      logEndOffset: this.#logEndOffset,
      recoveryPoint: Math.min(this.#recoveryPoint, this.#logEndOffset),
      highWatermark: Math.min(
        Math.max(highWatermark, logStartOffset),
        this.#logEndOffset,
      ),
      epochs: this.#epochs,
      savedEpochs: this.#savedEpochs,
      areEpochsSynced: options.isClean && !isSmall(this.#segments),
      producers: this.#producers,
      snapshots: this.#snapshots,
      topicId: this.#readTopicId(),
      isNew: isEmpty || !options.isClean,
      cleanedOffset: options.cleanedOffset,
    });
  }

  #view() {
    return { options: this.#options, disk: this.#environment.host.disk };
  }

  /** A stop came between the deletion of segments and the end of their files; of these any may be left. */
  #dropDeleted(): void {
    const { logStartOffset } = this.#options;
    while ((this.#segments.at(1)?.baseOffset ?? Infinity) <= logStartOffset) {
      for (const segment of this.#segments.removeFirst(1)) segment.remove();
    }
  }

  /**
   * Trusts the files: the end of the log is the end of its last segment.
   *
   * @returns False where they do not make sense after all.
   */
  #takeCleanEnd(): boolean {
    const { options } = this.#view();
    const { active } = this.#segments;
    try {
      const end = isSmall(this.#segments)
        ? this.#readSmall()
        : active.findEnd();
      if (end.fault !== null) {
        options.report(
          `Clean stop, yet "${active.log.path}" at position ${end.fault.position}: ${end.fault.reason}`,
        );
        return false;
      }
      this.#logEndOffset = end.offset;
    } catch (error) {
      if (!(error instanceof CorruptFileError)) throw error;
      options.report(error.message);
      return false;
    }
    // A clean stop synced everything.
    this.#recoveryPoint = this.#logEndOffset;
    this.#snapshots.removeAbove(this.#logEndOffset);
    if (this.#savedEpochs === null) this.#rebuildEpochs(Infinity);
    replayProducers(this.#producers, this.#snapshots, this.#segments, {
      endOffset: this.#logEndOffset,
    });
    return true;
  }

  /**
   * Reads a small log, of which a stop syncs nothing else: makes its indexes
   * again, and believes the epochs only where they are those of the batches.
   */
  #readSmall(): {
    readonly offset: number;
    readonly fault: ScanFault | null;
  } {
    const { options } = this.#view();
    const { active } = this.#segments;
    const config = { ...options.config, "segment.index.bytes": 0 };
    active.resetIndexes();
    const scan = active.scan(0, SMALL_LOG_BYTES);
    let offset = active.baseOffset;
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      active.noteBatch(batch, batch.position, config);
      const { partitionLeaderEpoch, baseOffset } = batch;
      offset = batch.lastOffset + 1;
      const isTold = partitionLeaderEpoch < 0 ||
        offset <= options.logStartOffset ||
        this.#epochs.epochOf(Math.max(baseOffset, options.logStartOffset)) ===
          partitionLeaderEpoch;
      if (!isTold) this.#savedEpochs = null;
    }
    const name = offsetName(active.baseOffset);
    const isWhole = [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX].every((suffix) =>
      this.#names.includes(name + suffix)
    );
    if (!isWhole) active.isDirty = true; // The next stop makes the files.
    return { offset, fault: scan.fault };
  }

  /**
   * The segment of the last offset below the recovery point. Where that ends there,
   * it may have been flushed while it was the active one, and what is beside its log
   * was not.
   */
  #firstToRecover(): number {
    return Math.max(0, this.#segments.floorIndex(this.#recoveryPoint - 1));
  }

  /**
   * Reads the segments from the recovery point on, as after a crash.
   *
   * @returns False where headers alone did not make sense to the end; nothing is
   * lost then.
   */
  #recover(reading: RecoveryReading): boolean {
    const { options } = this.#view();
    const first = this.#firstToRecover();
    const firstOffset = this.#segments.at(first)!.baseOffset;
    if (this.#savedEpochs === null) this.#rebuildEpochs(firstOffset);
    // What the batches from here on say is taken from them.
    this.#epochs.truncateEnd(firstOffset);
    this.#snapshots.removeAbove(firstOffset);
    replayProducers(this.#producers, this.#snapshots, this.#segments, {
      endOffset: firstOffset,
    });
    const isBrief = reading === "headers";
    let endOffset = firstOffset;
    for (let i = first; i < this.#segments.count; i++) {
      const segment = this.#segments.at(i)!;
      if (i > first) {
        if (
          segment.baseOffset < endOffset && endOffset >= this.#recoveryPoint
        ) {
          if (isBrief) return false;
          // A crash brought back what a truncation had removed.
          this.#dropFrom(i);
          break;
        }
        this.#snapshots.write(segment.baseOffset, this.#producers.snapshot());
      }
      const recovered = recoverSegment(
        segment,
        {
          startOffset: Math.max(segment.baseOffset, endOffset),
          nextBaseOffset: this.#segments.at(i + 1)?.baseOffset ?? null,
        },
        {
          epochs: this.#epochs,
          producers: this.#producers,
          recoveryPoint: this.#recoveryPoint,
          mayHaveHoles: this.#isCompacted,
          reading,
          config: options.config,
          report: options.report,
        },
      );
      if (recovered.isInDoubt) return false;
      endOffset = recovered.endOffset;
      if (isBrief && this.#hasHole(i, endOffset)) return false;
      if (recovered.wasCut || this.#hasHole(i, endOffset)) {
        this.#dropFrom(i + 1);
      }
      if (i < this.#segments.count - 1) segment.finish();
    }
    this.#logEndOffset = endOffset;
    const { active } = this.#segments;
    if (active.corruptRanges.some((range) => range.end === active.sizeBytes)) {
      // Nothing can follow bytes that make no batch: go on in another file.
      active.finish();
      this.#segments.push(this.#newSegment(endOffset));
    }
    return true;
  }

  /**
   * Whether records are missing between a segment's end and the next one, since
   * a crash took whole batches. A compacted log may have such holes by right.
   */
  #hasHole(index: number, endOffset: number): boolean {
    const next = this.#segments.at(index + 1);
    if (next === undefined || next.baseOffset <= endOffset) return false;
    return endOffset >= this.#recoveryPoint &&
      this.#segments.at(index)!.fits(next.baseOffset) && !this.#isCompacted;
  }

  get #isCompacted(): boolean {
    return this.#options.config["cleanup.policy"].includes("compact");
  }

  #dropFrom(index: number): void {
    for (const segment of this.#segments.removeFrom(index)) {
      this.#options.report(
        `Dropped "${segment.log.path}": it does not follow what is before it`,
      );
      segment.remove();
    }
  }

  /** An empty log from an offset on. */
  #startAt(offset: number): void {
    if (this.#segments.count > 0) {
      this.#options.report(
        `"${this.#options.place.path}" ends at ${this.#logEndOffset}, before its start ${offset}: it starts anew there`,
      );
    }
    for (const segment of this.#segments.removeFrom(0)) segment.remove();
    this.#segments.push(this.#newSegment(offset));
    this.#snapshots.removeAbove(-1);
    this.#producers.load([]);
    this.#epochs.clear();
    this.#logEndOffset = offset;
    this.#recoveryPoint = offset;
  }

  #newSegment(baseOffset: number): Segment {
    return Segment.create(this.#segmentOptions(baseOffset));
  }

  #segmentOptions(baseOffset: number) {
    const { host, pool } = this.#environment;
    const transactions = offsetName(baseOffset) + TRANSACTION_INDEX_SUFFIX;
    return {
      ...newSegmentOptions(host, pool, { ...this.#options, baseOffset }),
      hasNoTransactions: !this.#names.includes(transactions),
    };
  }

  #readEpochs(): void {
    const { options, disk } = this.#view();
    if (!this.#names.includes(LEADER_EPOCH_CHECKPOINT)) return;
    const path = `${options.place.path}/${LEADER_EPOCH_CHECKPOINT}`;
    const bytes = readWhole(disk, path);
    if (bytes === null) return;
    try {
      this.#epochs = LeaderEpochs.parse(path, bytes);
      this.#savedEpochs = [...this.#epochs.entries];
    } catch (error) {
      if (!(error instanceof CorruptFileError)) throw error;
      options.report(`${error.message}; it is made again from the log`);
      // A log without records will not write another.
      disk.remove(path);
    }
  }

  /** Makes the epochs of the batches below an offset again. */
  #rebuildEpochs(endOffset: number): void {
    this.#epochs = new LeaderEpochs();
    for (const segment of this.#segments.all()) {
      if (segment.baseOffset >= endOffset) return;
      const scan = segment.scan(0);
      for (let batch = scan.next(); batch !== null; batch = scan.next()) {
        this.#epochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
      }
    }
  }

  #readTopicId(): string | null {
    const { options, disk } = this.#view();
    if (!this.#names.includes(PARTITION_METADATA)) return null;
    const path = `${options.place.path}/${PARTITION_METADATA}`;
    const bytes = readWhole(disk, path);
    if (bytes === null) return null;
    try {
      return parsePartitionMetadata(path, bytes);
    } catch (error) {
      if (!(error instanceof CorruptFileError)) throw error;
      options.report(`${error.message}; the cluster tells the id`);
      return null;
    }
  }
}

function nameOf(identity: LogIdentity): string {
  return partitionName(identity.topic, identity.partition);
}

/** A failed start must not leave a folder that the next one takes for a log. */
function removeQuietly(environment: LogEnvironment, path: string): void {
  try {
    environment.host.disk.removeTree(path);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
  }
}
