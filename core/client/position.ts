// One assigned partition of a consumer: where it reads, and what it has in hand.
//
//   unset → resetting → fetching ⇄ validating (the leader has changed)
//
// `offset` is the next record that the application gets, `fetchOffset` the next
// that is asked for; what lies between is in hand.
//
// Source: Kafka documentation, "Consumer API"; KIP-320 (validation).

import type { FetchedData } from "./fetched_data.ts";
import type { TopicPartition } from "./metadata.ts";

/** An offset that is still to be found: a time, or one of `OffsetAt`. */
export interface ResetTarget {
  readonly timestampMs: number;
}

/** Reads ahead by so many answers beyond the one in the application's hands. */
const FETCHED_MAX = 2;

export class PartitionPosition implements TopicPartition {
  isPaused = false;
  /** Bytes that came and were not taken, oldest first. */
  readonly fetched: FetchedData[] = [];
  /** Not to be asked for before this time, on the monotonic clock. */
  retryAtMs = 0;
  /** What the next poll has to throw. */
  error: Error | null = null;
  /** As of the last answer; -1 before. */
  highWatermark = -1;
  lastStableOffset = -1;
  logStartOffset = -1;
  /** A follower that the leader wants this consumer to read from; -1 for none. */
  preferredReplica = -1;
  preferredUntilMs = 0;
  #offset = -1;
  #offsetEpoch = -1;
  #fetchOffset = -1;
  #reset: ResetTarget | null = null;
  #needsReset = true;
  #startsAtCommitted = false;
  /** Leader epoch under which the position was last found to be good. */
  #validEpoch = -1;
  /** Rises with each seek, so that what was under way is known to be stale. */
  #generation = 0;

  constructor(readonly topic: string, readonly partition: number) {}

  /** The next offset that the application gets; -1 while it is not known. */
  get offset(): number {
    return this.#offset;
  }

  /** The next offset to ask for; -1 while it is not known. */
  get fetchOffset(): number {
    return this.#fetchOffset;
  }

  /** Leader epoch of the record before the position; -1 where it is not known. */
  get offsetEpoch(): number {
    return this.#offsetEpoch;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Where to look for the position; `null` where it is known, or by the reset policy. */
  get resetTarget(): ResetTarget | null {
    return this.#reset;
  }

  /** True where an offset has to be found before anything can be fetched. */
  get needsReset(): boolean {
    return this.#needsReset;
  }

  /** True where the reset begins with what the group has committed. */
  get startsAtCommitted(): boolean {
    return this.#startsAtCommitted;
  }

  /** True where more may be asked for: the application keeps up. */
  get hasRoom(): boolean {
    return this.fetched.length < FETCHED_MAX;
  }

  /** Sets the position, and drops what is in hand. */
  seek(offset: number, offsetEpoch = -1): void {
    this.#drop();
    this.#offset = offset;
    this.#fetchOffset = offset;
    this.#offsetEpoch = offsetEpoch;
    this.#reset = null;
    this.#needsReset = false;
    this.#startsAtCommitted = false;
    this.#validEpoch = -1;
  }

  /** Wants the position found where the group has committed it, or else by the reset policy. */
  requestCommitted(): void {
    this.requestReset(null);
    this.#startsAtCommitted = true;
  }

  /** Wants the position found; by the reset policy where `target` is `null`. */
  requestReset(target: ResetTarget | null): void {
    this.#drop();
    this.#offset = -1;
    this.#fetchOffset = -1;
    this.#offsetEpoch = -1;
    this.#reset = target;
    this.#needsReset = true;
    this.#startsAtCommitted = false;
  }

  /** True where the leader has changed since the position was found to be good. */
  needsValidation(leaderEpoch: number): boolean {
    return !this.#needsReset && this.#offsetEpoch >= 0 &&
      leaderEpoch > this.#validEpoch;
  }

  /** Notes that the position is good under a leader epoch. */
  validated(leaderEpoch: number): void {
    this.#validEpoch = Math.max(this.#validEpoch, leaderEpoch);
  }

  /** Takes an answer in. */
  add(data: FetchedData): void {
    this.fetched.push(data);
    this.#fetchOffset = data.endOffset;
  }

  /** Notes how far the application has come. */
  advance(offset: number, offsetEpoch: number): void {
    this.#offset = offset;
    if (offsetEpoch < 0) return;
    this.#offsetEpoch = offsetEpoch;
    // Records of an epoch can only come from a leader that has it.
    this.validated(offsetEpoch);
  }

  #drop(): void {
    this.#generation++;
    this.fetched.length = 0;
    this.error = null;
    this.retryAtMs = 0;
    this.preferredReplica = -1;
  }
}
