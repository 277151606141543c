// Looks through all logs, now and then, for segments that nothing keeps any longer.
//
//   log.retention.check.interval.ms   logs that are not compacted
//   log.cleaner.backoff.ms            compacted ones, for what lies before their
//                                     start, or with cleanup.policy=compact,delete
//                                     is too old or too much; not where
//                                     log.cleaner.enable=false
//   at once                           logs of which one of these keys has changed
//
// It works in turns of a few milliseconds, between which everybody else has theirs.
//
// Source: Kafka documentation, "Broker Configs".

import { type Clock, sleep } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { DeletedSegments } from "./old_segments.ts";
import type { PartitionLog } from "./partition_log.ts";

/** Whose logs, and who is told. */
export interface RetentionOptions {
  readonly clock: Clock;
  /** All logs, as they are when a check begins. */
  readonly logs: () => Iterable<PartitionLog>;
  /** Told of each deletion, in one line. */
  readonly report: (text: string) => void;
}

/** Which logs a check is of. */
export type RetentionGroup = "plain" | "compacted";

/** The checks of one broker. */
export class Retention {
  /** Since the start of the broker. */
  deletedSegments = 0;
  /** Since the start of the broker; indexes are not counted. */
  deletedBytes = 0;
  readonly #options: RetentionOptions;
  readonly #due = new Set<PartitionLog>();
  #isStopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** A check that is under way ends. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Looks through one group of logs, and deletes what may go. */
  async check(group: RetentionGroup): Promise<void> {
    const logs = [...this.#options.logs()].filter((log) => {
      const isCompacted = log.config["cleanup.policy"].includes("compact");
      return isCompacted === (group === "compacted");
    });
    await this.#checkAll(logs);
  }

  /** Looks through a log in a moment, as its configuration has changed. */
  checkSoon(log: PartitionLog): void {
    if (this.#due.size === 0) {
      this.#options.clock.after(0, () => {
        const due = [...this.#due];
        this.#due.clear();
        void this.#checkAll(due);
      });
    }
    this.#due.add(log);
  }

  async #checkAll(logs: readonly PartitionLog[]): Promise<void> {
    const { clock } = this.#options;
    let turnStartMs = clock.monotonicMs();
    for (const log of logs) {
      if (this.#isStopped) return;
      const countBefore = this.deletedSegments;
      this.#checkLog(log);
      // What follows from a deletion (flushes, renames) has its turn as well.
      const isOver = this.deletedSegments > countBefore ||
        clock.monotonicMs() - turnStartMs >= TURN_MS;
      if (!isOver) continue;
      await sleep(clock, 0);
      turnStartMs = clock.monotonicMs();
    }
  }

  #checkLog(log: PartitionLog): void {
    // It may have been deleted meanwhile, or its directory have failed.
    if (log.isDeleted || !log.isOnline) return;
    const { clock, report } = this.#options;
    try {
      for (const deleted of log.deleteOldSegments(clock.wallMs())) {
        this.deletedSegments += deleted.count;
        this.deletedBytes += deleted.sizeBytes;
        report(describeDeletion(log, deleted, clock.wallMs()));
      }
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      report(`Cannot delete old segments of ${log.name}: ${error.message}`);
    }
  }
}

/** One line for the broker's log: what went, and why. */
export function describeDeletion(
  log: PartitionLog,
  deleted: DeletedSegments,
  nowMs: number,
): string {
  const { count, firstOffset, endOffset, sizeBytes } = deleted;
  const segments = count === 1 ? "1 segment" : `${count} segments`;
  const offsets = `offsets ${firstOffset} to ${endOffset - 1}`;
  return `Deleted ${segments} of ${log.name} (${offsets}, ${sizeBytes} bytes): ${
    reasonOf(log, deleted, nowMs)
  }; it starts at ${log.logStartOffset} now`;
}

function reasonOf(
  { config }: PartitionLog,
  { rule, newestMs }: DeletedSegments,
  nowMs: number,
): string {
  switch (rule) {
    case "start":
      return "all of it was before the start of the log";
    case "size":
      return `the log was larger than retention.bytes=${
        config["retention.bytes"]
      }`;
    case "time":
      return `its newest record is ${
        nowMs - newestMs
      } ms old, above retention.ms=${config["retention.ms"]}`;
  }
}

/** How long logs are looked through in one piece. */
const TURN_MS = 4;
