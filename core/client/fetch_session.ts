// A fetch session: the broker remembers what a consumer fetches, so that requests
// and answers carry only what has changed.
//
//   full (epoch 0) → incremental (1, 2, 3 …) → full again, when the broker has
//                                              lost it or a request was lost
//
// A broker that keeps no session answers with the id 0; then every request is full.
//
// Source: KIP-227, KIP-516 (topic ids).

import { partitionKey, type TopicPartition } from "./metadata.ts";

/** What to fetch of one partition. */
export interface FetchPartition extends TopicPartition {
  readonly topicId: string;
  readonly fetchOffset: number;
  /** -1 where it is not known. */
  readonly leaderEpoch: number;
  readonly maxBytes: number;
}

/** What a request has to say. */
export interface SessionRequest {
  readonly sessionId: number;
  readonly epoch: number;
  readonly partitions: readonly FetchPartition[];
  readonly forgotten: readonly FetchPartition[];
}

const EPOCH_FULL = 0;
const EPOCH_MAX = 2 ** 31 - 1;

/** One consumer's session with one broker. */
export class FetchSession {
  #id = 0;
  #epoch = EPOCH_FULL;
  #partitions = new Map<string, FetchPartition>();
  #usesTopicIds = true;

  /** All partitions of the session; the answer may speak of any. */
  get partitions(): Iterable<FetchPartition> {
    return this.#partitions.values();
  }

  /**
   * The next request, for the partitions that are wanted now.
   *
   * @param usesTopicIds True where the request names topics by id; a change
   * starts a new session.
   */
  next(
    wanted: readonly FetchPartition[],
    usesTopicIds: boolean,
  ): SessionRequest {
    if (usesTopicIds !== this.#usesTopicIds) this.#epoch = EPOCH_FULL;
    this.#usesTopicIds = usesTopicIds;
    const before = this.#partitions;
    const now = new Map(wanted.map((p) => [partitionKey(p), p]));
    this.#partitions = now;
    const sessionId = this.#id, epoch = this.#epoch;
    if (epoch === EPOCH_FULL) {
      return { sessionId, epoch, partitions: wanted, forgotten: [] };
    }
    const partitions: FetchPartition[] = [];
    const forgotten: FetchPartition[] = [];
    for (const [key, partition] of now) {
      const known = before.get(key);
      if (known !== undefined && isSame(known, partition)) continue;
      partitions.push(partition);
      if (known !== undefined && known.topicId !== partition.topicId) {
        forgotten.push(known);
      }
    }
    for (const [key, partition] of before) {
      if (!now.has(key)) forgotten.push(partition);
    }
    return { sessionId, epoch, partitions, forgotten };
  }

  /**
   * Takes note of an answer.
   *
   * @returns False where the broker refused the session: the request has to be
   * made again, and will be full.
   */
  answered(sessionId: number, error: SessionError | null): boolean {
    if (error !== null) {
      if (error === "FETCH_SESSION_ID_NOT_FOUND") this.#id = 0;
      this.#epoch = EPOCH_FULL;
      return false;
    }
    this.#id = sessionId;
    this.#epoch = sessionId === 0
      ? EPOCH_FULL
      : this.#epoch === EPOCH_MAX
      ? 1
      : this.#epoch + 1;
    return true;
  }

  /** Takes note that no answer will come. */
  failed(): void {
    this.#epoch = EPOCH_FULL;
  }
}

/** Errors of an answer as a whole that end a session. */
export type SessionError =
  | "FETCH_SESSION_ID_NOT_FOUND"
  | "INVALID_FETCH_SESSION_EPOCH"
  | "FETCH_SESSION_TOPIC_ID_ERROR"
  | "UNKNOWN_TOPIC_ID"
  | "INCONSISTENT_TOPIC_ID";

function isSame(a: FetchPartition, b: FetchPartition): boolean {
  return a.topicId === b.topicId && a.fetchOffset === b.fetchOffset &&
    a.leaderEpoch === b.leaderEpoch && a.maxBytes === b.maxBytes;
}
