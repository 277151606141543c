// Logs so small that every start reads them whole, after a clean stop as well:
// to read one costs no more than to read what else is in its folder.
//
// Of such a log nothing but the `.log` is believed, so a clean stop need not
// wait for the disk to have its indexes, its leader epochs and its producers.
// A broker with thousands of small partitions stops in a fraction of the time.

import type { SegmentList } from "./segment_list.ts";

/** Above it, a clean start trusts what is beside the log. */
export const SMALL_LOG_BYTES = 128 * 1024;

/** Whether a start reads all of a log. */
export function isSmall(segments: SegmentList): boolean {
  return segments.count === 1 && segments.active.sizeBytes <= SMALL_LOG_BYTES;
}
