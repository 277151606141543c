// The producers of one partition: refuses what is out of sequence or fenced,
// knows a repeated batch, and keeps which transactions are open, which decides
// the last stable offset.
//
// A batch is checked before it is written (`check`, which changes nothing) and
// taken in after it (`apply`); a start or a follower only applies. Both happen
// in one step with the append, so no other append comes between them.
//
// Source: KIP-98, KIP-360, KIP-890.

import { KafkaError } from "../wire/kafka/errors.ts";
import {
  checkCoordinatorEpoch,
  checkEpoch,
  checkSequence,
  lastSequenceOf,
  needsMarker,
  type TransactionEnd,
} from "./check_producer.ts";
import { type AppendedSequence, ProducerEntry } from "./producer_entry.ts";
import type { ProducerSnapshotEntry } from "./producer_snapshot.ts";
import {
  type FirstBatch,
  type VerificationGuard,
  Verifications,
} from "./verifications.ts";

const NONE = -1;

/** Who appends: only a client's sequence numbers are checked. */
export type AppendOrigin = "client" | "coordinator" | "replica";

/** The end of a transaction, as the coordinator writes it into the log. */
export interface TransactionMarker {
  readonly isCommit: boolean;
  readonly coordinatorEpoch: number;
}

/** What the state needs to know of a batch. */
export interface ProducerBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  /** What a control batch says; `null` for records, and for control batches of other kinds. */
  readonly marker: TransactionMarker | null;
}

/** A transaction that a marker has ended. */
export interface CompletedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** The marker's offset. */
  readonly lastOffset: number;
  readonly isAborted: boolean;
  /** First offset that is not yet decided after this. */
  readonly lastStableOffset: number;
}

/** One producer, as DescribeProducers shows it. */
export interface ActiveProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestampMs: number;
  readonly coordinatorEpoch: number;
  /** -1 where no transaction is open. */
  readonly currentTxnStartOffset: number;
}

/** The last that a producer wrote, as far as its sequence numbers depend on it. */
export interface LastRecord {
  /** Last offset of its last batch; -1 where only a marker is known. */
  readonly lastDataOffset: number;
  readonly producerEpoch: number;
}

/** The state of all producers of a partition. */
export class ProducerState {
  readonly #name: string;
  readonly #entries = new Map<number, ProducerEntry>();
  /** Producer id → first offset; in order of offsets, as they are added so. */
  readonly #openTransactions = new Map<number, number>();
  /** Ended, but their marker is not yet below the high watermark. */
  #unreplicated: { firstOffset: number; lastOffset: number }[] = [];
  readonly #verifications: Verifications;

  /** @param name The partition, for messages. */
  constructor(name: string) {
    this.#name = name;
    this.#verifications = new Verifications(name);
  }

  get count(): number {
    return this.#entries.size;
  }

  has(producerId: number): boolean {
    return this.#entries.has(producerId);
  }

