// Says what is in the files of a log, whoever wrote them. Files are opened for
// reading only, so a log in use may be looked at.

import { readInt32, readInt64, readUint32 } from "../base/big_endian.ts";
import { compressionById, type CompressionName } from "../compress/codecs.ts";
import { CompressError } from "../compress/compress_error.ts";
import type { Disk, File } from "../host/host.ts";
import { batchCompressionId, readBatchHeader } from "../record/batch_header.ts";
import { readMessage, recordsOfMessage } from "../record/message_set.ts";
import { decodeBatch, type Record } from "../record/record_batch.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { BatchScan, WHOLE_CHUNK_BYTES } from "./batch_scan.ts";
import {
  type BatchSummary,
  checksumIsValid,
  markerOf,
} from "./batch_summary.ts";
import { parseCheckpoint, parseNumber } from "./checkpoint_file.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import type { BatchRow, DumpRow, RecordRow } from "./dump_rows.ts";
import { LeaderEpochs } from "./leader_epochs.ts";
import { OFFSET_ENTRY_BYTES } from "./offset_index.ts";
import { parseFileOffset } from "./partition_files.ts";
import {
  parsePartitionMetadata,
  PARTITION_METADATA,
} from "./partition_metadata.ts";
import { LEADER_EPOCH_CHECKPOINT } from "./partition_state_files.ts";
import { sequenceAfter } from "./producer_entry.ts";
import { decodeProducerSnapshot } from "./producer_snapshot.ts";
import { readWhole } from "./replace_file.ts";
import {
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  SNAPSHOT_SUFFIX,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "./segment.ts";
import { TIME_ENTRY_BYTES } from "./time_index.ts";
import { decodeTransactionIndex } from "./transaction_index.ts";

/** Of magic 0 and 1, whose attributes are one byte. */
const MESSAGE_ATTRIBUTES_POSITION = 17;

/** How much to say. */
export interface DumpOptions {
  /** Gives the records of each batch too. */
  readonly withRecords: boolean;
  /** Leaves out batches that end before this offset, and records below it. */
  readonly fromOffset?: number;
  /** Most bytes that one compressed batch may inflate to. */
  readonly maxDecompressedBytes?: number;
}

/** Whether `dumpFile` can say what is in a file of this name. */
export function canDump(path: string): boolean {
  return dumperOf(path) !== null;
}

/** The files of a partition's folder that can be dumped, sorted. */
export function dumpableFiles(disk: Disk, folder: string): string[] {
  return disk.list(folder).filter(canDump).map((name) => `${folder}/${name}`);
}

/**
 * What is in a file, by the kind that its name says.
 *
 * @throws {HostError} Where it cannot be read.
 * @throws {CorruptFileError} Where its name is of no kind.
 */
export function dumpFile(
  disk: Disk,
  path: string,
  options: DumpOptions,
): Iterable<DumpRow> {
  const dumper = dumperOf(path);
  if (dumper === null) {
    throw new CorruptFileError(
      path,
      "its name is none of a log's: .log, .index, .timeindex, .txnindex, .snapshot, a checkpoint or partition.metadata",
    );
  }
  return dumper(disk, path, options);
}

type Dumper = (
  disk: Disk,
  path: string,
  options: DumpOptions,
) => Iterable<DumpRow>;

function dumperOf(path: string): Dumper | null {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (name === LEADER_EPOCH_CHECKPOINT) return dumpLeaderEpochs;
  if (name === PARTITION_METADATA) return dumpPartitionMetadata;
  if (name.endsWith("-checkpoint")) return dumpOffsetCheckpoint;
  for (const [suffix, dumper] of DUMPERS) {
    if (parseFileOffset(name, suffix) !== null) return dumper;
  }
  return null;
}

const DUMPERS: readonly (readonly [suffix: string, dumper: Dumper])[] = [
  [LOG_SUFFIX, dumpLog],
  [OFFSET_INDEX_SUFFIX, dumpOffsetIndex],
  [TIME_INDEX_SUFFIX, dumpTimeIndex],
  [TRANSACTION_INDEX_SUFFIX, dumpTransactionIndex],
  [SNAPSHOT_SUFFIX, dumpSnapshot],
];

function* dumpLog(
  disk: Disk,
  path: string,
  options: DumpOptions,
): Iterable<DumpRow> {
  const { fromOffset = 0 } = options;
  const file: File = disk.open(path, "read");
  try {
    const scan = new BatchScan(file, {
      from: 0,
      to: file.size(),
      chunkBytes: WHOLE_CHUNK_BYTES,
    });
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      if (batch.lastOffset < fromOffset) continue;
      const bytes = scan.bytes(batch);
      if (bytes === null) break;
      yield* dumpBatch(batch, bytes, options);
    }
    if (scan.fault !== null) yield { kind: "fault", ...scan.fault };
  } finally {
    file.close();
  }
}

