// The simulator's time: one event, then every promise that it settles, then the
// next event, at once, however much virtual time lies between.
//
// Within one isolate promises are settled in a fixed order, so code that waits
// for nothing but its host runs the same way each time.

import { setImmediate } from "node:timers";
import { assert } from "../base/assert.ts";

interface SimEvent {
  readonly atMs: number;
  /** Orders events of the same time by when they were added. */
  readonly sequence: number;
  run: (() => void) | null;
}

/** Nothing more can happen, or not in the time allowed, and a promise still waits. */
export class StuckError extends Error {
  override readonly name = "StuckError";
}

/** Virtual time, and the events that wait for it in a binary heap. */
export class SimLoop {
  #nowMs = 0;
  #sequence = 0;
  #eventCount = 0;
  readonly #heap: SimEvent[] = [];

  /** Virtual milliseconds since the loop was made. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events run so far. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /**
   * Adds an event; those due at the same time run in the order added.
   *
   * @returns How to call it off.
   */
  schedule(delayMs: number, run: () => void): () => void {
    assert(delayMs >= 0, `Cannot schedule in the past: ${delayMs} ms`);
    const event: SimEvent = {
      atMs: this.#nowMs + delayMs,
      sequence: this.#sequence++,
      run,
    };
    this.#push(event);
    return () => {
      event.run = null;
    };
  }

  /** Runs what is due within `durationMs`, with `check` after each event. */
  async run(durationMs: number, check: () => void = () => {}): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    await settlePromises();
    while (await this.#step(untilMs)) check();
    this.#nowMs = untilMs;
  }

  /**
   * Runs events until `promise` is settled; gives what it gives, or throws.
   *
   * @throws {StuckError} Where no event is left, or none within `limitMs` of
   * virtual time, while the promise still waits.
   */
  async settle<T>(
    promise: Promise<T>,
    { limitMs = Infinity, check = () => {} }: {
      limitMs?: number;
      check?: () => void;
    } = {},
  ): Promise<T> {
    const untilMs = this.#nowMs + limitMs;
    let isSettled = false;
    const note = () => {
      isSettled = true;
    };
    promise.then(note, note);
    await settlePromises();
    while (!isSettled) {
      if (!await this.#step(untilMs)) {
        throw new StuckError(
          this.#heap.length === 0
            ? "Nothing is left to happen, and the promise still waits"
            : `The promise still waits after ${limitMs} ms of virtual time`,
        );
      }
      check();
    }
    return promise;
  }

  /** Runs the next event, if one is due until `untilMs`. */
  async #step(untilMs: number): Promise<boolean> {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) return false;
      this.#pop();
      if (event.run === null) continue; // It was called off.
      this.#nowMs = event.atMs;
      this.#eventCount += 1;
      event.run();
      await settlePromises();
      return true;
    }
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent], event)) break;
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) {
        child += 1;
      }
      if (isBefore(last, heap[child])) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}

/** One turn of the real event loop: it runs every reaction of a promise first. */
function settlePromises(): Promise<void> {
  return new Promise((done) => setImmediate(() => done()));
}
