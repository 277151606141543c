// What is known of the compaction of one log, since the broker started.

import type { CleanProgress, CleanResult } from "./clean_log.ts";

/** A run, or several that together did what somebody asked for. */
export interface CompactionRun {
  /** Milliseconds since 1970 UTC. */
  readonly endedMs: number;
  readonly elapsedMs: number;
  /** Of the segments that were cleaned. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly recordsBefore: number;
  readonly recordsAfter: number;
}

/** How the compaction of a log stands. */
export interface CompactionState {
  readonly isRunning: boolean;
  /** Of the run under way; `null` before its first turn is over. */
  readonly progress: CleanProgress | null;
  readonly lastRun: CompactionRun | null;
  /** Why it is set aside; `null` where it is not. */
  readonly uncleanableReason: string | null;
  /** A request that waits, or is served; 0 for none. */
  readonly openRequestId: number;
  /** The last request that has ended; 0 for none. */
  readonly endedRequestId: number;
  /** Why that did not do what it should; `null` where it did. */
  readonly requestError: Error | null;
}

/** The same, for whom it belongs to. */
export class LogCompaction implements CompactionState {
  isRunning = false;
  progress: CleanProgress | null = null;
  lastRun: CompactionRun | null = null;
  uncleanableReason: string | null = null;
  endedRequestId = 0;
  requestError: Error | null = null;
  /** A request that waits; 0 for none. */
  queuedRequestId = 0;
  /** A request that is served; 0 for none. */
  servedRequestId = 0;
  /** On the monotonic clock: no run by itself before. */
  restsUntilMs = -Infinity;

  get openRequestId(): number {
    return this.servedRequestId || this.queuedRequestId;
  }
}

/** What several runs over one log did together, the last of which saw all of it. */
export function runOf(
  results: readonly CleanResult[],
  endedMs: number,
): CompactionRun | null {
  const last = results.at(-1);
  if (last === undefined) return null;
  const run = {
    endedMs,
    elapsedMs: 0,
    bytesBefore: last.bytesAfter,
    bytesAfter: last.bytesAfter,
    recordsBefore: last.recordsAfter,
    recordsAfter: last.recordsAfter,
  };
  for (const result of results) {
    run.elapsedMs += result.elapsedMs;
    run.bytesBefore += result.bytesBefore - result.bytesAfter;
    run.recordsBefore += result.recordsBefore - result.recordsAfter;
  }
  return run;
}
