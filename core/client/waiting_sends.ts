// Records that cannot enter a batch yet: there is no memory for them, or nobody
// knows the partitions of their topic.
//
// They wait in order. One topic that is not known holds up its own records only;
// memory that is short holds up all. After `max.block.ms` a record fails.

import type { Clock } from "../host/host.ts";
import { tell } from "./producer_batch.ts";
import type { Draft } from "./producer_draft.ts";

/** What a record waits for. */
export type WaitCause = "metadata" | "memory";

export interface WaitingSendsOptions {
  readonly blockMaxMs: number;
  /** Tries again: `null` where the record is in a batch or has failed. */
  readonly append: (draft: Draft) => WaitCause | null;
  /** What a record fails with whose time is up. */
  readonly errorOf: (draft: Draft, waitedMs: number) => Error;
}

interface Waiting {
  readonly draft: Draft;
  readonly sinceMs: number;
  readonly resolve: () => void;
}

export class WaitingSends {
  readonly #clock: Clock;
  readonly #options: WaitingSendsOptions;
  readonly #byTopic = new Map<string, Waiting[]>();
  #forMemory: Waiting[] = [];
  #settledWaiters: (() => void)[] = [];
  #cancelTimer: (() => void) | null = null;

  constructor(clock: Clock, options: WaitingSendsOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  get isShortOfMemory(): boolean {
    return this.#forMemory.length > 0;
  }

  get isShortOfMetadata(): boolean {
    return this.#byTopic.size > 0;
  }

  /** What a new record of a topic has to wait for behind others; `null` for nothing. */
  causeFor(topic: string): WaitCause | null {
    if (this.#byTopic.has(topic)) return "metadata";
    return this.#forMemory.length > 0 ? "memory" : null;
  }

  /** Lets a record wait; resolves when it waits no more. */
  add(draft: Draft, cause: WaitCause): Promise<void> {
    return new Promise((resolve) => {
      const waiting = { draft, sinceMs: this.#clock.monotonicMs(), resolve };
      if (cause === "memory") {
        this.#forMemory.push(waiting);
      } else {
        const list = this.#byTopic.get(draft.topic);
        if (list === undefined) this.#byTopic.set(draft.topic, [waiting]);
        else list.push(waiting);
      }
      this.#watchTime();
    });
  }

  /** Tries those again for which something has changed. */
  retry(cause: WaitCause): void {
    if (cause === "memory") this.#retryMemory();
    else this.#retryTopics();
    this.#tellSettled();
  }

  /** Resolves when nothing waits. */
  settled(): Promise<void> {
    if (this.#isEmpty) return Promise.resolve();
    return new Promise((resolve) => this.#settledWaiters.push(resolve));
  }

  /** Fails all that waits. */
  failAll(error: Error): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const all = [...this.#forMemory, ...[...this.#byTopic.values()].flat()];
    this.#forMemory = [];
    this.#byTopic.clear();
    for (const waiting of all) end(waiting, error);
    this.#tellSettled();
  }

  get #isEmpty(): boolean {
    return this.#forMemory.length === 0 && this.#byTopic.size === 0;
  }

  #retryMemory(): void {
    let count = 0;
    const list = this.#forMemory;
    while (count < list.length) {
      const cause = this.#options.append(list[count].draft);
      if (cause === "memory") break;
      // A topic that was deleted meanwhile: the record fails with its time.
      if (cause === "metadata") break;
      list[count++].resolve();
    }
    if (count > 0) this.#forMemory = list.slice(count);
  }

  #retryTopics(): void {
    for (const [topic, list] of [...this.#byTopic]) {
      let count = 0;
      while (count < list.length) {
        // Those before it may wait for memory now: it goes behind them.
        const cause = this.#forMemory.length > 0 && count > 0
          ? "memory"
          : this.#options.append(list[count].draft);
        if (cause === "metadata") break;
        if (cause === "memory") this.#forMemory.push(list[count]);
        else list[count].resolve();
        count++;
      }
      if (count === list.length) this.#byTopic.delete(topic);
      else if (count > 0) this.#byTopic.set(topic, list.slice(count));
    }
  }

  #tellSettled(): void {
    if (!this.#isEmpty) return;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    for (const resolve of this.#settledWaiters.splice(0)) resolve();
  }

  /** One timer, for whoever has waited longest. */
  #watchTime(): void {
    if (this.#cancelTimer !== null || this.#isEmpty) return;
    const heads = [this.#forMemory, ...this.#byTopic.values()]
      .filter((list) => list.length > 0)
      .map((list) => list[0].sinceMs);
    const dueMs = Math.min(...heads) + this.#options.blockMaxMs;
    const restMs = Math.max(dueMs - this.#clock.monotonicMs(), 0);
    this.#cancelTimer = this.#clock.after(restMs, () => {
      this.#cancelTimer = null;
      this.#expire();
      this.#watchTime();
    });
  }

  #expire(): void {
    const nowMs = this.#clock.monotonicMs();
    const { blockMaxMs, errorOf } = this.#options;
    const keep = (waiting: Waiting) => {
      const waitedMs = nowMs - waiting.sinceMs;
      if (waitedMs < blockMaxMs) return true;
      end(waiting, errorOf(waiting.draft, waitedMs));
      return false;
    };
    this.#forMemory = this.#forMemory.filter(keep);
    for (const [topic, list] of [...this.#byTopic]) {
      const rest = list.filter(keep);
      if (rest.length === 0) this.#byTopic.delete(topic);
      else this.#byTopic.set(topic, rest);
    }
    this.#tellSettled();
  }
}

function end({ draft, resolve }: Waiting, error: Error): void {
  if (draft.callback !== undefined) tell(draft.callback, error, null);
  resolve();
}
