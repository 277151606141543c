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
import type { DumpRow } from "./dump_rows.ts";
import { parseFileOffset } from "./partition_files.ts";
import { PARTITION_METADATA } from "./partition_metadata.ts";
import { LEADER_EPOCH_CHECKPOINT } from "./partition_state_files.ts";
import {
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  offsetName,
  SNAPSHOT_SUFFIX,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "./segment.ts";
import { NO_TIMESTAMP } from "./time_index.ts";

/** Something that is not as it must be. */
export interface Finding {
  readonly path: string;
  /** In bytes; `null` where the file as a whole is meant. */
  readonly position: number | null;
  readonly text: string;
}

export interface VerifyOptions {
  /** Unpacks every batch too, to see that its records are what its header says. */
  readonly withRecords?: boolean;
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
  return new Verifier(disk, folder, options).run();
}

/** A batch, as the files beside the log speak of it. */
interface SeenBatch {
  readonly position: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  readonly partitionLeaderEpoch: number;
  /** Of an abort marker, the producer; else -1. */
  readonly abortedProducerId: number;
}

class Verifier {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #withRecords: boolean;
  readonly #findings: Finding[] = [];
  readonly #names: readonly string[];
  /** Offset after the last batch so far. */
  #endOffset = 0;

  constructor(disk: Disk, folder: string, options: VerifyOptions) {
    this.#disk = disk;
    this.#folder = folder;
    this.#withRecords = options.withRecords ?? true;
    this.#names = disk.list(folder);
  }

  run(): Finding[] {
    const bases = this.#names.map((name) => parseFileOffset(name))
      .filter((base) => base !== null);
    const all: SeenBatch[] = [];
    for (const base of bases) {
      const seen = this.#verifyLog(base);
      this.#verifyOffsetIndex(base, seen);
      this.#verifyTimeIndex(base, seen);
      this.#verifyTransactionIndex(base, seen);
      for (const batch of seen) all.push(batch);
    }
    this.#verifyEpochs(all);
    this.#verifyNames(new Set(bases));
    return this.#findings;
  }

  #verifyLog(base: number): SeenBatch[] {
    const name = offsetName(base) + LOG_SUFFIX;
    if (base < this.#endOffset) {
      this.#find(
        name,
        null,
        `starts before ${this.#endOffset}, where the segment before it ends`,
      );
    }
    this.#endOffset = base;
    const seen: SeenBatch[] = [];
    const file = this.#disk.open(`${this.#folder}/${name}`, "read");
    try {
      const to = file.size();
      const scan = new BatchScan(file, {
        from: 0,
        to,
        chunkBytes: WHOLE_CHUNK_BYTES,
      });
      for (
        let batch = scan.next(true);
        batch !== null;
        batch = scan.next(true)
      ) {
        const bytes = scan.bytes(batch);
        if (bytes === null) break;
        this.#verifyBatch(name, batch, bytes);
        const isAbort = batch.marker?.isCommit === false;
        seen.push({
          position: batch.position,
          baseOffset: batch.baseOffset,
          lastOffset: batch.lastOffset,
          maxTimestampMs: batch.maxTimestampMs,
          partitionLeaderEpoch: batch.partitionLeaderEpoch,
          abortedProducerId: isAbort ? batch.producerId : -1,
        });
        this.#endOffset = Math.max(this.#endOffset, batch.lastOffset + 1);
      }
      if (scan.fault !== null) {
        this.#find(name, scan.fault.position, scan.fault.reason);
      }
    } finally {
      file.close();
    }
    return seen;
  }

  #verifyBatch(name: string, batch: BatchSummary, bytes: Uint8Array): void {
    const { position, baseOffset, lastOffset } = batch;
    const offsets = `offsets ${baseOffset} to ${lastOffset}`;
    if (!checksumIsValid(bytes, 0)) {
      this.#find(name, position, `${offsets}: wrong checksum`);
      return;
    }
    if (baseOffset < this.#endOffset || lastOffset < baseOffset) {
      this.#find(
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
      this.#find(name, position, `${offsets}: ${error.message}`);
    }
  }

  #verifyOffsetIndex(base: number, seen: readonly SeenBatch[]): void {
    const byPosition = new Map(seen.map((batch) => [batch.position, batch]));
    let [lastOffset, lastPosition] = [-1, -1];
    this.#forRows(base, OFFSET_INDEX_SUFFIX, (name, row) => {
      if (row.kind !== "offsetIndex") return;
      const { offset, position } = row;
      const batch = byPosition.get(position);
      const entry = `entry ${offset} → ${position}`;
      if (offset <= lastOffset || position <= lastPosition) {
        this.#find(name, null, `${entry} does not rise`);
      } else if (batch === undefined) {
        this.#find(name, null, `${entry}: no batch starts there`);
      } else if (batch.lastOffset > offset) {
        this.#find(
          name,
          null,
          `${entry}: the batch there ends at offset ${batch.lastOffset}`,
        );
      }
      [lastOffset, lastPosition] = [offset, position];
    });
  }

  #verifyTimeIndex(base: number, seen: readonly SeenBatch[]): void {
    // The largest timestamp up to each batch, by the batch's last offset.
    const largest = new Map<number, number>();
    let largestSoFar = NO_TIMESTAMP;
    for (const batch of seen) {
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
        this.#find(name, null, `${entry} does not rise`);
      } else if (expected === undefined) {
        this.#find(name, null, `${entry}: no batch ends there`);
      } else if (expected !== timestampMs) {
        this.#find(
          name,
          null,
          `${entry}: the largest timestamp up to there is ${expected}`,
        );
      }
      [lastTimestamp, lastOffset] = [timestampMs, offset];
    });
  }

  #verifyTransactionIndex(base: number, seen: readonly SeenBatch[]): void {
    const aborts = new Map(
      seen.filter((batch) => batch.abortedProducerId >= 0)
        .map((batch) => [batch.lastOffset, batch.abortedProducerId]),
    );
    this.#forRows(base, TRANSACTION_INDEX_SUFFIX, (name, row) => {
      if (row.kind !== "transactionIndex") return;
      if (aborts.get(row.lastOffset) === row.producerId) return;
      this.#find(
        name,
        null,
        `no abort of producer ${row.producerId} is at offset ${row.lastOffset}`,
      );
    });
  }

  /** Batches say which epoch wrote them; the checkpoint must agree. */
  #verifyEpochs(seen: readonly SeenBatch[]): void {
    if (!this.#names.includes(LEADER_EPOCH_CHECKPOINT)) return;
    const starts: { epoch: number; startOffset: number }[] = [];
    this.#forFile(LEADER_EPOCH_CHECKPOINT, (row) => {
      if (row.kind === "leaderEpoch") starts.push(row);
    });
    let next = 0;
    let epoch = -1;
    for (const batch of seen) {
      while (starts[next]?.startOffset <= batch.baseOffset) {
        epoch = starts[next++].epoch;
      }
      const isBeforeAll = next === 0;
      if (isBeforeAll || batch.partitionLeaderEpoch === epoch) continue;
      this.#find(
        LEADER_EPOCH_CHECKPOINT,
        null,
        `offset ${batch.baseOffset} is of epoch ${epoch}, its batch says ${batch.partitionLeaderEpoch}`,
      );
      return;
    }
  }

  #verifyNames(bases: ReadonlySet<number>): void {
    for (const name of this.#names) {
      if (name === LEADER_EPOCH_CHECKPOINT) continue;
      if (name === PARTITION_METADATA || name.endsWith(SNAPSHOT_SUFFIX)) {
        this.#forFile(name, () => {});
        continue;
      }
      if (parseFileOffset(name) !== null) continue;
      const index = [
        OFFSET_INDEX_SUFFIX,
        TIME_INDEX_SUFFIX,
        TRANSACTION_INDEX_SUFFIX,
      ].map((suffix) => parseFileOffset(name, suffix))
        .find((base) => base !== null);
      if (index === undefined) {
        this.#find(name, null, "is left over, or no file of a log");
      } else if (!bases.has(index)) {
        this.#find(name, null, "has no .log beside it");
      }
    }
    for (const base of bases) {
      for (const suffix of [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX]) {
        const name = offsetName(base) + suffix;
        if (!this.#names.includes(name)) this.#find(name, null, "is missing");
      }
    }
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

  #forFile(name: string, take: (row: DumpRow) => void): void {
    const path = `${this.#folder}/${name}`;
    for (const row of dumpFile(this.#disk, path, { withRecords: false })) {
      if (row.kind === "fault") this.#find(name, row.position, row.reason);
      else take(row);
    }
  }

  #find(name: string, position: number | null, text: string): void {
    this.#findings.push({ path: `${this.#folder}/${name}`, position, text });
  }
}
