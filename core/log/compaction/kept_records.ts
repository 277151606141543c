// Finds which records of a batch of magic 2 stay, without making any: their keys
// are looked up where they lie, and what stays is a list of byte ranges.

import {
  VarintCursor,
  varlongSize,
  writeVarint,
  writeVarlong,
} from "../../base/varint.ts";
import type { OffsetMap } from "./offset_map.ts";

/** What a walk depends on. */
export interface KeptWalk {
  /** The records, inflated. */
  readonly content: Uint8Array;
  readonly recordCount: number;
  readonly baseOffset: number;
  /** Keys' last offsets; `null` keeps all records. */
  readonly map: OffsetMap | null;
  /** Whether records without a value stay. */
  readonly keepsTombstones: boolean;
}

/** The records of one batch that stay. */
export class KeptRecords {
  count = 0;
  /** Bytes of them. */
  sizeBytes = 0;
  hasTombstones = false;
  maxTimestampDelta = -Infinity;
  /** Records without a key, which no map can tell apart. */
  invalidCount = 0;
  #content: Uint8Array = EMPTY;
  /** Start and end of each run of neighbours. */
  #runs = new Int32Array(64);
  #runCount = 0;

  /**
   * Walks over the records of a batch.
   *
   * @returns False where they are damaged.
   */
  find(walk: KeptWalk): boolean {
    const { content, baseOffset, map } = walk;
    this.#content = content;
    this.count =
      this.sizeBytes =
      this.invalidCount =
      this.#runCount =
        0;
    this.hasTombstones = false;
    this.maxTimestampDelta = -Infinity;
    const cursor = new VarintCursor(content);
    for (let i = walk.recordCount; i > 0; i--) {
      const start = cursor.position;
      const bodySize = cursor.varint();
      const end = cursor.position + bodySize;
      cursor.skip(1);
      const timestampDelta = cursor.varlong();
      const offset = baseOffset + cursor.varint();
      const keySize = cursor.varint();
      const keyStart = cursor.position;
      if (keySize > 0) cursor.skip(keySize);
      const hasValue = cursor.varint() >= 0;
      if (cursor.failed || bodySize < 0 || end > cursor.end) return false;
      if (cursor.position > end) return false;
      cursor.position = end;
      if (map !== null && offset <= map.latestOffset) {
        if (keySize < 0) {
          this.invalidCount++;
          continue;
        }
        if (!hasValue && !walk.keepsTombstones) continue;
        const keyEnd = keyStart + keySize;
        if (map.supersedes(content, keyStart, keyEnd, offset)) continue;
      }
      if (!hasValue) this.hasTombstones = true;
      if (timestampDelta > this.maxTimestampDelta) {
        this.maxTimestampDelta = timestampDelta;
      }
      this.#keep(start, end);
    }
    return cursor.position === cursor.end;
  }

  /** The records that stay. */
  copy(): Uint8Array {
    const target = new Uint8Array(this.sizeBytes);
    this.copyInto(target, 0);
    return target;
  }

  /** Copies the records that stay to a position. */
  copyInto(target: Uint8Array, position: number): void {
    for (let i = 0; i < this.#runCount; i++) {
      const start = this.#runs[2 * i];
      const end = this.#runs[2 * i + 1];
      target.set(this.#content.subarray(start, end), position);
      position += end - start;
    }
  }

  /**
   * The records that stay, with other timestamps.
   *
   * @param timestampDelta The new delta of an old one.
   */
  withTimestamps(timestampDelta: (old: number) => number): Uint8Array {
    const content = this.#content;
    // Nine bytes more for the delta, one for the length.
    const target = new Uint8Array(this.sizeBytes + this.count * 10);
    let position = 0;
    for (let i = 0; i < this.#runCount; i++) {
      const cursor = new VarintCursor(
        content,
        this.#runs[2 * i],
        this.#runs[2 * i + 1],
      );
      while (cursor.position < cursor.end) {
        const bodySize = cursor.varint();
        const bodyStart = cursor.position;
        cursor.skip(1);
        const old = cursor.varlong();
        const oldSize = cursor.position - bodyStart - 1;
        const delta = timestampDelta(old);
        const end = bodyStart + bodySize;
        const newSize = bodySize - oldSize + varlongSize(delta);
        position = writeVarint(target, position, newSize);
        target[position++] = content[bodyStart];
        position = writeVarlong(target, position, delta);
        target.set(content.subarray(cursor.position, end), position);
        position += end - cursor.position;
        cursor.position = end;
      }
    }
    return target.subarray(0, position);
  }

  #keep(start: number, end: number): void {
    this.count++;
    this.sizeBytes += end - start;
    const last = 2 * this.#runCount - 1;
    if (last > 0 && this.#runs[last] === start) {
      this.#runs[last] = end;
      return;
    }
    if (2 * this.#runCount === this.#runs.length) {
      const larger = new Int32Array(this.#runs.length * 2);
      larger.set(this.#runs);
      this.#runs = larger;
    }
    this.#runs[2 * this.#runCount] = start;
    this.#runs[2 * this.#runCount + 1] = end;
    this.#runCount++;
  }
}

const EMPTY = new Uint8Array(0);
