// Fetch sessions: the broker remembers which partitions a reader follows, so
// that a reader of a thousand partitions names, and is told of, only those in
// which something changed.
//
//   session id, epoch of the request      what it means
//   0 or an open one, 0                   everything is named; opens a session
//   any, -1                               everything is named; closes the session
//   an open one, the epoch expected       changes only, and the answer likewise
//
// The epoch rises by one with each request of a session and goes on from 1 after
// its last value. There are as many sessions as slots; without a free one a
// reader gets id 0 and goes on without a session, which is always allowed.
//
// Source: KIP-227 (sessions), KIP-516 (topic ids).

import type { FetchRequest } from "../wire/kafka/messages/fetch.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";

/** A full fetch that opens a session. */
export const INITIAL_EPOCH = 0;

/** A full fetch without a session, or its end. */
export const FINAL_EPOCH = -1;

const EPOCH_MAX = 2 ** 31 - 1;

/** A session that was used within this time keeps its slot. */
export const EVICTION_MS = 120_000;

/** One partition that a reader wants, as it last said. */
export interface WantedPartition {
  /** The topic's name, or its id where the request has ids. */
  readonly topicKey: string;
  readonly partition: number;
  readonly fetchOffset: number;
  readonly maxBytes: number;
  /** -1 where the reader does not care. */
  readonly currentLeaderEpoch: number;
  readonly lastFetchedEpoch: number;
  /** The name that the topic's id stood for when it was last found. */
  knownAs?: string;
}

/** What an answer says of a partition, as far as sessions care. */
export interface AnsweredPartition {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly recordBytes: number;
  readonly hasDivergingEpoch: boolean;
}

/** What one fetch request reads. */
export interface FetchPlan {
  /** Not 0 where the session is not as the reader thinks; then nothing is read. */
  readonly errorCode: number;
  /** For the answer; 0 where there is no session. */
  readonly sessionId: number;
  /** In the order in which they are read. */
  readonly wanted: Iterable<WantedPartition>;
  /** Whether a partition belongs into the answer; call it once for each that is about to be sent. */
  includes(wanted: WantedPartition, answered: AnsweredPartition): boolean;
  /** Whether a partition would, without noting it as sent. */
  wouldInclude(wanted: WantedPartition, answered: AnsweredPartition): boolean;
}

/** A partition of a session, with what its reader was last told. */
interface CachedPartition extends WantedPartition {
  readonly key: string;
  fetchOffset: number;
  maxBytes: number;
  currentLeaderEpoch: number;
  lastFetchedEpoch: number;
  toldHighWatermark: number;
  toldLogStartOffset: number;
}

interface Session {
  readonly id: number;
  readonly usesTopicIds: boolean;
  readonly partitions: Map<string, CachedPartition>;
  expectedEpoch: number;
  usedMs: number;
}

export interface FetchSessionsOptions {
  readonly slotCount: number;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** The open sessions of a broker, at most `slotCount`. */
export class FetchSessions {
  readonly #options: FetchSessionsOptions;
  /** By id; the least recently used first. */
  readonly #sessions = new Map<number, Session>();

