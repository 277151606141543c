// Deletes the segments of one log that no rule keeps any longer: one step, after
// which they are gone for readers. Their files go later (`segment_removals.ts`).

import { KafkaError } from "../wire/kafka/errors.ts";
import type { LogStorage } from "./log_storage.ts";
import {
  countDeletable,
  newestMs,
  type RetainedLog,
  type RetentionRule,
  type RetentionTime,
  rulesOf,
} from "./retention_rules.ts";
import type { Segment } from "./segment.ts";

/** Segments that went by a rule. */
export interface DeletedSegments {
  readonly rule: RetentionRule;
  readonly count: number;
  /** Of their records; indexes are not counted. */
  readonly sizeBytes: number;
  readonly firstOffset: number;
  /** Exclusive. */
  readonly endOffset: number;
  /** When the newest record in them was made, milliseconds since 1970 UTC. */
  readonly newestMs: number;
}

/** What is asked of the log's files, and done to them. */
type OldSegmentsStorage = Pick<
  LogStorage,
  "roll" | "modifiedMs" | "maintenance"
>;

/** Moves the start of the log, where it is earlier, and deletes the segments before it. */
type MoveStart = (offset: number) => void;

/**
 * Applies all rules of a log, unless another maintenance is under way, or paused.
 *
 * @param nowMs Milliseconds since 1970 UTC.
 * @returns What went by each rule that had something to do.
 * @throws {KafkaError} KAFKA_STORAGE_ERROR where the disk failed.
 */
export function deleteOldSegments(
  log: RetainedLog,
  storage: OldSegmentsStorage,
  nowMs: number,
  moveStart: MoveStart,
): DeletedSegments[] {
  const { maintenance } = storage;
  const run = maintenance.start();
  if (run === null) return [];
  const modifiedMs = (segment: Segment) => storage.modifiedMs(segment);
  const time = { nowMs, modifiedMs };
  try {
    return rulesOf(log.config)
      .map((rule) => {
        let count = countDeletable(log, rule, time);
        if (count === log.segments.count) {
          count = makeRoomForLast(count, storage);
        }
        if (count === 0) return null;
        const deleted = describe(rule, log, count, time);
        moveStart(deleted.endOffset);
        return deleted;
      })
      .filter((deleted) => deleted !== null);
  } finally {
    maintenance.end(run);
  }
}

function describe(
  rule: RetentionRule,
  { segments }: RetainedLog,
  count: number,
  { modifiedMs }: RetentionTime,
): DeletedSegments {
  const gone = segments.all().slice(0, count);
  return {
    rule,
    count,
    sizeBytes: gone.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    firstOffset: gone[0].baseOffset,
    endOffset: segments.at(count)!.baseOffset,
    newestMs: gone.reduce(
      (latest, segment) => Math.max(latest, newestMs(segment, modifiedMs)),
      -1,
    ),
  };
}

/** Where the active segment is to go as well, another takes its place first. @returns How many may go. */
function makeRoomForLast(
  count: number,
  storage: OldSegmentsStorage,
): number {
  try {
    storage.roll();
    return count;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    // On a full disk all the others may still go; a failed one refuses the next step.
    return count - 1;
  }
}
