// Checkers of order: what a reader is given follows its position, and what a
// producer is told follows its sends.

import type { Report } from "./history_checks.ts";
import { type HistoryIndex, placeKey } from "./history_index.ts";

/** Within a session a reader never goes back, and passes nothing by: poll order, poll skip. */
export function checkPolls(index: HistoryIndex, report: Report): void {
  const lasts = new Map<string, number>();
  for (const poll of index.polls) {
    const key = placeKey(poll);
    const session = `${poll.process} ${poll.session} ${key}`;
    let last = lasts.get(session) ?? -1;
    for (const offset of poll.offsets) {
      const who = `${poll.process} (${poll.session}) in ${key}`;
      if (last >= 0 && offset <= last) {
        report("poll order", `${who}: ${offset} after ${last}`);
      } else if (last >= 0) {
        const skipped = index.requiredWithin(key, last + 1, offset);
        if (skipped >= 0) {
          report(
            "poll skip",
            `${who}: ${offset} after ${last}, not ${skipped}`,
          );
        }
      }
      last = offset;
    }
    lasts.set(session, last);
  }
}

/** Sends of one process to one partition are acknowledged in rising offsets. */
export function checkSendOrder(index: HistoryIndex, report: Report): void {
  const lasts = new Map<string, number>();
  for (const send of index.sends) {
    const key = `${send.process} ${placeKey(send)}`;
    for (const offset of send.offsets) {
      const last = lasts.get(key) ?? -1;
      if (offset <= last) {
        report("send order", `${key}: ${offset} after ${last}`);
      }
      lasts.set(key, offset);
    }
  }
}
