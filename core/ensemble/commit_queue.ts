// Transactions on their way: decided, written to the log, durable, applied.
//
// What is submitted while one group waits for the disk makes the next group, so
// that many transactions share one fsync and none is applied before its own.
//
//   submit → decide → [queue] → append + sync, a group at a time → apply → answer
//
// Invariant: at most one group is not yet durable, so a crash tears no more than
// `GROUP_BYTES_MAX`. After a failed write or fsync nothing is written any more.

import type { Clock, Disk } from "../host/host.ts";
import { Writer } from "../wire/writer.ts";
import { Durations } from "./durations.ts";
import { GROUP_BYTES_MAX } from "./recovery.ts";
import { encodeEntry, TxnLogFile } from "./txn_log.ts";

/** A transaction as bytes. */
export interface Payload {
  readonly zxid: bigint;
  /** With its header; must not change any more. */
  readonly bytes: Uint8Array;
}

interface WaitingTxn {
  readonly payload: Payload;
  /** Called when the transaction is durable. */
  readonly commit: () => void;
  readonly fail: (error: unknown) => void;
}

/** An answer that must come after the transactions before it. */
interface WaitingAnswer {
  readonly payload: null;
  readonly commit: () => void;
  readonly fail: (error: unknown) => void;
}

/** See the file's header. */
export class CommitQueue {
  /** How long the disk took for each group. */
  readonly fsyncs = new Durations();
  readonly #clock: Clock;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #afterGroup: () => void;
  readonly #onFailure: () => void;
  #log: TxnLogFile | null;
  /** Where groups are put together, one after the other. */
  readonly #entries = new Writer();
  #waiting: (WaitingTxn | WaitingAnswer)[] = [];
  #running: Promise<void> | null = null;
  #failure: unknown = null;

  /** @param options `afterGroup` runs when a group has been applied, `onFailure` after the last that could be. */
  constructor(
    options: {
      clock: Clock;
      disk: Disk;
      directory: string;
      log: TxnLogFile | null;
      afterGroup: () => void;
      onFailure: () => void;
    },
  ) {
    this.#clock = options.clock;
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.#log = options.log;
    this.#afterGroup = options.afterGroup;
    this.#onFailure = options.onFailure;
  }

  /** Why nothing can be written any more, or null. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Bytes in the log file that is written to. */
  get logBytes(): number {
    return this.#log?.position ?? 0;
  }

  /** Adds a transaction; those before it are durable and applied first. */
  submit(
    payload: Payload,
    commit: () => void,
    fail: (error: unknown) => void,
  ): void {
    this.#add({ payload, commit, fail });
  }

  /** Runs `commit` behind all that was submitted before. */
  follow(commit: () => void, fail: (error: unknown) => void): void {
    this.#add({ payload: null, commit, fail });
  }

  /** Begins a new log file with the next transaction. */
  roll(): void {
    this.#log?.close();
    this.#log = null;
  }

  /** Waits until everything submitted is durable. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  /** Waits until everything submitted is durable, then closes the log file. */
  async close(): Promise<void> {
    await this.idle();
    this.roll();
  }

  /** Goes on with another log file, or, with `null`, in a new one; nothing may be under way. */
  resume(log: TxnLogFile | null): void {
    this.roll();
    this.#log = log;
  }

  #add(item: WaitingTxn | WaitingAnswer): void {
    if (this.#failure !== null) return item.fail(this.#failure);
    this.#waiting.push(item);
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // What is submitted in the same turn goes into the first group.
    await null;
    while (this.#waiting.length > 0) {
      const { items, entries } = this.#takeGroup();
      try {
        if (entries.length > 0) await this.#write(items, entries);
      } catch (error) {
        this.#failure = error;
        for (const item of [...items, ...this.#waiting]) item.fail(error);
        this.#waiting = [];
        this.#onFailure();
        break;
      }
      for (const item of items) item.commit();
      this.#afterGroup();
    }
    this.#running = null;
  }

  #takeGroup(): {
    items: (WaitingTxn | WaitingAnswer)[];
    entries: Uint8Array;
  } {
    const writer = this.#entries;
    writer.position = 0;
    let count = 0;
    for (const item of this.#waiting) {
      if (item.payload !== null) {
        const before = writer.position;
        encodeEntry(writer, item.payload.bytes);
        if (before > 0 && writer.position > GROUP_BYTES_MAX) {
          writer.position = before;
          break;
        }
      }
      count++;
    }
    return { items: this.#waiting.splice(0, count), entries: writer.written() };
  }

  async #write(
    items: readonly (WaitingTxn | WaitingAnswer)[],
    entries: Uint8Array,
  ): Promise<void> {
    if (this.#log === null) {
      const first = items.find((item) => item.payload !== null);
      const zxid = first?.payload?.zxid ?? 0n;
      this.#log = await TxnLogFile.create(this.#disk, this.#directory, zxid);
    }
    this.#log.append(entries);
    const startMs = this.#clock.monotonicMs();
    await this.#log.sync();
    this.fsyncs.add(this.#clock.monotonicMs() - startMs);
  }
}
