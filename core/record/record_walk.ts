// A walk over the records of a batch that makes nothing: it checks that their
// sizes, deltas and headers are in order, and finds what the leader must know
// (range of timestamps, missing keys).

import { VarintCursor } from "../base/varint.ts";

/** What a walk found; `problem` is `null` where all records are in order. */
export interface RecordWalk {
  /** What is wrong with the first bad record. */
  readonly problem: string | null;
  /** Index of the first bad record, else the number of records. */
  readonly problemIndex: number;
  /** 0 where there is no record. */
  readonly firstTimestampDelta: number;
  readonly minTimestampDelta: number;
  readonly maxTimestampDelta: number;
  /** Index of the first record without a key; -1 where all have one. */
  readonly firstIndexWithoutKey: number;
}

/**
 * Walks over `recordCount` records, which must fill `content` exactly and have
 * the offset deltas 0, 1, 2 …
 *
 * @param content Records of magic 2, inflated.
 */
export function walkRecords(
  content: Uint8Array,
  recordCount: number,
): RecordWalk {
  const cursor = new VarintCursor(content);
  let firstTimestampDelta = 0;
  let minTimestampDelta = Infinity;
  let maxTimestampDelta = -Infinity;
  let firstIndexWithoutKey = -1;
  let problem: string | null = null;
  let index = 0;
  for (; index < recordCount; index++) {
    const bodySize = cursor.varint();
    const bodyEnd = cursor.position + bodySize;
    if (cursor.failed || bodySize < 0 || bodyEnd > cursor.end) {
      problem = cursor.position >= cursor.end
        ? "is missing"
        : `has a length of ${bodySize} bytes, past the end of the batch`;
      break;
    }
    cursor.skip(1);
    const timestampDelta = cursor.varlong();
    if (index === 0) firstTimestampDelta = timestampDelta;
    if (timestampDelta < minTimestampDelta) minTimestampDelta = timestampDelta;
    if (timestampDelta > maxTimestampDelta) maxTimestampDelta = timestampDelta;
    if (cursor.varint() !== index && !cursor.failed) {
      problem = "does not have the next offset";
      break;
    }
    const keySize = cursor.varint();
    if (keySize === -1) {
      if (firstIndexWithoutKey < 0) firstIndexWithoutKey = index;
    } else cursor.skip(keySize);
    const valueSize = cursor.varint();
    if (valueSize !== -1) cursor.skip(valueSize);
    const headerCount = cursor.varint();
    if (headerCount !== 0) {
      problem = walkHeaders(cursor, headerCount);
      if (problem !== null) break;
    }
    if (cursor.failed || cursor.position !== bodyEnd) {
      problem = "has fields that do not fit its length";
      break;
    }
  }
  if (problem === null && cursor.position !== cursor.end) {
    problem = `is the last, but ${cursor.end - cursor.position} bytes follow`;
  }
  return {
    problem,
    problemIndex: index,
    firstTimestampDelta,
    minTimestampDelta,
    maxTimestampDelta,
    firstIndexWithoutKey,
  };
}

function walkHeaders(cursor: VarintCursor, headerCount: number): string | null {
  // Each header takes two bytes at least, so a longer count cannot be true.
  if (headerCount < 0 || headerCount * 2 > cursor.end - cursor.position) {
    return `declares ${headerCount} headers`;
  }
  for (let i = 0; i < headerCount && !cursor.failed; i++) {
    const keySize = cursor.varint();
    if (keySize < 0) return "has a header without a key";
    cursor.skip(keySize);
    const valueSize = cursor.varint();
    if (valueSize !== -1) cursor.skip(valueSize);
  }
  return null;
}
