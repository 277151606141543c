// When sessions end for want of news: the leader of an ensemble, or a server that
// is alone, decides it for all of them.
//
// Time counts from when what has arrived was looked at: a server whose own event
// loop was held up expires nobody whose pings lay unread meanwhile.
//
// Source: ZooKeeper documentation, "ZooKeeper Sessions".

import type { Clock } from "../host/host.ts";

interface TrackedSession {
  timeoutMs: number;
  /** On the monotonic clock. */
  deadlineMs: number;
}

export interface SessionTrackerOptions {
  readonly clock: Clock;
  /** How often it looks; sessions end up to so much later. */
  readonly tickMs: number;
  /** Called once for each session whose time is up. */
  readonly expire: (sessionId: bigint) => void;
}

/** See the file's header. */
export class SessionTracker {
  readonly #options: SessionTrackerOptions;
  readonly #sessions = new Map<bigint, TrackedSession>();
  #cancel: (() => void) | null = null;
  #dueMs = 0;

  /** @param sessions Timeouts by session; each has all of its time from now on. */
  constructor(
    options: SessionTrackerOptions,
    sessions: ReadonlyMap<bigint, number>,
  ) {
    this.#options = options;
    for (const [sessionId, timeoutMs] of sessions) {
      this.touch(sessionId, timeoutMs);
    }
    this.#schedule();
  }

  get count(): number {
    return this.#sessions.size;
  }

  has(sessionId: bigint): boolean {
    return this.#sessions.has(sessionId);
  }

  /** Sessions and their timeouts. */
  *entries(): Iterable<[bigint, number]> {
    for (const [sessionId, { timeoutMs }] of this.#sessions) {
      yield [sessionId, timeoutMs];
    }
  }

  /** Sessions, and when they end on the monotonic clock unless they are heard of. */
  *deadlines(): Iterable<[bigint, number]> {
    for (const [sessionId, { deadlineMs }] of this.#sessions) {
      yield [sessionId, deadlineMs];
    }
  }

  /** A session was heard of, or begins. */
  touch(sessionId: bigint, timeoutMs: number): void {
    const deadlineMs = this.#options.clock.monotonicMs() + timeoutMs;
    const session = this.#sessions.get(sessionId);
    if (session === undefined) {
      this.#sessions.set(sessionId, { timeoutMs, deadlineMs });
    } else if (deadlineMs > session.deadlineMs) {
      session.timeoutMs = timeoutMs;
      session.deadlineMs = deadlineMs;
    }
  }

  /** Renews a session that is known. @returns Whether it is. */
  renew(sessionId: bigint, timeoutMs: number): boolean {
    if (!this.#sessions.has(sessionId)) return false;
    this.touch(sessionId, timeoutMs);
    return true;
  }

  remove(sessionId: bigint): void {
    this.#sessions.delete(sessionId);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#sessions.clear();
  }

  #schedule(): void {
    const { clock, tickMs } = this.#options;
    this.#dueMs = clock.monotonicMs() + tickMs;
    this.#cancel = clock.after(tickMs, () => {
      const lateMs = Math.max(0, clock.monotonicMs() - this.#dueMs);
      clock.afterOthers(() => {
        if (this.#cancel === null) return;
        this.#expireAt(clock.monotonicMs() - lateMs);
        this.#schedule();
      });
    });
  }

  #expireAt(nowMs: number): void {
    for (const [sessionId, { deadlineMs }] of this.#sessions) {
      if (deadlineMs > nowMs) continue;
      this.#sessions.delete(sessionId);
      this.#options.expire(sessionId);
    }
  }
}
