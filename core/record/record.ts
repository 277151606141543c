// One record inside a batch of magic 2.
//
//   length: varint             bytes after this field
//   attributes: int8           unused
//   timestampDelta: varlong    from the batch's baseTimestamp
//   offsetDelta: varint        from the batch's baseOffset
//   key: varint size (-1 null), bytes
//   value: varint size (-1 null), bytes
//   headers: varint count; each: varint size, UTF-8 key; varint size (-1 null), bytes
//
// Source: Kafka documentation, "Record".

import { decodeUtf8Lossy, encodeUtf8 } from "../base/bytes.ts";
import {
  type VarintCursor,
  varintSize,
  varlongSize,
  writeVarint,
  writeVarlong,
} from "../base/varint.ts";

/** A named value beside key and value; names may repeat. */
export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** A record as it is read. Byte arrays are views of the batch; copy to keep. */
export interface Record {
  readonly offset: number;
  /** Milliseconds since 1970 UTC; -1 in messages of magic 0, which have none. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** A record to be written. */
export interface RecordInput {
  /** The next one after the record before, where it is left out. */
  readonly offset?: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
}

/** A batch's record without headers shares this list. */
export const NO_HEADERS: readonly RecordHeader[] = [];

/** What of a record depends on its batch. */
export interface RecordDeltas {
  readonly timestampDelta: number;
  readonly offsetDelta: number;
}

/** Header keys as UTF-8, so that they are encoded once for size and bytes. */
export function encodeHeaderKeys(
  headers: readonly RecordHeader[] | undefined,
): readonly Uint8Array[] {
  return headers === undefined || headers.length === 0
    ? NO_KEYS
    : headers.map((header) => encodeUtf8(header.key));
}
const NO_KEYS: readonly Uint8Array[] = [];

function bytesFieldSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length;
}

/** Size of a record without its length field. */
export function recordBodySize(
  record: RecordInput,
  deltas: RecordDeltas,
  headerKeys: readonly Uint8Array[],
): number {
  const headers = record.headers ?? NO_HEADERS;
  let size = 1 + varlongSize(deltas.timestampDelta) +
    varintSize(deltas.offsetDelta) + bytesFieldSize(record.key) +
    bytesFieldSize(record.value) + varintSize(headers.length);
  for (let i = 0; i < headers.length; i++) {
    size += bytesFieldSize(headerKeys[i]) + bytesFieldSize(headers[i].value);
  }
  return size;
}

function writeBytesField(
  target: Uint8Array,
  position: number,
  bytes: Uint8Array | null,
): number {
  if (bytes === null) {
    target[position] = 1; // -1 in zigzag
    return position + 1;
  }
  position = writeVarint(target, position, bytes.length);
  target.set(bytes, position);
  return position + bytes.length;
}

/**
 * Writes a record with its length field.
 *
 * @param bodySize What `recordBodySize` gave for the same record.
 * @returns The position after it.
 */
export function writeRecord(
  target: Uint8Array,
  position: number,
  record: RecordInput,
  encoding: {
    readonly deltas: RecordDeltas;
    readonly headerKeys: readonly Uint8Array[];
    readonly bodySize: number;
  },
): number {
  const { deltas, headerKeys } = encoding;
  const headers = record.headers ?? NO_HEADERS;
  position = writeVarint(target, position, encoding.bodySize);
  target[position++] = 0;
  position = writeVarlong(target, position, deltas.timestampDelta);
  position = writeVarint(target, position, deltas.offsetDelta);
  position = writeBytesField(target, position, record.key);
  position = writeBytesField(target, position, record.value);
  position = writeVarint(target, position, headers.length);
  for (let i = 0; i < headers.length; i++) {
    position = writeBytesField(target, position, headerKeys[i]);
    position = writeBytesField(target, position, headers[i].value);
  }
  return position;
}

/** What a batch adds to the deltas of its records. */
export interface RecordBase {
  readonly baseOffset: number;
  readonly baseTimestampMs: number;
  /** Replaces every record's own timestamp; `null` under CreateTime. */
  readonly logAppendTimeMs: number | null;
}

function readBytesField(cursor: VarintCursor): Uint8Array | null {
  const size = cursor.varint();
  if (size === -1) return null;
  const start = cursor.position;
  cursor.skip(size);
  return cursor.failed ? null : cursor.bytes.subarray(start, start + size);
}

/** Reads the record at the cursor; `null` where its bytes are not a record. */
export function readRecord(
  cursor: VarintCursor,
  base: RecordBase,
): Record | null {
  const bodySize = cursor.varint();
  const bodyStart = cursor.position;
  cursor.skip(1);
  const timestampDelta = cursor.varlong();
  const offsetDelta = cursor.varint();
  const key = readBytesField(cursor);
  const value = readBytesField(cursor);
  const headerCount = cursor.varint();
  // A header takes at least two bytes.
  if (
    cursor.failed || headerCount < 0 ||
    headerCount * 2 > cursor.end - cursor.position
  ) return null;
  let headers = NO_HEADERS;
  if (headerCount > 0) {
    const list: RecordHeader[] = [];
    for (let i = 0; i < headerCount; i++) {
      const headerKey = readBytesField(cursor);
      const headerValue = readBytesField(cursor);
      if (cursor.failed || headerKey === null) return null;
      list.push({ key: decodeUtf8Lossy(headerKey), value: headerValue });
    }
    headers = list;
  }
  if (cursor.position - bodyStart !== bodySize) return null;
  return {
    offset: base.baseOffset + offsetDelta,
    timestampMs: base.logAppendTimeMs ?? base.baseTimestampMs + timestampDelta,
    key,
    value,
    headers,
  };
}
