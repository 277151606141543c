// The segments of a log, in order of their base offsets.

import { assert } from "../base/assert.ts";
import type { Segment } from "./segment.ts";

/** Segments in ascending order; the last one is active. */
export class SegmentList {
  readonly #segments: Segment[] = [];

  get count(): number {
    return this.#segments.length;
  }

  get first(): Segment {
    return this.#segments[0];
  }

  /** The one that is appended to. */
  get active(): Segment {
    return this.#segments[this.#segments.length - 1];
  }

  at(index: number): Segment | undefined {
    return this.#segments[index];
  }

  all(): readonly Segment[] {
    return this.#segments;
  }

  /** The place of the last segment that starts at or before an offset; -1 where all start after it. */
  floorIndex(offset: number): number {
    const segments = this.#segments;
    let low = 0;
    let high = segments.length;
    // Most look-ups are near the end of the log.
    if (high > 0 && segments[high - 1].baseOffset <= offset) return high - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (segments[middle].baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Where a segment ends: the next one's base offset. */
  endOffset(index: number, logEndOffset: number): number {
    return this.#segments[index + 1]?.baseOffset ?? logEndOffset;
  }

  push(segment: Segment): void {
    assert(
      this.count === 0 || this.active.baseOffset < segment.baseOffset,
      `Segment ${segment.baseOffset} is not after the last one`,
    );
    this.#segments.push(segment);
  }

  /** Puts one segment in the place of `count` neighbours. */
  replace(index: number, count: number, segment: Segment): void {
    assert(
      this.at(index)?.baseOffset === segment.baseOffset,
      `Segment ${segment.baseOffset} cannot take the place of others`,
    );
    this.#segments.splice(index, count, segment);
  }

  /** Takes `count` segments away from the front. */
  removeFirst(count: number): Segment[] {
    return this.#segments.splice(0, count);
  }

  /** Takes all segments from a place on away. */
  removeFrom(index: number): Segment[] {
    return this.#segments.splice(index);
  }
}
