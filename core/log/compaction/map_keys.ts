// First half of a run: reads the dirty part of a log and notes, for every key,
// the offset of its last record.
//
// The checksum of each batch is verified here, before anything is dropped on the
// word of its keys.

import { VarintCursor } from "../../base/varint.ts";
import {
  BATCH_HEADER_BYTES,
  batchAttributes,
  batchRecordCount,
} from "../../record/batch_header.ts";
import { readControlRecordType } from "../../record/control_record.ts";
import {
  DECOMPRESSED_BYTES_MAX,
  decompressRecords,
} from "../../record/decompress.ts";
import { readMessage, recordsOfMessage } from "../../record/message_set.ts";
import { decodeBatch } from "../../record/record_batch.ts";
import {
  type BatchSummary,
  checksumIsValid,
  summarize,
} from "../batch_summary.ts";
import type { Segment } from "../segment.ts";
import type { BatchReader } from "./batch_reader.ts";
import type { CleanedTransactions } from "./cleaned_transactions.ts";
import type { OffsetMap } from "./offset_map.ts";

/** What is read, and with what. */
export interface KeyMapping {
  /** The segments that hold the range, in order. */
  readonly segments: readonly Segment[];
  readonly firstOffset: number;
  /** Exclusive: the base offset of the segment after the last one. */
  readonly endOffset: number;
  readonly reader: BatchReader;
  readonly transactions: CleanedTransactions;
  readonly map: OffsetMap;
}

/**
 * Fills the map, up to its capacity or the end: `map.latestOffset` tells how far
 * it came. Yields after each batch.
 *
 * @throws {CorruptFileError} Where a batch is damaged.
 * @throws {KafkaError} Where compressed records are.
 */
export function* mapKeys(mapping: KeyMapping): Generator<void> {
  const { segments, map } = mapping;
  for (let i = 0; i < segments.length; i++) {
    const isFull = yield* mapSegment(segments[i], mapping);
    if (isFull) return;
    // Offsets may be missing at a segment's end.
    map.latestOffset = (segments[i + 1]?.baseOffset ?? mapping.endOffset) - 1;
  }
}

/** @returns Whether the map is full. */
function* mapSegment(
  segment: Segment,
  mapping: KeyMapping,
): Generator<void, boolean> {
  const { reader, transactions, map, firstOffset } = mapping;
  reader.open(segment, segment.offsetIndex.floorPosition(firstOffset));
  while (reader.next()) {
    const { bytes, start } = reader;
    const batch = summarize(bytes, start, 0, false);
    if (batch.lastOffset >= firstOffset) {
      if (!checksumIsValid(bytes, start)) throw reader.fault("wrong checksum");
      if (!mapBatch(reader, batch, mapping)) return true;
      map.latestOffset = batch.lastOffset;
    } else if (batch.isControl) {
      transactions.hasOutlived(batch, controlTypeOf(bytes, start));
    } else transactions.meetsAborted(batch);
    yield;
  }
  return false;
}

/** @returns False where the map took not all of it. */
function mapBatch(
  reader: BatchReader,
  batch: BatchSummary,
  mapping: KeyMapping,
): boolean {
  const { bytes, start } = reader;
  if (batch.isControl) {
    mapping.transactions.hasOutlived(batch, controlTypeOf(bytes, start));
    return true;
  }
  if (mapping.transactions.meetsAborted(batch)) return true;
  return batch.magic === 2
    ? mapRecords(reader, batch, mapping)
    : mapMessage(reader, mapping);
}

function mapRecords(
  reader: BatchReader,
  { baseOffset }: BatchSummary,
  { map, firstOffset }: KeyMapping,
): boolean {
  const { bytes, start, end } = reader;
  const attributes = batchAttributes(bytes, start);
  const records = bytes.subarray(start + BATCH_HEADER_BYTES, end);
  const content = decompressRecords(
    attributes,
    records,
    DECOMPRESSED_BYTES_MAX,
  );
  const cursor = new VarintCursor(content);
  for (let i = batchRecordCount(bytes, start); i > 0; i--) {
    const bodySize = cursor.varint();
    const bodyEnd = cursor.position + bodySize;
    cursor.skip(1);
    cursor.varlong();
    const offset = baseOffset + cursor.varint();
    const keySize = cursor.varint();
    const keyEnd = cursor.position + keySize;
    if (cursor.failed || bodySize < 0 || bodyEnd > cursor.end) {
      throw reader.fault("its records are damaged");
    }
    if (keySize >= 0 && offset >= firstOffset) {
      if (keyEnd > bodyEnd) throw reader.fault("its records are damaged");
      if (map.isFull) return false;
      map.put(content, cursor.position, keyEnd, offset);
    }
    cursor.position = bodyEnd;
  }
  return true;
}

function mapMessage(
  reader: BatchReader,
  { map, firstOffset }: KeyMapping,
): boolean {
  const message = readMessage(
    reader.bytes.subarray(0, reader.end),
    reader.start,
  );
  for (const { key, offset } of recordsOfMessage(message)) {
    if (key === null || offset < firstOffset) continue;
    if (map.isFull) return false;
    map.put(key, 0, key.length, offset);
  }
  return true;
}

/** What a control batch says; `null` for one that was emptied. */
export function controlTypeOf(bytes: Uint8Array, start: number) {
  if (batchRecordCount(bytes, start) === 0) return null;
  const [record] = decodeBatch(bytes, start, { checkCrc: false });
  return record === undefined
    ? null
    : readControlRecordType(record.key) ?? "other";
}