function* dumpBatch(
  batch: BatchSummary,
  bytes: Uint8Array,
  options: DumpOptions,
): Iterable<DumpRow> {
  const row = batch.magic === 2
    ? batchRow(batch, bytes)
    : messageRow(batch, bytes);
  yield row;
  if (!options.withRecords || !row.isValid) return;
  let records: readonly Record[];
  try {
    records = readRecords(batch, bytes, options);
  } catch (error) {
    if (!(error instanceof KafkaError || error instanceof CompressError)) {
      throw error;
    }
    yield { kind: "fault", position: batch.position, reason: error.message };
    return;
  }
  for (const record of records) {
    if (record.offset >= (options.fromOffset ?? 0)) {
      yield recordRow(record, batch, row);
    }
  }
}

function readRecords(
  batch: BatchSummary,
  bytes: Uint8Array,
  { maxDecompressedBytes }: DumpOptions,
): readonly Record[] {
  return batch.magic === 2
    ? decodeBatch(bytes, 0, { checkCrc: false, maxDecompressedBytes })
    : recordsOfMessage(readMessage(bytes, 0), maxDecompressedBytes);
}

function batchRow(batch: BatchSummary, bytes: Uint8Array): BatchRow {
  const header = readBatchHeader(bytes);
  return {
    kind: "batch",
    position: batch.position,
    sizeBytes: batch.sizeBytes,
    magic: batch.magic,
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    recordCount: header.recordCount,
    baseSequence: batch.baseSequence,
    lastSequence: batch.baseSequence < 0
      ? -1
      : sequenceAfter(batch.baseSequence, header.lastOffsetDelta),
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    deleteHorizonMs: header.deleteHorizonMs,
    timestampType: header.timestampType,
    maxTimestampMs: batch.maxTimestampMs,
    compression: compressionName(batchCompressionId(bytes)),
    crc: header.crc,
    isValid: checksumIsValid(bytes, 0),
  };
}

function messageRow(batch: BatchSummary, bytes: Uint8Array): BatchRow {
  const attributes = bytes[MESSAGE_ATTRIBUTES_POSITION];
  return {
    kind: "batch",
    position: batch.position,
    sizeBytes: batch.sizeBytes,
    magic: batch.magic,
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    recordCount: 1,
    baseSequence: -1,
    lastSequence: -1,
    producerId: -1,
    producerEpoch: -1,
    partitionLeaderEpoch: -1,
    isTransactional: false,
    isControl: false,
    deleteHorizonMs: null,
    timestampType: batch.magic === 0
      ? "NoTimestamp"
      : (attributes & 0x08) !== 0
      ? "LogAppendTime"
      : "CreateTime",
    maxTimestampMs: batch.maxTimestampMs,
    compression: compressionName(attributes & 0x07),
    crc: readUint32(bytes, 12),
    isValid: checksumIsValid(bytes, 0),
  };
}

function compressionName(id: number): CompressionName | "unknown" {
  return compressionById(id)?.name ?? "unknown";
}

function recordRow(
  record: Record,
  batch: BatchSummary,
  row: BatchRow,
): RecordRow {
  const marker = batch.isControl ? markerOf(record) : null;
  return {
    kind: "record",
    ...record,
    sequence: row.baseSequence < 0
      ? -1
      : sequenceAfter(row.baseSequence, record.offset - row.baseOffset),
    marker,
  };
}

