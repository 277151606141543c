// What the log must know of a batch: one shape for all formats, from the header
// alone, and of a control batch what it says.
//
// In messages of magic 0 and 1 the offset of a compressed set is that of its
// last message, and the first one's is not known without unpacking; both are
// taken to be the last here.

import { readInt64, readUint32 } from "../base/big_endian.ts";
import { crc32 } from "../base/crc32.ts";
import {
  BATCH_HEADER_BYTES,
  batchCrcIsValid,
  batchMagic,
  batchSize,
  NO_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  readBatchHeader,
} from "../record/batch_header.ts";
import { readEndTransactionMarker } from "../record/control_record.ts";
import { decodeBatch, type Record } from "../record/record_batch.ts";
import type { ProducerBatch, TransactionMarker } from "./producer_state.ts";

/** Bytes of a header that name size and magic, in all formats. */
export const BATCH_PREFIX_BYTES = 17;

const MESSAGE_CRC_POSITION = 12;
const MESSAGE_CRC_START = 16;
const MESSAGE_TIMESTAMP_POSITION = 18;
/** Smallest whole batch, by magic. */
const SIZE_MIN = [26, 34, BATCH_HEADER_BYTES] as const;

/** A batch in a log, or about to be. */
export interface BatchSummary extends ProducerBatch {
  /** Where it starts: a byte of what it was read from. */
  readonly position: number;
  readonly sizeBytes: number;
  readonly magic: number;
  /** -1 where it has none. */
  readonly partitionLeaderEpoch: number;
  readonly isControl: boolean;
}

/**
 * Judges the start of what should be a batch.
 *
 * @param availableBytes Bytes from here to the end, of which at least
 * `BATCH_PREFIX_BYTES` are in `bytes`.
 * @returns Why it cannot be one; `null` where it may.
 */
export function prefixFault(
  bytes: Uint8Array,
  at: number,
  availableBytes: number,
): string | null {
  const magic = batchMagic(bytes, at);
  if (magic < 0 || magic > 2) return `magic is ${magic}, need 0 to 2`;
  const sizeBytes = batchSize(bytes, at);
  if (sizeBytes < SIZE_MIN[magic]) {
    return `size is ${sizeBytes} bytes, need at least ${SIZE_MIN[magic]}`;
  }
  if (sizeBytes > availableBytes) {
    return `size is ${sizeBytes} bytes, where ${availableBytes} are left`;
  }
  return null;
}

/** Bytes of the header that `summarize` reads. */
export function summaryBytes(magic: number): number {
  return SIZE_MIN[magic];
}

/**
 * Reads the header of a batch that `prefixFault` has passed.
 *
 * @param position What to report as its place.
 * @param whole True where all of the batch is in `bytes`: then a control
 * batch is read too.
 */
export function summarize(
  bytes: Uint8Array,
  at: number,
  position: number,
  whole: boolean,
): BatchSummary {
  const magic = batchMagic(bytes, at);
  if (magic < 2) return summarizeMessage(bytes, at, position, magic);
  const header = readBatchHeader(bytes, at);
  return {
    position,
    sizeBytes: header.sizeBytes,
    magic,
    partitionLeaderEpoch: header.partitionLeaderEpoch,
    baseOffset: header.baseOffset,
    lastOffset: header.lastOffset,
    maxTimestampMs: header.maxTimestampMs,
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    isTransactional: header.isTransactional,
    isControl: header.isControl,
    marker: whole && header.isControl ? readMarker(bytes, at) : null,
  };
}

/** What a whole control batch says of a transaction; `null` where it says something else. */
export function readMarker(
  bytes: Uint8Array,
  at: number,
): TransactionMarker | null {
  const [record] = decodeBatch(bytes, at, { checkCrc: false });
  return record === undefined ? null : markerOf(record);
}

/** What a record of a control batch says of a transaction; `null` where it says something else. */
export function markerOf(record: Record): TransactionMarker | null {
  const marker = readEndTransactionMarker(record);
  return marker === null ? null : {
    isCommit: marker.type === "commit",
    coordinatorEpoch: marker.coordinatorEpoch,
  };
}

/** Whether a whole batch of any format has the checksum of its bytes. */
export function checksumIsValid(bytes: Uint8Array, at: number): boolean {
  if (batchMagic(bytes, at) === 2) return batchCrcIsValid(bytes, at);
  const body = bytes.subarray(
    at + MESSAGE_CRC_START,
    at + batchSize(bytes, at),
  );
  return readUint32(bytes, at + MESSAGE_CRC_POSITION) === crc32(body);
}

function summarizeMessage(
  bytes: Uint8Array,
  at: number,
  position: number,
  magic: number,
): BatchSummary {
  const offset = readInt64(bytes, at);
  return {
    position,
    sizeBytes: batchSize(bytes, at),
    magic,
    partitionLeaderEpoch: NO_LEADER_EPOCH,
    baseOffset: offset,
    lastOffset: offset,
    maxTimestampMs: magic === 0
      ? NO_TIMESTAMP
      : readInt64(bytes, at + MESSAGE_TIMESTAMP_POSITION),
    producerId: NO_PRODUCER_ID,
    producerEpoch: NO_PRODUCER_EPOCH,
    baseSequence: NO_SEQUENCE,
    isTransactional: false,
    isControl: false,
    marker: null,
  };
}
