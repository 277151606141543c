// Which log the cleaner takes next: one whose records have waited for longer than
// `max.compaction.lag.ms`, the longest first; else the dirtiest of those that
// exceed their `min.cleanable.dirty.ratio`.
//
// Source: Kafka documentation, "Log Compaction"; KIP-354. Kafka takes the
// dirtiest among all of them, so that a log that is overdue and not very dirty
// may wait for as long as others get dirty again.

import { type Clock, sleep } from "../../host/host.ts";
import { KafkaError } from "../../wire/kafka/errors.ts";
import type { PartitionLog } from "../partition_log.ts";
import type { DirtyRange } from "./dirty_range.ts";

/** A log that is to be cleaned, and what of it. */
export interface DueLog {
  readonly log: PartitionLog;
  readonly range: DirtyRange;
}

/** What a look at all logs has found. */
export interface Look {
  /** The most urgent first. */
  readonly due: readonly DueLog[];
  /** The largest dirty part of any log, due or not. */
  readonly maxDirtyRatio: number;
}

/** How logs are looked at. */
export interface LookOptions {
  readonly clock: Clock;
  /** False for those that are left alone for now. */
  readonly isWanted: (log: PartitionLog) => boolean;
  /** Told of a log whose files make no sense. */
  readonly onDamaged: (log: PartitionLog, error: Error) => void;
}

/** Whether a log is to be compacted at all. */
export function isCompacted(log: PartitionLog): boolean {
  return log.config["cleanup.policy"].includes("compact");
}

/** Looks at all logs, a few milliseconds at a time. */
export async function lookForDirt(
  logs: Iterable<PartitionLog>,
  { clock, isWanted, onDamaged }: LookOptions,
): Promise<Look> {
  const due: DueLog[] = [];
  let maxDirtyRatio = 0;
  let turnEndMs = clock.monotonicMs() + TURN_MS;
  for (const log of logs) {
    // The active segment is never cleaned: where it is the only one, nothing is.
    if (!isCompacted(log) || log.segments.count < 2 || !isWanted(log)) continue;
    try {
      const range = log.dirtyRange(clock.wallMs());
      maxDirtyRatio = Math.max(maxDirtyRatio, range.dirtyRatio);
      if (range.isDue) due.push({ log, range });
    } catch (error) {
      if (!isStorageError(error)) onDamaged(log, error as Error);
    }
    if (clock.monotonicMs() < turnEndMs) continue;
    await sleep(clock, 0);
    turnEndMs = clock.monotonicMs() + TURN_MS;
  }
  return { due: due.sort(byUrgency), maxDirtyRatio };
}

/** Whether a disk failed or is full, or the log has gone: no fault of what is in it. */
export function isStorageError(error: unknown): boolean {
  return error instanceof KafkaError &&
    (error.errorName === "KAFKA_STORAGE_ERROR" ||
      error.errorName === "NOT_LEADER_OR_FOLLOWER");
}

function byUrgency({ range: a }: DueLog, { range: b }: DueLog): number {
  return b.overdueMs - a.overdueMs || b.dirtyRatio - a.dirtyRatio;
}

const TURN_MS = 3;