  constructor(options: FetchSessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Reads a request in the light of its session.
   *
   * @param usesTopicIds Whether the request names topics by id.
   */
  plan(
    request: FetchRequest,
    usesTopicIds: boolean,
    nowMs: number,
  ): FetchPlan {
    const { sessionId, sessionEpoch } = request;
    if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
      this.#sessions.delete(sessionId);
      const session = sessionEpoch === INITIAL_EPOCH
        ? this.#open(usesTopicIds, nowMs)
        : null;
      if (session === null) return fullPlan(distinct(request, usesTopicIds));
      addWanted(session, request);
      return sessionPlan(session, true);
    }
    const session = this.#sessions.get(sessionId);
    if (session === undefined) {
      return refusal(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    }
    if (session.expectedEpoch !== sessionEpoch) {
      return refusal(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    }
    if (session.usesTopicIds !== usesTopicIds) {
      return refusal(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
    }
    this.#touch(session, nowMs);
    addWanted(session, request);
    forget(session, request);
    if (session.partitions.size === 0) {
      this.#sessions.delete(session.id);
      return fullPlan([]);
    }
    return sessionPlan(session, false);
  }

  #open(usesTopicIds: boolean, nowMs: number): Session | null {
    const { slotCount } = this.#options;
    if (this.#sessions.size >= slotCount) {
      const [oldest] = this.#sessions.values();
      if (oldest === undefined || nowMs - oldest.usedMs < EVICTION_MS) {
        return null;
      }
      this.#sessions.delete(oldest.id);
    }
    const session: Session = {
      id: this.#newId(),
      usesTopicIds,
      partitions: new Map(),
      expectedEpoch: 1,
      usedMs: nowMs,
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  #touch(session: Session, nowMs: number): void {
    session.usedMs = nowMs;
    session.expectedEpoch = session.expectedEpoch === EPOCH_MAX
      ? 1
      : session.expectedEpoch + 1;
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  /** Positive and not in use; not to be guessed, since it is all that names a session. */
  #newId(): number {
    for (;;) {
      const bytes = this.#options.randomBytes(4);
      const id = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0) &
        0x7fff_ffff;
      if (id !== 0 && !this.#sessions.has(id)) return id;
    }
  }
}

function* wantedOf(
  request: FetchRequest,
  usesTopicIds: boolean,
): Iterable<WantedPartition> {
  for (const topic of request.topics) {
    const topicKey = usesTopicIds ? topic.topicId : topic.topic;
    for (const partition of topic.partitions) {
      yield {
        topicKey,
        partition: partition.partition,
        fetchOffset: partition.fetchOffset,
        maxBytes: partition.partitionMaxBytes,
        currentLeaderEpoch: partition.currentLeaderEpoch,
        lastFetchedEpoch: partition.lastFetchedEpoch,
      };
    }
  }
}

/** Each partition once, as it was said last. */
function distinct(
  request: FetchRequest,
  usesTopicIds: boolean,
): Iterable<WantedPartition> {
  const byKey = new Map<string, WantedPartition>();
  for (const wanted of wantedOf(request, usesTopicIds)) {
    byKey.set(cacheKey(wanted.topicKey, wanted.partition), wanted);
  }
  return byKey.values();
}

/** Takes over what a request says; new partitions come last. */
function addWanted(session: Session, request: FetchRequest): void {
  for (const wanted of wantedOf(request, session.usesTopicIds)) {
    const key = cacheKey(wanted.topicKey, wanted.partition);
    const cached = session.partitions.get(key);
    if (cached === undefined) {
      session.partitions.set(key, {
        ...wanted,
        key,
        toldHighWatermark: -1,
        toldLogStartOffset: -1,
      });
    } else {
      cached.fetchOffset = wanted.fetchOffset;
      cached.maxBytes = wanted.maxBytes;
      cached.currentLeaderEpoch = wanted.currentLeaderEpoch;
      cached.lastFetchedEpoch = wanted.lastFetchedEpoch;
    }
  }
}

function forget(session: Session, request: FetchRequest): void {
  for (const topic of request.forgottenTopicsData) {
    const topicKey = session.usesTopicIds ? topic.topicId : topic.topic;
    for (const partition of topic.partitions) {
      session.partitions.delete(cacheKey(topicKey, partition));
    }
  }
}

function cacheKey(topicKey: string, partition: number): string {
  return `${partition} ${topicKey}`;
}

function refusal(errorCode: number): FetchPlan {
  return { ...fullPlan([]), errorCode };
}

function fullPlan(wanted: Iterable<WantedPartition>): FetchPlan {
  return {
    errorCode: ErrorCode.NONE,
    sessionId: 0,
    wanted: [...wanted],
    includes: () => true,
    wouldInclude: () => true,
  };
}

/** @param isFull Whether the answer names every partition. */
function sessionPlan(session: Session, isFull: boolean): FetchPlan {
  const wouldInclude = (
    wanted: WantedPartition,
    answered: AnsweredPartition,
  ) => isFull || isNews(wanted as CachedPartition, answered);
  return {
    errorCode: ErrorCode.NONE,
    sessionId: session.id,
    wanted: [...session.partitions.values()],
    wouldInclude,
    includes: (wanted, answered) => {
      const cached = wanted as CachedPartition;
      const isIncluded = wouldInclude(wanted, answered);
      if (isIncluded) note(session, cached, answered, isFull);
      return isIncluded;
    },
  };
}

function isNews(
  cached: CachedPartition,
  answered: AnsweredPartition,
): boolean {
  return answered.recordBytes > 0 ||
    answered.errorCode !== ErrorCode.NONE ||
    answered.hasDivergingEpoch ||
    answered.highWatermark !== cached.toldHighWatermark ||
    answered.logStartOffset !== cached.toldLogStartOffset;
}

function note(
  session: Session,
  cached: CachedPartition,
  answered: AnsweredPartition,
  isFull: boolean,
): void {
  // An error is told each time until it is over, and then the recovery is news.
  const isError = answered.errorCode !== ErrorCode.NONE;
  cached.toldHighWatermark = isError ? -1 : answered.highWatermark;
  cached.toldLogStartOffset = answered.logStartOffset;
  if (answered.recordBytes === 0 || isFull) return;
  // Who got records goes to the end of the line, so that a full answer does not
  // starve the others. A partition forgotten meanwhile does not come back.
  if (session.partitions.delete(cached.key)) {
    session.partitions.set(cached.key, cached);
  }
}
