// One partition as this broker sees it: who leads it, its log, and who waits for it.
//
// The high watermark is the end of what readers may see. With one replica it
// follows the log's end at once, save where `flush.messages=1` asks that nothing
// counts before it is on the disk: then it follows the fsync.

import type { TransactionEnd } from "../log/check_producer.ts";
import type { AppendResult } from "../log/log_parts.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import type { VerificationGuard } from "../log/verifications.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { WaitList } from "./purgatory.ts";

/** Who leads a partition, as the controller said last. */
export interface Leadership {
  /** -1 where nobody does. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

export interface Appended {
  readonly baseOffset: number;
  /** One past the last record; what the high watermark has to reach for acks=all. */
  readonly endOffset: number;
  /** -1 where the records keep their own times. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** To wait for before the append is acknowledged; `null` where it need not be on the disk. */
  readonly durable: Promise<void> | null;
}

export interface PartitionIdentity {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly brokerId: number;
  /** Whether another may lead meanwhile, unheard by this broker; never where left out. */
  readonly isFenced?: () => boolean;
}

export class Partition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** Fetches that wait for records. */
  readonly readers = new WaitList();
  /** Produces that wait for the high watermark. */
  readonly writers = new WaitList();
  readonly #brokerId: number;
  readonly #isFenced: () => boolean;
  #leadership: Leadership;
  #log: PartitionLog | null = null;
  #isWakingReaders = false;

  constructor(identity: PartitionIdentity, leadership: Leadership) {
    this.topic = identity.topic;
    this.topicId = identity.topicId;
    this.partition = identity.partition;
    this.#brokerId = identity.brokerId;
    this.#isFenced = identity.isFenced ?? (() => false);
    this.#leadership = leadership;
  }

  get leadership(): Leadership {
    return this.#leadership;
  }

  get isLeader(): boolean {
    return this.#leadership.leaderId === this.#brokerId;
  }

  get isReplica(): boolean {
    return this.#leadership.replicas.includes(this.#brokerId);
  }

  /** `null` where this broker has no log of it, or its directory has failed. */
  get log(): PartitionLog | null {
    return this.#log;
  }

  /** Takes over what the controller said, and the log where this broker has one. */
  update(leadership: Leadership, log: PartitionLog | null): void {
    const isNews = leadership.leaderEpoch !== this.#leadership.leaderEpoch ||
      leadership.leaderId !== this.#leadership.leaderId || log !== this.#log;
    this.#leadership = leadership;
    this.#log = log;
    if (!isNews) return;
    if (log !== null && this.isLeader) {
      log.assignLeaderEpoch(leadership.leaderEpoch);
      if (leadership.isr.length <= 1) this.#advance(log, log.logEndOffset);
    }
    this.#wakeAll();
  }

  /** The partition is gone: everyone who waits for it looks again and finds nothing. */
  close(): void {
    this.#log = null;
    this.#leadership = { ...this.#leadership, leaderId: -1, replicas: [] };
    this.#wakeAll();
  }

  /**
   * The log that this broker leads.
   *
   * @param currentLeaderEpoch What the client believes; -1 where it does not care.
   * @throws {KafkaError} NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH,
   * UNKNOWN_LEADER_EPOCH, KAFKA_STORAGE_ERROR.
   */
  leaderLog(currentLeaderEpoch: number): PartitionLog {
    const { leaderEpoch } = this.#leadership;
    // Before all else: whoever leads now, this broker's replica is lost to it.
    if (this.#log === null && this.isReplica) {
      throw new KafkaError(
        "KAFKA_STORAGE_ERROR",
        `The log of ${this.topic}-${this.partition} is not available on this broker.`,
      );
    }
    if (currentLeaderEpoch !== -1 && currentLeaderEpoch < leaderEpoch) {
      throw new KafkaError(
        "FENCED_LEADER_EPOCH",
        `The leader epoch of ${this.topic}-${this.partition} is ${leaderEpoch}, not ${currentLeaderEpoch} any more.`,
      );
    }
    if (currentLeaderEpoch > leaderEpoch) {
      throw new KafkaError(
        "UNKNOWN_LEADER_EPOCH",
        `The leader epoch of ${this.topic}-${this.partition} is ${leaderEpoch} here, not yet ${currentLeaderEpoch}.`,
      );
    }
    if (!this.isLeader || this.#log === null || this.#isFenced()) {
      throw new KafkaError("NOT_LEADER_OR_FOLLOWER");
    }
    return this.#log;
  }

  /**
   * Appends what a client or a coordinator sent, and lets readers see it as soon as they may.
   * The bytes are written before this returns, and may be changed by it.
   *
   * @throws {KafkaError} As `leaderLog` and the log's `append` do; with
   * `needsAll`, NOT_ENOUGH_REPLICAS.
   */
  append(
    bytes: Uint8Array,
    options: {
      readonly nowMs: number;
      readonly produceVersion?: number;
      /** The producer asked for all in-sync replicas. */
      readonly needsAll: boolean;
      /** A client's where left out. */
      readonly origin?: "client" | "coordinator";
      readonly isProducerIssued?: (producerId: number) => boolean;
      /** As `PartitionLog.append` takes it. */
      readonly verification?: VerificationGuard | null;
      /** The broker has just made the batch itself; it is not checked again. */
      readonly isOwnWork?: boolean;
    },
  ): Appended {
    const log = this.leaderLog(-1);
    if (options.needsAll) this.#checkReplicas(log);
    return this.#appended(
      log,
      log.append(bytes, {
        leaderEpoch: this.#leadership.leaderEpoch,
        nowMs: options.nowMs,
        origin: options.origin ?? "client",
        produceVersion: options.produceVersion,
        isProducerIssued: options.isProducerIssued,
        isOwnWork: options.isOwnWork,
        verification: options.verification,
      }),
    );
  }

  /**
   * Ends a producer's transaction, as its coordinator says, and lets readers of
   * committed records go on. Where it has ended already, what is to be waited for
   * is the end of the log: the marker is before that.
   *
   * @throws {KafkaError} As `leaderLog` and `PartitionLog.appendMarker`;
   * NOT_ENOUGH_REPLICAS.
   */
  appendMarker(end: TransactionEnd, nowMs: number): Appended {
    const log = this.leaderLog(-1);
    this.#checkReplicas(log);
    const { leaderEpoch } = this.#leadership;
    return this.#appended(log, log.appendMarker(end, { leaderEpoch, nowMs }));
  }

  /** @throws {KafkaError} NOT_ENOUGH_REPLICAS. */
  #checkReplicas(log: PartitionLog): void {
    const { isr, replicas } = this.#leadership;
    // A partition cannot ask for more replicas than it has.
    const isrMin = Math.min(log.config["min.insync.replicas"], replicas.length);
    if (isr.length >= isrMin) return;
    throw new KafkaError(
      "NOT_ENOUGH_REPLICAS",
      `${this.topic}-${this.partition} has ${isr.length} replicas in sync, fewer than min.insync.replicas=${isrMin}.`,
    );
  }

  /** Lets readers see what was appended as soon as they may. */
  #appended(log: PartitionLog, result: AppendResult): Appended {
    const endOffset = result.lastOffset + 1;
    let durable: Promise<void> | null = null;
    if (result.durable === null) this.#advance(log, endOffset);
    else durable = result.durable.then(() => this.#advance(log, endOffset));
    // Whoever waits for it meets its failure; nobody else has to.
    durable?.catch(() => {});
    return {
      baseOffset: result.baseOffset,
      endOffset,
      logAppendTimeMs: result.logAppendTimeMs,
      logStartOffset: result.logStartOffset,
      durable,
    };
  }

  /**
   * Whether readers may see all that is before an offset, and so all replicas have
   * it; to be asked by those who wait for that.
   *
   * @throws {KafkaError} As `leaderLog`: it will not come to that any more.
   */
  isVisibleYet(endOffset: number): boolean {
    return this.leaderLog(-1).highWatermark >= endOffset;
  }

  /** Whether readers may see all that is before an offset, and so all replicas have it. */
  isVisible(endOffset: number): boolean {
    return this.#log !== null && this.#log.highWatermark >= endOffset;
  }

  /** Raises the high watermark, never lowers it, and tells who waits for it. */
  #advance(log: PartitionLog, endOffset: number): void {
    if (log !== this.#log || endOffset <= log.highWatermark) return;
    log.highWatermark = endOffset;
    this.#wakeAll();
  }

  #wakeAll(): void {
    this.writers.wake();
    if (this.readers.size === 0 || this.#isWakingReaders) return;
    // Readers look once for all appends of this turn of the event loop.
    this.#isWakingReaders = true;
    queueMicrotask(() => {
      this.#isWakingReaders = false;
      this.readers.wake();
    });
  }
}
