// `consume --group`: reads as a member of a group, and commits what was printed.
//
// At least once: an offset is committed after the record before it has been
// written to standard output, whatever ends the command.

import type { CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import type { OffsetExpression } from "../core/cli/offset_expression.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import { Admin } from "../core/client/admin.ts";
import type { RecordChunk } from "../core/client/consumer.ts";
import {
  createGroupConsumer,
  type GroupConsumer,
  type OffsetToCommit,
} from "../core/client/group_consumer.ts";
import type { IsolationLevel } from "../core/client/list_offsets.ts";
import { partitionKey, type TopicPartition } from "../core/client/metadata.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";
import { resolveOffsets } from "./_offsets.ts";
import type { RecordPrinter } from "./_record_printer.ts";
import { storedOffsets } from "./_stored_offsets.ts";

export interface GroupReading {
  readonly config: Map<string, string>;
  readonly printer: RecordPrinter;
  /** Where to begin in partitions without a committed offset. */
  readonly from: OffsetExpression;
  readonly to: OffsetExpression | null;
  /** Stops at the end as it is now. */
  readonly untilEnd: boolean;
  readonly isolationLevel: IsolationLevel;
  readonly countMax: number;
  readonly idleMs: number;
  /** Reads these very partitions, without joining. */
  readonly isByHand: boolean;
  /** Takes in topics that come later too; `null` where topics are named. */
  readonly pattern: RegExp | null;
  readonly choose: (admin: Admin) => Promise<TopicPartition[]>;
}

const POLL_MS = 1000;
/** How soon it is seen that all has been read, where there is an end. */
const END_POLL_MS = 20;
const COMMIT_INTERVAL_MS = 5000;

/** A commit came too late: the group has gone on without this member. */
const TAKEN: ReadonlySet<string> = new Set([
  "FENCED_INSTANCE_ID",
  "FENCED_MEMBER_EPOCH",
  "ILLEGAL_GENERATION",
  "REBALANCE_IN_PROGRESS",
  "STALE_MEMBER_EPOCH",
  "UNKNOWN_MEMBER_ID",
]);

/** @returns The exit code. */
export async function readAsGroup(
  context: CommandContext,
  request: GroupReading,
): Promise<number> {
  const { config } = request;
  // What polls give and what has been printed are two things.
  config.set("enable.auto.commit", "false");
  config.set("auto.offset.reset", "earliest");
  const consumer = createGroupConsumer(context.host, config);
  const wake = () => consumer.wakeup();
  context.interrupted.addEventListener("abort", wake);
  const loop = new GroupLoop(context, consumer, request);
  try {
    return await loop.run();
  } finally {
    try {
      await loop.commit();
    } finally {
      await consumer.close();
    }
  }
}

class GroupLoop {
  readonly #context: CommandContext;
  readonly #consumer: GroupConsumer;
  readonly #request: GroupReading;
  readonly #admin: Admin;
  /** Where to stop, by partition; what is missing goes on. */
  #ends = new Map<string, number>();
  /** Where the group goes on, as far as it is written. */
  #written = new Map<string, OffsetToCommit>();
  #leftCount: number;
  #isAssigned = false;
  #commitAtMs = 0;

  constructor(
    context: CommandContext,
    consumer: GroupConsumer,
    request: GroupReading,
  ) {
    this.#context = context;
    this.#consumer = consumer;
    this.#request = request;
    this.#admin = new Admin(consumer.cluster);
    this.#leftCount = request.countMax;
  }

  async run(): Promise<number> {
    const { interrupted, host } = this.#context;
    const { printer, idleMs, countMax } = this.#request;
    if (countMax === 0) {
      await printer.end();
      return ExitCode.DONE;
    }
    await this.#start();
    const pollMs = this.#ends.size > 0 ? END_POLL_MS : POLL_MS;
    let lastMs = host.clock.monotonicMs();
    while (!interrupted.aborted && this.#leftCount > 0 && !this.#isAtEnds()) {
      const waitMs = lastMs + idleMs - host.clock.monotonicMs();
      const chunks = await this.#consumer.poll(
        Math.max(Math.min(pollMs, waitMs), 0),
      );
      const hasPrinted = await this.#print(chunks);
      const nowMs = host.clock.monotonicMs();
      if (nowMs >= this.#commitAtMs) await this.#commitSoon(nowMs);
      if (hasPrinted) lastMs = nowMs;
      else if (nowMs - lastMs >= idleMs) {
        await printer.end();
        throw new ExitError(
          ExitCode.TIMED_OUT,
          `no record came for ${idleMs} ms`,
        );
      }
    }
    await printer.end();
    await this.#context.out.flush();
    return interrupted.aborted ? ExitCode.INTERRUPTED : ExitCode.DONE;
  }

  /**
   * Commits what has been written and is not committed yet. Where the partitions
   * are others' by now, these begin at the last commit.
   */
  async commit(): Promise<void> {
    const offsets = [...this.#written.values()];
    this.#written = new Map();
    try {
      await this.#consumer.commitSync(offsets);
    } catch (error) {
      const isTaken = error instanceof KafkaError && TAKEN.has(error.errorName);
      if (!isTaken) throw error;
      if (error.errorName === "REBALANCE_IN_PROGRESS") {
        // Still this member's: the next commit may go through.
        for (const offset of offsets) {
          const key = partitionKey(offset);
          if (!this.#written.has(key)) this.#written.set(key, offset);
        }
      }
      this.#context.note(
        `${error.message}; what was printed since the last commit comes again`,
      );
    }
  }

  async #start(): Promise<void> {
    const { choose, isByHand, pattern, to, untilEnd } = this.#request;
    const partitions = await choose(this.#admin);
    for (
      const limit of [to, untilEnd ? { kind: "latest" } as const : null]
    ) {
      if (limit === null) continue;
      const ends = await this.#resolve(partitions, limit);
      partitions.forEach((partition, index) => {
        const key = partitionKey(partition);
        const end = Math.min(this.#ends.get(key) ?? Infinity, ends[index]);
        this.#ends.set(key, end);
      });
    }
    if (isByHand) {
      this.#consumer.assign(partitions);
      return await this.#assigned(partitions);
    }
    const topics = new Set(partitions.map(({ topic }) => topic));
    // What has an end is read up to there; what comes later has none.
    const isOpen = pattern !== null && this.#ends.size === 0;
    this.#consumer.subscribe(isOpen ? pattern : topics, {
      onAssigned: (added) => this.#assigned(added),
      onRevoked: () => this.commit(),
      onLost: () => this.#written.clear(),
    });
  }

  /** Moves partitions in which the group has been nowhere yet. */
  async #assigned(added: readonly TopicPartition[]): Promise<void> {
    this.#isAssigned = true;
    const { from } = this.#request;
    if (added.length > 0 && from.kind !== "earliest") {
      const stored = await this.#stored(added);
      const open = added.filter((_, index) => stored[index] < 0);
      const starts = open.length === 0 ? [] : await this.#resolve(open, from);
      open.forEach((place, i) => this.#consumer.seek(place, starts[i]));
    }
  }

  #stored(partitions: readonly TopicPartition[]): Promise<number[]> {
    const { config } = this.#request;
    return storedOffsets(this.#admin, config.get("group.id")!, partitions);
  }

  #resolve(
    partitions: readonly TopicPartition[],
    expression: OffsetExpression,
  ): Promise<number[]> {
    const { isolationLevel } = this.#request;
    return resolveOffsets(this.#admin, partitions, expression, {
      isolationLevel,
      stored: (asked) => this.#stored(asked),
    });
  }

  /** True where every partition that this member has is read to its end. */
  #isAtEnds(): boolean {
    if (this.#ends.size === 0 || !this.#isAssigned) return false;
    const consumer = this.#consumer;
    const open = consumer.assignment.filter((place) => {
      const end = this.#ends.get(partitionKey(place)) ?? Infinity;
      return (consumer.currentPosition(place) ?? -1) < end;
    });
    return open.length === 0;
  }

  async #print(chunks: readonly RecordChunk[]): Promise<boolean> {
    const cut = new Set<string>();
    let hasPrinted = false;
    for (const chunk of chunks) {
      const count = await this.#printChunk(chunk);
      if (count > 0) hasPrinted = true;
      const key = partitionKey(chunk);
      if (count === chunk.records.length || cut.has(key)) continue;
      // The position is where the printing has stopped.
      cut.add(key);
      this.#consumer.seek(chunk, chunk.records[count].offset);
      this.#consumer.pause([chunk]);
    }
    await this.#context.out.flush();
    // Positions have passed markers of transactions and holes of compaction.
    for (const place of chunks.length === 0 ? [] : this.#consumer.positions()) {
      this.#written.set(partitionKey(place), place);
    }
    return hasPrinted;
  }

  /** @returns How many of the records, from the first one on, are done with. */
  async #printChunk(chunk: RecordChunk): Promise<number> {
    const { topic, partition, leaderEpoch, timestampType, records } = chunk;
    const end = this.#ends.get(partitionKey(chunk)) ?? Infinity;
    let count = 0;
    for (const record of records) {
      if (this.#leftCount <= 0 || record.offset >= end) break;
      await this.#request.printer.print({
        ...record,
        topic,
        partition,
        leaderEpoch,
        timestampType: record.timestampMs < 0
          ? "NoTimestampType"
          : timestampType,
      });
      this.#leftCount--;
      count++;
    }
    return count;
  }

  async #commitSoon(nowMs: number): Promise<void> {
    const { config, isByHand } = this.#request;
    const isFirst = this.#commitAtMs === 0;
    this.#commitAtMs = nowMs +
      Number(config.get("auto.commit.interval.ms") ?? COMMIT_INTERVAL_MS);
    const isMember = isByHand || this.#consumer.generationId >= 0;
    if (!isFirst && isMember) await this.commit();
  }
}