  /** Starts anew from a snapshot. */
  load(entries: readonly ProducerSnapshotEntry[]): void {
    this.#entries.clear();
    this.#openTransactions.clear();
    this.#unreplicated = [];
    this.#verifications.clear();
    for (const from of entries) {
      this.#entries.set(from.producerId, ProducerEntry.fromSnapshot(from));
    }
    entries.filter((entry) => entry.currentTxnFirstOffset >= 0)
      .sort((a, b) => a.currentTxnFirstOffset - b.currentTxnFirstOffset)
      .forEach((entry) =>
        this.#openTransactions.set(
          entry.producerId,
          entry.currentTxnFirstOffset,
        )
      );
  }

  /** Starts anew with all that another state knows, which a snapshot keeps only a part of. */
  takeOver(other: ProducerState): void {
    this.#entries.clear();
    this.#openTransactions.clear();
    for (const [id, entry] of other.#entries) this.#entries.set(id, entry);
    for (const [id, offset] of other.#openTransactions) {
      this.#openTransactions.set(id, offset);
    }
    this.#unreplicated = [...other.#unreplicated];
    this.#verifications.takeOver(other.#verifications);
  }

  snapshot(): ProducerSnapshotEntry[] {
    return [...this.#entries.values()].map((entry) => entry.toSnapshot());
  }

  /**
   * Judges a batch before it is written.
   *
   * @param verification What shows that the coordinator knows of the transaction;
   * `null` where the batch has to belong to one that is open here, left out where
   * nothing is asked.
   * @returns The batch that this one repeats; `null` for a new one.
   * @throws {KafkaError} INVALID_PRODUCER_EPOCH where a newer epoch was seen,
   * OUT_OF_ORDER_SEQUENCE_NUMBER where a batch is missing before this,
   * DUPLICATE_SEQUENCE_NUMBER where it repeats one too old to be known,
   * INVALID_TXN_STATE where it is outside of the transaction that is open, or its
   * own transaction was not verified,
   * TRANSACTION_COORDINATOR_FENCED for a marker of an older coordinator.
   */
  check(
    batch: ProducerBatch,
    origin: AppendOrigin,
    verification?: VerificationGuard | null,
  ): AppendedSequence | null {
    const entry = this.#entries.get(batch.producerId);
    if (origin === "replica") return null;
    if (entry === undefined) {
      if (batch.isTransactional && verification !== undefined) {
        this.#checkVerified(entry, batch, verification);
      }
      return null;
    }
    const isRecords = batch.marker === null;
    if (
      isRecords && origin === "client" &&
      batch.producerEpoch === entry.producerEpoch
    ) {
      const repeated = entry.find(batch.baseSequence, lastSequenceOf(batch));
      if (repeated !== undefined) return repeated;
    }
    if (batch.isTransactional && verification !== undefined) {
      this.#checkVerified(entry, batch, verification);
    }
    checkEpoch(entry, batch.producerEpoch, this.#name);
    if (batch.marker !== null) {
      checkCoordinatorEpoch(entry, batch.marker, this.#name);
      return null;
    }
    if (origin === "client") checkSequence(entry, batch, this.#name);
    if (entry.currentTxnFirstOffset >= 0 && !batch.isTransactional) {
      throw new KafkaError(
        "INVALID_TXN_STATE",
        `Producer ${batch.producerId} has a transaction open in ${this.#name}, but sent a batch outside of it.`,
      );
    }
    return null;
  }

  /**
   * Takes in a batch that is in the log.
   *
   * @returns The transaction that it ended, if any.
   */
  apply(batch: ProducerBatch): CompletedTransaction | null {
    let entry = this.#entries.get(batch.producerId);
    if (entry === undefined) {
      entry = new ProducerEntry(batch.producerId);
      this.#entries.set(batch.producerId, entry);
    }
    this.#verifications.end(batch.producerId);
    entry.setEpoch(batch.producerEpoch);
    if (batch.marker !== null) return this.#end(entry, batch, batch.marker);
    entry.addBatch(batch.baseSequence, batch);
    if (batch.isTransactional && entry.currentTxnFirstOffset < 0) {
      entry.currentTxnFirstOffset = batch.baseOffset;
      this.#openTransactions.set(batch.producerId, batch.baseOffset);
    }
    return null;
  }

  /** Whether a producer has records of this epoch here in a transaction that has not ended. */
  hasOpenTransaction(producerId: number, producerEpoch: number): boolean {
    const entry = this.#entries.get(producerId);
    return entry !== undefined && isOpenAt(entry, producerEpoch);
  }

  /**
   * To be asked before a transactional batch is appended.
   *
   * @returns What the append has to show once the coordinator has said that the
   * partition belongs to the transaction; `null` where it is open here already.
   */
  startVerification(
    first: FirstBatch,
    nowMs: number,
  ): VerificationGuard | null {
    return this.hasOpenTransaction(first.producerId, first.producerEpoch)
      ? null
      : this.#verifications.start(first, nowMs);
  }

  /** Whether an append may still show a guard: no record or marker has made it void. */
  isVerificationCurrent(guard: VerificationGuard): boolean {
    return this.#verifications.isCurrent(guard);
  }

  /**
   * The coordinator has said no to a producer of this epoch.
   *
   * @param isMissing Whether the producer is who it says, and the partition alone is
   * not in its transaction: what it has sent here first has to come first still.
   */
  cancelVerification(
    guard: VerificationGuard,
    { producerEpoch, isMissing }: {
      readonly producerEpoch: number;
      readonly isMissing: boolean;
    },
  ): void {
    if (isMissing && !this.#entries.has(guard.producerId)) return;
    this.#verifications.cancel(guard, producerEpoch);
  }

  /**
   * Whether a transaction still has to be ended here.
   *
   * @throws {KafkaError} TRANSACTION_COORDINATOR_FENCED, INVALID_PRODUCER_EPOCH.
   */
  needsMarker(end: TransactionEnd): boolean {
    return needsMarker(this.#entries.get(end.producerId), end, this.#name);
  }

  /** First offset of a transaction that is open, or whose end is at or above the high watermark; `null` where none is. */
  get firstUnstableOffset(): number | null {
    let first: number | null = null;
    for (const offset of this.#openTransactions.values()) {
      first = offset;
      break;
    }
    for (const { firstOffset } of this.#unreplicated) {
      if (first === null || firstOffset < first) first = firstOffset;
    }
    return first;
  }

  /** Forgets ended transactions whose marker is below the high watermark. */
  highWatermarkMoved(highWatermark: number): void {
    if (this.#unreplicated.length === 0) return;
    this.#unreplicated = this.#unreplicated.filter((transaction) =>
      transaction.lastOffset >= highWatermark
    );
  }

  /** Forgets producers that were silent for long and have no transaction open. */
  expire(nowMs: number, expirationMs: number): void {
    this.#verifications.expire(nowMs, expirationMs);
    for (const [id, entry] of this.#entries) {
      const isIdle = nowMs - entry.lastTimestampMs >= expirationMs;
      if (isIdle && entry.currentTxnFirstOffset < 0) this.#entries.delete(id);
    }
  }

  activeProducers(): ActiveProducer[] {
    return [...this.#entries.values()].map((entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      lastSequence: entry.lastSequence,
      lastTimestampMs: entry.lastTimestampMs,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTxnStartOffset: entry.currentTxnFirstOffset,
    }));
  }

  /** What a compaction must leave of each producer, by its id. */
  lastRecords(): Map<number, LastRecord> {
    const records = new Map<number, LastRecord>();
    for (const [id, { batches, producerEpoch }] of this.#entries) {
      const lastDataOffset = batches.at(-1)?.lastOffset ?? NONE;
      records.set(id, { lastDataOffset, producerEpoch });
    }
    return records;
  }

  /** Every transactional batch of a client belongs to a transaction that its coordinator knows of. */
  #checkVerified(
    entry: ProducerEntry | undefined,
    batch: ProducerBatch,
    guard: VerificationGuard | null,
  ): void {
    if (batch.marker !== null) return;
    if (entry !== undefined && isOpenAt(entry, batch.producerEpoch)) return;
    this.#verifications.check(batch, guard, entry !== undefined);
  }

  #end(
    entry: ProducerEntry,
    batch: ProducerBatch,
    marker: TransactionMarker,
  ): CompletedTransaction | null {
    const firstOffset = entry.currentTxnFirstOffset;
    entry.coordinatorEpoch = marker.coordinatorEpoch;
    entry.lastTimestampMs = batch.maxTimestampMs;
    entry.currentTxnFirstOffset = NONE;
    this.#openTransactions.delete(batch.producerId);
    // A marker without records before it holds nothing back.
    if (firstOffset < 0) return null;
    const lastOffset = batch.lastOffset;
    this.#unreplicated.push({ firstOffset, lastOffset });
    let lastStableOffset = lastOffset + 1;
    for (const offset of this.#openTransactions.values()) {
      lastStableOffset = offset;
      break;
    }
    return {
      producerId: batch.producerId,
      firstOffset,
      lastOffset,
      isAborted: !marker.isCommit,
      lastStableOffset,
    };
  }
}

function isOpenAt(entry: ProducerEntry, producerEpoch: number): boolean {
  return entry.currentTxnFirstOffset >= 0 &&
    entry.producerEpoch === producerEpoch;
}