function* dumpOffsetIndex(disk: Disk, path: string): Iterable<DumpRow> {
  yield* entries(disk, path, OFFSET_INDEX_SUFFIX, OFFSET_ENTRY_BYTES, {
    offsetAt: 0,
    row: (bytes, at, offset) => ({
      kind: "offsetIndex",
      offset,
      position: readInt32(bytes, at + 4),
    }),
  });
}

function* dumpTimeIndex(disk: Disk, path: string): Iterable<DumpRow> {
  yield* entries(disk, path, TIME_INDEX_SUFFIX, TIME_ENTRY_BYTES, {
    offsetAt: 8,
    row: (bytes, at, offset) => ({
      kind: "timeIndex",
      timestampMs: readInt64(bytes, at),
      offset,
    }),
  });
}

/** Entries with a relative offset, up to the zeroes of a preallocated file. */
function* entries(
  disk: Disk,
  path: string,
  suffix: string,
  entryBytes: number,
  format: {
    readonly offsetAt: number;
    readonly row: (bytes: Uint8Array, at: number, offset: number) => DumpRow;
  },
): Iterable<DumpRow> {
  const baseOffset = parseFileOffset(
    path.slice(path.lastIndexOf("/") + 1),
    suffix,
  )!;
  const bytes = readWhole(disk, path) ?? new Uint8Array(0);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  // An entry may end with zeroes of its own.
  end = Math.min(Math.ceil(end / entryBytes) * entryBytes, bytes.length);
  for (let at = 0; at + entryBytes <= end; at += entryBytes) {
    yield format.row(
      bytes,
      at,
      baseOffset + readInt32(bytes, at + format.offsetAt),
    );
  }
  if (bytes.length % entryBytes !== 0) {
    yield {
      kind: "fault",
      position: bytes.length - bytes.length % entryBytes,
      reason: `${bytes.length % entryBytes} bytes are no entry`,
    };
  }
}

function* dumpTransactionIndex(disk: Disk, path: string): Iterable<DumpRow> {
  yield* orFault(function* () {
    const bytes = readWhole(disk, path) ?? new Uint8Array(0);
    for (const entry of decodeTransactionIndex(path, bytes)) {
      yield { kind: "transactionIndex", ...entry };
    }
  });
}

function* dumpSnapshot(disk: Disk, path: string): Iterable<DumpRow> {
  yield* orFault(function* () {
    const bytes = readWhole(disk, path) ?? new Uint8Array(0);
    for (const entry of decodeProducerSnapshot(path, bytes)) {
      yield { kind: "producer", ...entry };
    }
  });
}

function* dumpLeaderEpochs(disk: Disk, path: string): Iterable<DumpRow> {
  yield* orFault(function* () {
    const bytes = readWhole(disk, path) ?? new Uint8Array(0);
    for (const entry of LeaderEpochs.parse(path, bytes).entries) {
      yield { kind: "leaderEpoch", ...entry };
    }
  });
}

function* dumpOffsetCheckpoint(disk: Disk, path: string): Iterable<DumpRow> {
  yield* orFault(function* () {
    const bytes = readWhole(disk, path) ?? new Uint8Array(0);
    for (const [topic, partition, offset] of parseCheckpoint(path, bytes, 3)) {
      yield {
        kind: "checkpoint",
        topic,
        partition: parseNumber(path, partition),
        offset: parseNumber(path, offset),
      };
    }
  });
}

function* dumpPartitionMetadata(disk: Disk, path: string): Iterable<DumpRow> {
  yield* orFault(function* () {
    const bytes = readWhole(disk, path) ?? new Uint8Array(0);
    yield {
      kind: "partitionMetadata",
      topicId: parsePartitionMetadata(path, bytes),
    };
  });
}

/** What makes no sense becomes a row. */
function* orFault(rows: () => Iterable<DumpRow>): Iterable<DumpRow> {
  try {
    yield* rows();
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
    yield { kind: "fault", position: null, reason: error.reason };
  }
}
