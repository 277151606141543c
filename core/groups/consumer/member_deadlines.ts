// Until when members of a group have to say that they live, and to let go of
// partitions. In memory alone: after a restart all begin anew.

interface Deadlines {
  sessionMs: number;
  rebalanceMs: number;
}

/** By the monotonic clock throughout. */
export class MemberDeadlines {
  readonly #byMember = new Map<string, Deadlines>();

  /** The member lives: its session ends at another time. */
  renew(memberId: string, sessionMs: number): void {
    this.#of(memberId).sessionMs = sessionMs;
  }

  /** @param rebalanceMs `Infinity` where the member has nothing to let go of. */
  expectRelease(memberId: string, rebalanceMs: number): void {
    this.#of(memberId).rebalanceMs = rebalanceMs;
  }

  /** Whether the member already has a time by which to let go. */
  expectsRelease(memberId: string): boolean {
    return (this.#byMember.get(memberId)?.rebalanceMs ?? Infinity) < Infinity;
  }

  forget(memberId: string): void {
    this.#byMember.delete(memberId);
  }

  /** Members that are over time. */
  overdue(nowMs: number): string[] {
    const found: string[] = [];
    for (const [memberId, { sessionMs, rebalanceMs }] of this.#byMember) {
      if (Math.min(sessionMs, rebalanceMs) <= nowMs) found.push(memberId);
    }
    return found;
  }

  /** When the next one is; `Infinity` where there is none. */
  get nextMs(): number {
    let next = Infinity;
    for (const { sessionMs, rebalanceMs } of this.#byMember.values()) {
      next = Math.min(next, sessionMs, rebalanceMs);
    }
    return next;
  }

  #of(memberId: string): Deadlines {
    let deadlines = this.#byMember.get(memberId);
    if (deadlines === undefined) {
      deadlines = { sessionMs: Infinity, rebalanceMs: Infinity };
      this.#byMember.set(memberId, deadlines);
    }
    return deadlines;
  }
}
