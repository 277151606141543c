// Records on their way from an input to a topic, and the account of them.

import type { CommandContext } from "../core/cli/command.ts";
import { ExitCode, exitCodeOf } from "../core/cli/exit_code.ts";
import type { InputRecord } from "../core/cli/printed_record.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import type { Producer } from "../core/client/producer.ts";
import {
  AbortableTransactionError,
  FatalTransactionError,
} from "../core/client/transaction_errors.ts";
import { sleep } from "../core/host/host.ts";
import { errorText } from "./_admin.ts";
import type { Committing } from "./_committing.ts";
import type { RecordSource } from "./_record_source.ts";
import { SentRecords } from "./_sent_records.ts";

export interface SendingOptions {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly key: Uint8Array | undefined;
  readonly headers: readonly { key: string; value: Uint8Array }[];
  readonly emptyIsNull: boolean;
  /** Least time between two records. */
  readonly intervalMs: number;
  /** `null` sends them without transactions. */
  readonly committing: Committing | null;
}

/** Failed records that are named one by one. */
const NAMED_FAILURES_MAX = 10;

/** What is on its way, and what became of it. */
export class Sending {
  readonly #context: CommandContext;
  readonly #producer: Producer;
  readonly #options: SendingOptions;
  /** What is acknowledged and, of transactions, committed. */
  readonly #sent = new SentRecords();
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

  /**
   * Reads and sends until the input ends, a record fails or somebody interrupts;
   * then ends the transaction that is open.
   */
  async sendAll(sources: AsyncIterable<RecordSource>): Promise<void> {
    await this.#readAll(sources);
    if (this.#options.committing === null) return;
    const isWhole = this.#firstError === null &&
      !this.#context.interrupted.aborted;
    if (isWhole) await this.#commit();
    else await this.#options.committing.abort();
  }

  async #readAll(sources: AsyncIterable<RecordSource>): Promise<void> {
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
          if (this.#options.committing?.isFull) await this.#commit();
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
    const sent = this.#options.committing?.accept() ?? this.#sent;
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
      else sent.add(metadata!.partition, metadata!.offset);
    });
  }

  async #commit(): Promise<void> {
    try {
      const sent = await this.#options.committing!.commit();
      if (sent !== null) this.#sent.addAll(sent);
    } catch (error) {
      // Where a record is to blame, it has been named.
      if (this.#firstError === null) this.#fail(null, error as Error);
    }
  }

  #fail(place: string | null, error: Error): void {
    this.#failedCount++;
    this.#firstError ??= error;
    // The first one of a transaction takes the others with it.
    const namedCount = this.#options.committing === null
      ? NAMED_FAILURES_MAX
      : 1;
    if (this.#failedCount > namedCount) return;
    this.#context.fail(
      place === null ? errorText(error) : `${place}: ${errorText(error)}`,
    );
  }

  /** Says how many records went where; @returns the exit code. */
  report(): number {
    const context = this.#context;
    const { topic, committing } = this.#options;
    const total = this.#sent.count;
    const failed = committing !== null
      ? committing.lostText()
      : this.#failedCount === 0
      ? ""
      : `, ${this.#failedCount} failed`;
    context.note(
      `${total} record${total === 1 ? "" : "s"} sent` +
        (committing?.transactionsText() ?? "") + this.#sent.toText(topic) +
        failed,
    );
    if (this.#firstError !== null) {
      const code = exitCodeOf(rootOf(this.#firstError));
      throw new ExitError(
        code === ExitCode.UNREACHABLE ? code : ExitCode.FAILED,
      );
    }
    return context.interrupted.aborted ? ExitCode.INTERRUPTED : ExitCode.DONE;
  }
}

/** What a transaction has failed from. */
function rootOf(error: Error): unknown {
  const isTransactions = error instanceof AbortableTransactionError ||
    error instanceof FatalTransactionError;
  return isTransactions ? error.cause : error;
}
