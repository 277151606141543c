// The producers of one partition: refuses what is out of sequence or fenced,
// knows a repeated batch, and keeps which transactions are open, which decides
// the last stable offset.
//
// A batch is checked before it is written (`check`, which changes nothing) and
// taken in after it (`apply`); a start or a follower only applies. Both happen
// in one step with the append, so no other append comes between them.
//
// Source: KIP-98, KIP-360; where an old batch is repeated that is no longer
// kept, the answer is DUPLICATE_SEQUENCE_NUMBER, which clients take as success.

import { KafkaError } from "../wire/kafka/errors.ts";
import {
  type AppendedSequence,
  isSequenceBefore,
  ProducerEntry,
  sequenceAfter,
} from "./producer_entry.ts";
import type { ProducerSnapshotEntry } from "./producer_snapshot.ts";

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

  /** @param name The partition, for messages. */
  constructor(name: string) {
    this.#name = name;
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

  snapshot(): ProducerSnapshotEntry[] {
    return [...this.#entries.values()].map((entry) => entry.toSnapshot());
  }

  /**
   * Judges a batch before it is written.
   *
   * @returns The batch that this one repeats; `null` for a new one.
   * @throws {KafkaError} INVALID_PRODUCER_EPOCH where a newer epoch was seen,
   * OUT_OF_ORDER_SEQUENCE_NUMBER where a batch is missing before this,
   * DUPLICATE_SEQUENCE_NUMBER where it repeats one too old to be known,
   * INVALID_TXN_STATE where it is outside of the transaction that is open,
   * TRANSACTION_COORDINATOR_FENCED for a marker of an older coordinator.
   */
  check(batch: ProducerBatch, origin: AppendOrigin): AppendedSequence | null {
    const entry = this.#entries.get(batch.producerId);
    if (entry === undefined || origin === "replica") return null;
    const isRecords = batch.marker === null;
    if (
      isRecords && origin === "client" &&
      batch.producerEpoch === entry.producerEpoch
    ) {
      const repeated = entry.find(batch.baseSequence, lastSequenceOf(batch));
      if (repeated !== undefined) return repeated;
    }
    this.#checkEpoch(entry, batch);
    if (batch.marker !== null) {
      this.#checkCoordinatorEpoch(entry, batch.marker);
      return null;
    }
    if (origin === "client") this.#checkSequence(entry, batch);
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
    entry.setEpoch(batch.producerEpoch);
    if (batch.marker !== null) return this.#end(entry, batch, batch.marker);
    entry.addBatch(batch.baseSequence, batch);
    if (batch.isTransactional && entry.currentTxnFirstOffset < 0) {
      entry.currentTxnFirstOffset = batch.baseOffset;
      this.#openTransactions.set(batch.producerId, batch.baseOffset);
    }
    return null;
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

  #checkEpoch(entry: ProducerEntry, batch: ProducerBatch): void {
    if (batch.producerEpoch >= entry.producerEpoch) return;
    throw new KafkaError(
      "INVALID_PRODUCER_EPOCH",
      `Epoch ${batch.producerEpoch} of producer ${batch.producerId} in ${this.#name} is older than the last seen epoch ${entry.producerEpoch}.`,
    );
  }

  #checkCoordinatorEpoch(
    entry: ProducerEntry,
    marker: TransactionMarker,
  ): void {
    if (marker.coordinatorEpoch >= entry.coordinatorEpoch) return;
    throw new KafkaError(
      "TRANSACTION_COORDINATOR_FENCED",
      `Coordinator epoch ${marker.coordinatorEpoch} of producer ${entry.producerId} in ${this.#name} is older than the last seen epoch ${entry.coordinatorEpoch}.`,
    );
  }

  #checkSequence(entry: ProducerEntry, batch: ProducerBatch): void {
    // Nothing but a lost state has no epoch: go on from wherever it is.
    if (entry.producerEpoch === NONE) return;
    const first = batch.baseSequence;
    const isNewEpoch = batch.producerEpoch !== entry.producerEpoch;
    const expected = isNewEpoch || entry.lastSequence < 0
      ? 0
      : sequenceAfter(entry.lastSequence, 1);
    if (first === expected) return;
    const isRepeated = !isNewEpoch && entry.batches.length > 0 &&
      isSequenceBefore(lastSequenceOf(batch), entry.batches[0].firstSequence);
    throw new KafkaError(
      isRepeated ? "DUPLICATE_SEQUENCE_NUMBER" : "OUT_OF_ORDER_SEQUENCE_NUMBER",
      `Producer ${batch.producerId} at epoch ${batch.producerEpoch} sent sequence number ${first} to ${this.#name}, expected ${expected}.`,
    );
  }
}

function lastSequenceOf(batch: ProducerBatch): number {
  return sequenceAfter(batch.baseSequence, batch.lastOffset - batch.baseOffset);
}
