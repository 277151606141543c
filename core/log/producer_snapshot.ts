// `<offset>.snapshot`: the producers of a partition up to an offset, so that a
// start need not read the whole log to know them.
//
//   version: int16 = 1
//   crc: uint32           CRC-32C of all that follows
//   count: int32
//   entry, 46 bytes each:
//     producerId: int64   producerEpoch: int16
//     lastSequence: int32 lastOffset: int64   offsetDelta: int32
//     timestamp: int64    coordinatorEpoch: int32
//     currentTxnFirstOffset: int64            -1 where none is open
//
// Only the last batch of a producer is kept here (a running log knows five).
// Big endian. Source: observed in testdata/log/kafka-data.tar.gz, tx-0.

import { crc32c } from "../base/crc32c.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";

const VERSION = 1;
const HEADER_BYTES = 10;
const ENTRY_BYTES = 46;
const CRC_POSITION = 2;
const CRC_START = 6;

/** One producer, as a snapshot keeps it. */
export interface ProducerSnapshotEntry {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** -1 where no batch is known. */
  readonly lastSequence: number;
  /** -1 where no batch is known. */
  readonly lastOffset: number;
  /** Last offset minus first offset of the last batch. */
  readonly offsetDelta: number;
  readonly timestampMs: number;
  /** -1 where no transaction marker was seen. */
  readonly coordinatorEpoch: number;
  /** -1 where no transaction is open. */
  readonly currentTxnFirstOffset: number;
}

export function encodeProducerSnapshot(
  entries: readonly ProducerSnapshotEntry[],
): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + entries.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, VERSION);
  view.setInt32(CRC_START, entries.length);
  let at = HEADER_BYTES;
  for (const entry of entries) {
    view.setBigInt64(at, BigInt(entry.producerId));
    view.setInt16(at + 8, entry.producerEpoch);
    view.setInt32(at + 10, entry.lastSequence);
    view.setBigInt64(at + 14, BigInt(entry.lastOffset));
    view.setInt32(at + 22, entry.offsetDelta);
    view.setBigInt64(at + 26, BigInt(entry.timestampMs));
    view.setInt32(at + 34, entry.coordinatorEpoch);
    view.setBigInt64(at + 38, BigInt(entry.currentTxnFirstOffset));
    at += ENTRY_BYTES;
  }
  view.setUint32(CRC_POSITION, crc32c(bytes, 0, CRC_START));
  return bytes;
}

/**
 * The entries of a snapshot.
 *
 * @param path Named in the error only.
 * @throws {CorruptFileError} Where version, size or checksum is wrong.
 */
export function decodeProducerSnapshot(
  path: string,
  bytes: Uint8Array,
): ProducerSnapshotEntry[] {
  if (bytes.length < HEADER_BYTES) {
    throw new CorruptFileError(path, `has ${bytes.length} bytes, need 10`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const version = view.getInt16(0);
  if (version !== VERSION) {
    throw new CorruptFileError(path, `version is ${version}, need ${VERSION}`);
  }
  const count = view.getInt32(CRC_START);
  if (count < 0 || bytes.length !== HEADER_BYTES + count * ENTRY_BYTES) {
    throw new CorruptFileError(
      path,
      `has ${bytes.length} bytes for ${count} producers`,
    );
  }
  if (view.getUint32(CRC_POSITION) !== crc32c(bytes, 0, CRC_START)) {
    throw new CorruptFileError(path, "checksum does not match");
  }
  const entries: ProducerSnapshotEntry[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; at += ENTRY_BYTES) {
    entries.push({
      producerId: Number(view.getBigInt64(at)),
      producerEpoch: view.getInt16(at + 8),
      lastSequence: view.getInt32(at + 10),
      lastOffset: Number(view.getBigInt64(at + 14)),
      offsetDelta: view.getInt32(at + 22),
      timestampMs: Number(view.getBigInt64(at + 26)),
      coordinatorEpoch: view.getInt32(at + 34),
      currentTxnFirstOffset: Number(view.getBigInt64(at + 38)),
    });
  }
  return entries;
}
