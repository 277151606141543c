// Checks a partition's folder, whoever wrote it: every batch, and whether all
// that stands beside the log agrees with it.

import { KafkaError } from "../wire/kafka/errors.ts";
import { CompressError } from "../compress/compress_error.ts";
import type { Disk } from "../host/host.ts";
import { readMessage, recordsOfMessage } from "../record/message_set.ts";
import { decodeBatch } from "../record/record_batch.ts";
import { BatchScan, WHOLE_CHUNK_BYTES } from "./batch_scan.ts";
import { type BatchSummary, checksumIsValid } from "./batch_summary.ts";
import { dumpFile } from "./dump.ts";
import type { DumpRow, ProducerRow } from "./dump_rows.ts";
import { parseFileOffset } from "./partition_files.ts";
import { PARTITION_METADATA } from "./partition_metadata.ts";
import { LEADER_EPOCH_CHECKPOINT } from "./partition_state_files.ts";
import { RENEWED_LOG } from "./renewed_logs.ts";
import {
  INDEX_SUFFIXES,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  offsetName,
  SNAPSHOT_SUFFIX,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "./segment.ts";
import { isLeftOver } from "./sweep_folder.ts";
import { NO_TIMESTAMP } from "./time_index.ts";
import {
  abortsOf,
  type SeenBatch,
  seenBatch,
  snapshotFault,
} from "./verify_producers.ts";

/**
 * What can be done about a finding: `rebuild` makes the file again from the log,
 * `remove` takes away what is left over, `cut` ends the log before it, as a start
 * after a crash would; `none` needs a replica or a backup.
 */
export type Repair = "rebuild" | "remove" | "cut" | "none";

/** Something that is not as it must be. */
export interface Finding {
  readonly path: string;
  /** In bytes; `null` where the file as a whole is meant. */
  readonly position: number | null;
  readonly text: string;
  readonly repair: Repair;
  /** Bytes of the log that a repair, or a start, has to read for it. */
  readonly rebuildBytes: number;
}

export interface VerifyOptions {
  /** Unpacks every batch too, to see that its records are what its header says. */
  readonly withRecords?: boolean;
  /** Offsets below were synced; what does not check from there on is a torn tail. Default 0. */
  readonly recoveryPoint?: number;
}

/** What a folder was found to be. */
export interface Verified {
  readonly findings: readonly Finding[];
  /** Base offset of the first segment; 0 without any. */
  readonly startOffset: number;
  /** The offset after the last batch. */
  readonly endOffset: number;
  /** Size of all `.log` files. */
  readonly logBytes: number;
  /** Size of those from the one on that holds the recovery point: what a start reads after a crash. */
  readonly recoveryBytes: number;
}

/**
 * Checks the folder of one partition, reading only.
 *
 * @returns What is wrong; empty where all is well.
 * @throws {HostError} Where a file cannot be read.
 */
export function verifyPartition(
  disk: Disk,
  folder: string,
  options: VerifyOptions = {},
): Finding[] {
  return [...examinePartition(disk, folder, options).findings];
}

/** The same, and what else is known then. @throws {HostError} */
export function examinePartition(
  disk: Disk,
  folder: string,
  options: VerifyOptions = {},
): Verified {
  return new Verifier(disk, folder, options).run();
}

/** The batches of a segment. */
interface SeenSegment {
  readonly base: number;
  readonly sizeBytes: number;
  readonly batches: readonly SeenBatch[];
  /** Where its batches stop making sense; its size where they do not. */
  readonly endPosition: number;
  /** The offset after the last batch that does. */
  readonly endOffset: number;
}

class Verifier {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #withRecords: boolean;
  readonly #recoveryPoint: number;
  readonly #findings: Finding[] = [];
  readonly #names: readonly string[];
  readonly #segments: SeenSegment[] = [];
  /** Offset after the last batch so far. */
  #endOffset = 0;

  constructor(disk: Disk, folder: string, options: VerifyOptions) {
    this.#disk = disk;
    this.#folder = folder;
    this.#withRecords = options.withRecords ?? true;
    this.#recoveryPoint = options.recoveryPoint ?? 0;
    this.#names = disk.list(folder);
  }

  run(): Verified {
    const bases = this.#names.map((name) => parseFileOffset(name))
      .filter((base) => base !== null);
    for (const base of bases) {
      const segment = this.#verifyLog(base);
      this.#segments.push(segment);
      this.#verifyOffsetIndex(segment);
      this.#verifyTimeIndex(segment);
    }
    this.#verifyTransactionIndexes();
    this.#verifyEpochs();
    this.#verifySnapshots();
    this.#verifyNames(new Set(bases));
    const logBytes = this.#bytesFrom(0);
    return {
      findings: this.#findings,
      startOffset: bases[0] ?? 0,
      endOffset: this.#endOffset,
      logBytes,
      recoveryBytes: this.#bytesFrom(this.#recoveryPoint),
    };
  }

  #verifyLog(base: number): SeenSegment {
    const name = offsetName(base) + LOG_SUFFIX;
    if (base < this.#endOffset) {
      this.#findInLog(
        name,
        null,
        `starts before ${this.#endOffset}, where the segment before it ends`,
      );
    }
    this.#endOffset = base;
    const batches: SeenBatch[] = [];
    const file = this.#disk.open(`${this.#folder}/${name}`, "read");
    try {
      const sizeBytes = file.size();
      const scan = new BatchScan(file, {
        from: 0,
        to: sizeBytes,
        chunkBytes: WHOLE_CHUNK_BYTES,
      });
      let fault: { position: number; reason: string } | null = null;
      for (
        let batch = scan.next(true);
        batch !== null;
        batch = scan.next(true)
      ) {
        const { position } = batch;
        const bytes = scan.bytes(batch);
        if (bytes === null) {
          fault = { position, reason: "the file ends inside of a batch" };
          break;
        }
        this.#verifyBatch(name, batch, bytes);
        batches.push(seenBatch(batch, bytes));
        this.#endOffset = Math.max(this.#endOffset, batch.lastOffset + 1);
      }
      fault ??= scan.fault;
      if (fault !== null) this.#findInLog(name, fault.position, fault.reason);
      return {
        base,
        sizeBytes,
        batches,
        endPosition: fault?.position ?? sizeBytes,
        endOffset: this.#endOffset,
      };
    } finally {
      file.close();
    }
  }

  #verifyBatch(name: string, batch: BatchSummary, bytes: Uint8Array): void {
    const { position, baseOffset, lastOffset } = batch;
    const offsets = `offsets ${baseOffset} to ${lastOffset}`;
    if (!checksumIsValid(bytes, 0)) {
      this.#findInLog(name, position, `${offsets}: wrong checksum`);
      return;
    }
    if (baseOffset < this.#endOffset || lastOffset < baseOffset) {
      this.#findInLog(
        name,
        position,
        `${offsets} do not follow ${this.#endOffset - 1}`,
      );
    }
    if (!this.#withRecords) return;
    try {
      if (batch.magic === 2) decodeBatch(bytes, 0, { checkCrc: false });
      else recordsOfMessage(readMessage(bytes, 0));
    } catch (error) {
      if (!(error instanceof KafkaError || error instanceof CompressError)) {
        throw error;
      }
      // Its checksum is right: so it was sent, and no start would cut it.
      this.#find(name, position, `${offsets}: ${error.message}`, "none");
    }
  }

  #verifyOffsetIndex({ base, batches, endPosition }: SeenSegment): void {
    const byPosition = new Map(batches.map((batch) => [batch.position, batch]));
    let [lastOffset, lastPosition] = [-1, -1];
    this.#forRows(base, OFFSET_INDEX_SUFFIX, (name, row) => {
      if (row.kind !== "offsetIndex") return;
      const { offset, position } = row;
      const batch = byPosition.get(position);
      const entry = `entry ${offset} → ${position}`;
      if (offset <= lastOffset || position <= lastPosition) {
        this.#find(name, null, `${entry} does not rise`, "rebuild");
      } else if (batch === undefined) {
        // Of what is behind damage nothing is known.
        const isKnown = position < endPosition || this.#isWhole(base);
        if (isKnown) {
          this.#find(name, null, `${entry}: no batch starts there`, "rebuild");
        }
      } else if (batch.lastOffset > offset) {
        this.#find(
          name,
          null,
          `${entry}: the batch there ends at offset ${batch.lastOffset}`,
          "rebuild",
        );
      }
      [lastOffset, lastPosition] = [offset, position];
    });
  }

  #verifyTimeIndex({ base, batches, endOffset }: SeenSegment): void {
    // The largest timestamp up to each batch, by the batch's last offset.
    const largest = new Map<number, number>();
    let largestSoFar = NO_TIMESTAMP;
    for (const batch of batches) {
      largestSoFar = Math.max(largestSoFar, batch.maxTimestampMs);
      largest.set(batch.lastOffset, largestSoFar);
    }
    let [lastTimestamp, lastOffset] = [NO_TIMESTAMP, -1];
    this.#forRows(base, TIME_INDEX_SUFFIX, (name, row) => {
      if (row.kind !== "timeIndex") return;
      const { timestampMs, offset } = row;
      const entry = `entry ${timestampMs} → ${offset}`;
      const expected = largest.get(offset);
      if (timestampMs <= lastTimestamp || offset < lastOffset) {
        this.#find(name, null, `${entry} does not rise`, "rebuild");
      } else if (expected === undefined) {
        const isKnown = offset < endOffset || this.#isWhole(base);
        if (isKnown) {
          this.#find(name, null, `${entry}: no batch ends there`, "rebuild");
        }
      } else if (expected !== timestampMs) {
        this.#find(
          name,
          null,
          `${entry}: the largest timestamp up to there is ${expected}`,
          "rebuild",
        );
      }
      [lastTimestamp, lastOffset] = [timestampMs, offset];
    });
  }

  /** Each abort must be where a reader of committed records looks for it, and nothing else. */
  #verifyTransactionIndexes(): void {
    const aborts = abortsOf(this.#segments.flatMap(({ batches }) => batches));
    for (const { base, batches } of this.#segments) {
      const told = new Set<number>();
      const markers = new Map(
        batches.filter((batch) => batch.isAbort)
          .map((batch) => [batch.lastOffset, batch.producerId]),
      );
      this.#forRows(base, TRANSACTION_INDEX_SUFFIX, (name, row) => {
        if (row.kind !== "transactionIndex") return;
        const { producerId, firstOffset, lastOffset, lastStableOffset } = row;
        told.add(lastOffset);
        const abort = aborts.get(lastOffset);
        if (markers.get(lastOffset) !== producerId) {
          this.#find(
            name,
            null,
            `no abort of producer ${producerId} is at offset ${lastOffset}`,
            "rebuild",
          );
        } else if (lastStableOffset > lastOffset + 1) {
          this.#find(
            name,
            null,
            `all before ${lastStableOffset} is said to be decided by the abort at offset ${lastOffset}`,
            "rebuild",
          );
        } else if (
          abort !== undefined &&
          (firstOffset > abort.firstOffset ||
            firstOffset < abort.firstOffsetMin)
        ) {
          this.#find(
            name,
            null,
            `the transaction of producer ${producerId} that ends at offset ${lastOffset} begins at ${abort.firstOffset}, not at ${firstOffset}`,
            "rebuild",
          );
        }
      });
      for (const [lastOffset, producerId] of markers) {
        if (told.has(lastOffset) || !aborts.has(lastOffset)) continue;
        this.#find(
          offsetName(base) + TRANSACTION_INDEX_SUFFIX,
          null,
          `does not have the abort of producer ${producerId} at offset ${lastOffset}`,
          "rebuild",
        );
      }
    }
  }

  /** Batches say which epoch wrote them; the checkpoint must agree. */
  #verifyEpochs(): void {
    const batches = this.#segments.flatMap((segment) => segment.batches);
    const name = LEADER_EPOCH_CHECKPOINT;
    if (!this.#names.includes(name)) {
      const isNeeded = batches.some((each) => each.partitionLeaderEpoch >= 0);
      if (isNeeded) this.#find(name, null, "is missing", "rebuild");
      return;
    }
    const starts: { epoch: number; startOffset: number }[] = [];
    let isReadable = true;
    this.#forFile(name, (row) => {
      if (row.kind === "leaderEpoch") starts.push(row);
    }, () => isReadable = false);
    if (!isReadable) return;
    let next = 0;
    let epoch = -1;
    for (const batch of batches) {
      while (starts[next]?.startOffset <= batch.baseOffset) {
        epoch = starts[next++].epoch;
      }
      const isBeforeAll = next === 0;
      if (isBeforeAll || batch.partitionLeaderEpoch === epoch) continue;
      this.#find(
        name,
        null,
        `offset ${batch.baseOffset} is of epoch ${epoch}, its batch says ${batch.partitionLeaderEpoch}`,
        "rebuild",
      );
      return;
    }
  }

  /** What a start takes the producers' state from must be what they wrote. */
  #verifySnapshots(): void {
    const batches = this.#segments.flatMap((segment) => segment.batches);
    for (const name of this.#names) {
      const offset = parseFileOffset(name, SNAPSHOT_SUFFIX);
      if (offset === null) continue;
      const producers: ProducerRow[] = [];
      this.#forFile(name, (row) => {
        if (row.kind === "producer") producers.push(row);
      });
      if (offset > this.#endOffset) {
        this.#find(
          name,
          null,
          `is of offset ${offset}, the log ends at ${this.#endOffset}`,
          "rebuild",
        );
        continue;
      }
      const fault = snapshotFault(producers, batches, offset);
      if (fault !== null) this.#find(name, null, fault, "rebuild");
    }
  }

  #verifyNames(bases: ReadonlySet<number>): void {
    for (const name of this.#names) {
      if (name === LEADER_EPOCH_CHECKPOINT || name === RENEWED_LOG) continue;
      if (name === PARTITION_METADATA) {
        this.#forFile(name, () => {});
        continue;
      }
      if (parseFileOffset(name, SNAPSHOT_SUFFIX) !== null) continue;
      if (parseFileOffset(name) !== null) continue;
      const index = INDEX_SUFFIXES.map((suffix) =>
        parseFileOffset(name, suffix)
      ).find((base) => base !== null);
      if (index === undefined) {
        const isSwept = isLeftOver(name);
        this.#find(
          name,
          null,
          "is left over, or no file of a log",
          isSwept ? "remove" : "none",
        );
      } else if (!bases.has(index)) {
        this.#find(name, null, "has no .log beside it", "remove");
      }
    }
    for (const base of bases) {
      for (const suffix of [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX]) {
        const name = offsetName(base) + suffix;
        if (!this.#names.includes(name)) {
          this.#find(name, null, "is missing", "rebuild");
        }
      }
    }
  }

  /** Whether all of a segment's bytes are batches. */
  #isWhole(base: number): boolean {
    const segment = this.#segments.find((each) => each.base === base);
    return segment === undefined || segment.endPosition === segment.sizeBytes;
  }

  #forRows(
    base: number,
    suffix: string,
    take: (name: string, row: DumpRow) => void,
  ): void {
    const name = offsetName(base) + suffix;
    if (!this.#names.includes(name)) return;
    this.#forFile(name, (row) => take(name, row));
  }

  #forFile(
    name: string,
    take: (row: DumpRow) => void,
    onFault: () => void = () => {},
  ): void {
    const path = `${this.#folder}/${name}`;
    // The topic's id is nowhere in the log; a broker asks the cluster for it.
    const repair = name === PARTITION_METADATA ? "remove" : "rebuild";
    for (const row of dumpFile(this.#disk, path, { withRecords: false })) {
      if (row.kind !== "fault") take(row);
      else {
        this.#find(name, row.position, row.reason, repair);
        onFault();
      }
    }
  }

  /** In a `.log`: a tail that was never synced may be cut. */
  #findInLog(name: string, position: number | null, text: string): void {
    const isTail = this.#endOffset >= this.#recoveryPoint;
    this.#find(name, position, text, isTail ? "cut" : "none");
  }

  #find(
    name: string,
    position: number | null,
    text: string,
    repair: Repair,
  ): void {
    this.#findings.push({
      path: `${this.#folder}/${name}`,
      position,
      text,
      repair,
      rebuildBytes: repair === "rebuild" ? this.#bytesToRebuild(name) : 0,
    });
  }

  /** An index is made from its segment, all else from the whole log. */
  #bytesToRebuild(name: string): number {
    const base = INDEX_SUFFIXES.map((suffix) => parseFileOffset(name, suffix))
      .find((each) => each !== null);
    return base === undefined
      ? this.#bytesFrom(0)
      : this.#segments.find((each) => each.base === base)?.sizeBytes ?? 0;
  }

  /** Size of the segments from the one on that holds an offset. */
  #bytesFrom(offset: number): number {
    const first = this.#segments.findLastIndex(({ base }) => base <= offset);
    return this.#segments.slice(Math.max(0, first))
      .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }
}
