// Which segments a run of the cleaner makes one of: neighbours that together fit
// the limits of a single one, so that segments do not get ever smaller.

import { OFFSET_ENTRY_BYTES, RELATIVE_OFFSET_MAX } from "../offset_index.ts";
import type { Segment } from "../segment.ts";
import { TIME_ENTRY_BYTES } from "../time_index.ts";

/** What one segment may hold. */
export interface GroupLimits {
  readonly "segment.bytes": number;
  readonly "segment.index.bytes": number;
}

/**
 * Groups neighbouring segments.
 *
 * @param segments In order.
 * @param endOffset Exclusive end of the last one.
 */
export function groupSegments(
  segments: readonly Segment[],
  limits: GroupLimits,
  endOffset: number,
): Segment[][] {
  const groups: Segment[][] = [];
  const indexMax = limits["segment.index.bytes"];
  let group: Segment[] = [];
  let sizeBytes = 0;
  let offsetIndexBytes = 0;
  let timeIndexBytes = 0;
  segments.forEach((segment, i) => {
    const lastOffset = (segments[i + 1]?.baseOffset ?? endOffset) - 1;
    sizeBytes += segment.sizeBytes;
    offsetIndexBytes += segment.offsetIndex.count * OFFSET_ENTRY_BYTES;
    timeIndexBytes += segment.timeIndex.count * TIME_ENTRY_BYTES;
    const fits = group.length > 0 && sizeBytes <= limits["segment.bytes"] &&
      offsetIndexBytes <= indexMax && timeIndexBytes <= indexMax &&
      // An empty one never counts beyond what the others do.
      (segment.sizeBytes === 0 ||
        lastOffset - group[0].baseOffset <= RELATIVE_OFFSET_MAX);
    if (fits) {
      group.push(segment);
      return;
    }
    groups.push(group = [segment]);
    sizeBytes = segment.sizeBytes;
    offsetIndexBytes = segment.offsetIndex.count * OFFSET_ENTRY_BYTES;
    timeIndexBytes = segment.timeIndex.count * TIME_ENTRY_BYTES;
  });
  return groups;
}
