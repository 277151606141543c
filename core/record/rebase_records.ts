// Records of magic 2 whose timestamps are to count from another base: all else
// stays byte by byte, and no record becomes an object, whatever their number.

import {
  VarintCursor,
  varintSize,
  varlongSize,
  writeVarint,
  writeVarlong,
} from "../base/varint.ts";

/** One record's fields up to its timestamp, and where the rest lies. */
interface Prefix {
  readonly attributes: number;
  readonly timestampDelta: number;
  readonly restStart: number;
  readonly restEnd: number;
}

function nextPrefix(cursor: VarintCursor): Prefix {
  const bodySize = cursor.varint();
  const restEnd = cursor.position + bodySize;
  const attributes = cursor.bytes[cursor.position];
  cursor.skip(1);
  const timestampDelta = cursor.varlong();
  const restStart = cursor.position;
  cursor.position = restEnd;
  return { attributes, timestampDelta, restStart, restEnd };
}

function bodySizeOf(record: Prefix, timestampDelta: number): number {
  return 1 + varlongSize(timestampDelta) + record.restEnd - record.restStart;
}

/**
 * The same records with other timestamp deltas.
 *
 * @param content `recordCount` records, inflated, that `walkRecords` found in order.
 * @param deltaOf What a record's delta becomes.
 */
export function rebaseRecords(
  content: Uint8Array,
  recordCount: number,
  deltaOf: (timestampDelta: number) => number,
): Uint8Array {
  const measured = new VarintCursor(content);
  let sizeBytes = 0;
  for (let i = 0; i < recordCount; i++) {
    const record = nextPrefix(measured);
    const bodySize = bodySizeOf(record, deltaOf(record.timestampDelta));
    sizeBytes += varintSize(bodySize) + bodySize;
  }
  const rebased = new Uint8Array(sizeBytes);
  const cursor = new VarintCursor(content);
  let position = 0;
  for (let i = 0; i < recordCount; i++) {
    const record = nextPrefix(cursor);
    const delta = deltaOf(record.timestampDelta);
    position = writeVarint(rebased, position, bodySizeOf(record, delta));
    rebased[position++] = record.attributes;
    position = writeVarlong(rebased, position, delta);
    rebased.set(content.subarray(record.restStart, record.restEnd), position);
    position += record.restEnd - record.restStart;
  }
  return rebased;
}
