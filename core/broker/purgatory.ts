// Requests that wait for something to happen to their partitions, or for their
// time to run out, whichever comes first.
//
// Deadlines are rounded up to ticks of 10 ms, and all waiters of a tick share
// one timer: a thousand waiting consumers are then not a thousand timers, and a
// broker on which nobody waits has none.

import type { Clock } from "../host/host.ts";

/** Deadlines are met late by less than this. */
export const TICK_MS = 10;

/** Something that waits. */
export interface Waiter {
  /** Something happened; returns true where the wait is over. */
  wake(): boolean;
  /** The deadline has come; the wait is over. */
  expire(): void;
}

/** What can be waited for: each partition has one of these for readers and one for writers. */
export class WaitList {
  readonly #waiters = new Set<Entry>();

  get size(): number {
    return this.#waiters.size;
  }

  add(entry: Entry): void {
    this.#waiters.add(entry);
  }

  delete(entry: Entry): void {
    this.#waiters.delete(entry);
  }

  /** Tells all that wait here that something happened. */
  wake(): void {
    if (this.#waiters.size === 0) return;
    for (const entry of [...this.#waiters]) entry.wake();
  }
}

/** One waiter with what it waits for. */
class Entry {
  #isOver = false;
  readonly #waiter: Waiter;
  readonly #lists: readonly WaitList[];
  readonly #bucket: Set<Entry>;

  constructor(
    waiter: Waiter,
    lists: readonly WaitList[],
    bucket: Set<Entry>,
  ) {
    this.#waiter = waiter;
    this.#lists = lists;
    this.#bucket = bucket;
    bucket.add(this);
    for (const list of lists) list.add(this);
  }

  wake(): void {
    if (!this.#isOver && this.#waiter.wake()) this.#end();
  }

  expire(): void {
    if (this.#isOver) return;
    this.#end();
    this.#waiter.expire();
  }

  #end(): void {
    this.#isOver = true;
    this.#bucket.delete(this);
    for (const list of this.#lists) list.delete(this);
  }
}

/** Holds waiters until they are woken or expire. */
export class Purgatory {
  readonly #clock: Clock;
  /** Waiters by tick; ticks ascend in the order of `#ticks`. */
  readonly #buckets = new Map<number, Set<Entry>>();
  #cancelTimer: (() => void) | null = null;
  #timerTick = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many wait now. */
  get waitingCount(): number {
    let count = 0;
    for (const bucket of this.#buckets.values()) count += bucket.size;
    return count;
  }

  /**
   * Lets `waiter` wait for a wake of any of `lists`.
   *
   * @param delayMs How long at most; it expires at the latest a tick after that.
   */
  add(
    waiter: Waiter,
    lists: readonly WaitList[],
    delayMs: number,
  ): void {
    const tick = Math.ceil((this.#clock.monotonicMs() + delayMs) / TICK_MS);
    let bucket = this.#buckets.get(tick);
    if (bucket === undefined) this.#buckets.set(tick, bucket = new Set());
    new Entry(waiter, lists, bucket);
    if (tick < this.#timerTick) this.#startTimer(tick);
  }

  /** Ends all waits, as if their time had run out. */
  expireAll(): void {
    this.#expireUntil(Infinity);
  }

  #startTimer(tick: number): void {
    this.#cancelTimer?.();
    this.#timerTick = tick;
    const delayMs = tick * TICK_MS - this.#clock.monotonicMs();
    this.#cancelTimer = this.#clock.after(Math.max(0, delayMs), () => {
      this.#cancelTimer = null;
      this.#timerTick = Infinity;
      this.#expireUntil(this.#clock.monotonicMs());
    });
  }

  #expireUntil(nowMs: number): void {
    let nextTick = Infinity;
    // There are as many buckets as ticks with waiters: few, however many wait.
    for (const [tick, bucket] of [...this.#buckets]) {
      if (bucket.size === 0) this.#buckets.delete(tick);
      else if (tick * TICK_MS > nowMs) nextTick = Math.min(nextTick, tick);
      else {
        this.#buckets.delete(tick);
        for (const entry of [...bucket]) entry.expire();
      }
    }
    if (nextTick < this.#timerTick) this.#startTimer(nextTick);
    if (this.#buckets.size === 0) {
      this.#cancelTimer?.();
      this.#cancelTimer = null;
      this.#timerTick = Infinity;
    }
  }
}
