// Records on their way from an input to a topic, and the account of them.

import type { CommandContext } from "../core/cli/command.ts";
import { ExitCode, exitCodeOf } from "../core/cli/exit_code.ts";
import type { InputRecord } from "../core/cli/printed_record.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import type { Producer } from "../core/client/producer.ts";
import { sleep } from "../core/host/host.ts";
import { errorText } from "./_admin.ts";
import type { RecordSource } from "./_record_source.ts";

export interface SendingOptions {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly key: Uint8Array | undefined;
  readonly headers: readonly { key: string; value: Uint8Array }[];
  readonly emptyIsNull: boolean;
  /** Least time between two records. */
  readonly intervalMs: number;
}

/** Failed records that are named one by one. */
const NAMED_FAILURES_MAX = 10;

/** What is on its way, and what became of it. */
export class Sending {
  readonly #context: CommandContext;
  readonly #producer: Producer;
  readonly #options: SendingOptions;
  /** Count and offsets by partition. */
  readonly #sent = new Map<
    number,
    { count: number; first: number; last: number }
  >();
  #failedCount = 0;
  #firstError: Error | null = null;

  constructor(
    context: CommandContext,
    producer: Producer,
    options: SendingOptions,
  ) {
    this.#context = context;
    this.#producer = producer;
    this.#options = options;
  }

  /** Reads and sends until the input ends, a record fails or somebody interrupts. */
  async sendAll(sources: AsyncIterable<RecordSource>): Promise<void> {
    const { host, interrupted } = this.#context;
    let dueMs = host.clock.monotonicMs();
    try {
      for await (const { next } of sources) {
        for (;;) {
          const given = next();
          const record = given instanceof Promise ? await given : given;
          if (record === null) break;
          // The input was cut anywhere, perhaps within this record.
          if (interrupted.aborted) return;
          const wait = this.#send(record);
          if (wait !== undefined) await wait;
          if (this.#firstError !== null) return;
          if (this.#options.intervalMs === 0) continue;
          dueMs += this.#options.intervalMs;
          const waitMs = dueMs - host.clock.monotonicMs();
          if (waitMs > 0) await sleep(host.clock, waitMs);
        }
      }
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      // The line that cannot be read; those before it are sent.
      this.#fail(null, error);
    }
  }

  /** @returns What to wait for before the next record, if anything. */
  #send(record: InputRecord): Promise<void> | undefined {
    const { topic, partition, key, headers, emptyIsNull } = this.#options;
    const value = emptyIsNull && record.value?.length === 0
      ? null
      : record.value;
    return this.#producer.sendNoWait({
      topic,
      partition: partition ?? record.partition,
      timestampMs: record.timestampMs,
      key: key ?? record.key,
      value,
      headers: headers.length === 0
        ? record.headers
        : [...record.headers, ...headers],
    }, (error, metadata) => {
      if (error !== null) this.#fail(record.place, error);
      else this.#count(metadata!.partition, metadata!.offset);
    });
  }

  #count(partition: number, offset: number): void {
    const sent = this.#sent.get(partition);
    if (sent === undefined) {
      this.#sent.set(partition, { count: 1, first: offset, last: offset });
      return;
    }
    sent.count++;
    sent.first = Math.min(sent.first, offset);
    sent.last = Math.max(sent.last, offset);
  }

  #fail(place: string | null, error: Error): void {
    this.#failedCount++;
    this.#firstError ??= error;
    if (this.#failedCount > NAMED_FAILURES_MAX) return;
    this.#context.fail(
      place === null ? errorText(error) : `${place}: ${errorText(error)}`,
    );
  }

  /** Says how many records went where; @returns the exit code. */
  report(): number {
    const { context, topic } = { context: this.#context, ...this.#options };
    const partitions = [...this.#sent].sort(([a], [b]) => a - b);
    const total = partitions.reduce((sum, [, { count }]) => sum + count, 0);
    const parts = partitions.map(([partition, { count, first, last }]) =>
      first < 0
        ? `${topic}:${partition} ${count}`
        : `${topic}:${partition} ${count} (offsets ${first} to ${last})`
    );
    const where = parts.length === 0 ? "" : `: ${parts.join(", ")}`;
    const failed = this.#failedCount === 0
      ? ""
      : `, ${this.#failedCount} failed`;
    context.note(
      `${total} record${total === 1 ? "" : "s"} sent${where}${failed}`,
    );
    if (this.#firstError !== null) {
      const code = exitCodeOf(this.#firstError);
      throw new ExitError(
        code === ExitCode.UNREACHABLE ? code : ExitCode.FAILED,
      );
    }
    return context.interrupted.aborted ? ExitCode.INTERRUPTED : ExitCode.DONE;
  }
}
