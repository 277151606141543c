// The transactions of one producer: its calls, one after the other, and what the
// sender needs to know of them.
//
// Partitions become part of a transaction before the first batch leaves for them
// (older protocol), or with that batch (newer protocol). A commit waits until all
// records are acknowledged. An abort drops what has not left, and waits for the
// answers to what has; where a broker may have more, or less, than this side
// thinks, the next transaction gets another epoch.
//
// Source: KIP-98, KIP-360, KIP-447, KIP-890; Kafka documentation, "Producer API".

import { KafkaError } from "../wire/kafka/errors.ts";
import type { Cluster } from "./cluster.ts";
import type { OffsetToCommit } from "./group_offsets.ts";
import type { TopicPartition } from "./metadata.ts";
import type { Numbering } from "./producer_identity.ts";
import type { DeliveryCallback } from "./producer_record.ts";
import {
  type ConsumerGroupMetadata,
  type ProducerEpoch,
  type StepFailure,
  TransactionCalls,
} from "./transaction_calls.ts";
import {
  AbortableTransactionError,
  decideFailure,
  FatalTransactionError,
} from "./transaction_errors.ts";
import { TransactionState } from "./transaction_state.ts";
import { produceVersions, type VersionSpan } from "./transaction_versions.ts";
import { Turn } from "./turn.ts";

export interface TransactionSettings {
  readonly transactionalId: string;
  /** After which the coordinator aborts a transaction that is still open. */
  readonly timeoutMs: number;
  /** `max.block.ms`: how long a call waits. */
  readonly blockMaxMs: number;
}

/** What transactions ask of their producer. */
export interface TransactionParts {
  readonly cluster: Cluster;
  /** Batches may leave that might not before. */
  readonly wake: () => void;
  /** Fails the records that have not left. */
  readonly drop: (error: Error) => void;
  /** Sends what waits, and resolves when nothing is under way. */
  readonly flush: () => Promise<void>;
  /** Starts all sequence numbers again. */
  readonly renumber: () => void;
}

export class Transactions implements Numbering {
  readonly transactionalId: string;
  readonly #settings: TransactionSettings;
  readonly #parts: TransactionParts;
  readonly #state: TransactionState;
  readonly #calls: TransactionCalls;
  #id = -1;
  #epoch = -1;
  /** Partitions of the transaction, as the objects that the accumulator has. */
  readonly #added = new Set<TopicPartition>();
  readonly #toAdd = new Set<TopicPartition>();
  #adding: Promise<void> | null = null;
  /** For records about which nobody is told. */
  readonly #onRecord: DeliveryCallback = (error) => {
    if (error !== null) this.recordFailed(error);
  };
  readonly #offsetSends = new Set<Promise<void>>();
  readonly #turn: Turn;

  constructor(settings: TransactionSettings, parts: TransactionParts) {
    this.transactionalId = settings.transactionalId;
    this.#settings = settings;
    this.#parts = parts;
    this.#state = new TransactionState(settings.transactionalId);
    this.#turn = new Turn(parts.cluster.host.clock, {
      owner: `transactional id ${settings.transactionalId}`,
      blockMaxMs: settings.blockMaxMs,
    });
    this.#calls = new TransactionCalls(
      parts.cluster,
      settings.transactionalId,
    );
  }

  get id(): number {
    return this.#id;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get isTransactional(): boolean {
    return true;
  }

  get isReady(): boolean {
    return this.#state.maySend;
  }

  get isRenewing(): boolean {
    return false;
  }

  get failure(): Error | null {
    return null;
  }

  /** Which versions of Produce carry the transaction. */
  get produceVersions(): VersionSpan {
    return produceVersions(this.#state.hasEpochPerTransaction);
  }

  ensure(): void {
    // `initTransactions` asks for the id.
  }

  /** Numbers are missing: within a transaction, they stay so until its end. */
  renew(): void {
    this.#state.needEpoch();
  }

  completeRenewal(): void {
    // The end of the transaction brings the epoch.
  }

  init(): Promise<void> {
    return this.#turn.run("initTransactions", async () => {
      this.#state.startInit();
      await this.#identify(null);
    });
  }

  begin(): void {
    this.#turn.refuseDuring("beginTransaction");
    this.#state.begin(this.#calls.offersEpochPerTransaction);
    this.#added.clear();
    this.#toAdd.clear();
  }

  commit(): Promise<void> {
    return this.#turn.run("commitTransaction", async () => {
      this.#state.startCommit();
      await Promise.all(this.#offsetSends);
      await this.#parts.flush();
      if (this.#state.failure !== null) throw this.#state.failure;
      if (this.#state.coordinatorKnows !== "nothing") {
        const failure = await this.#end(true);
        if (failure !== null) throw this.#fail(failure);
      }
      this.#state.becomeReady();
    });
  }

  abort(): Promise<void> {
    return this.#turn.run("abortTransaction", () => this.#abort());
  }

  /** Commits a group's offsets as part of the transaction. */
  async sendOffsets(
    offsets: readonly OffsetToCommit[],
    group: ConsumerGroupMetadata,
  ): Promise<void> {
    const refusal = this.#turn.refusalDuring("sendOffsets") ??
      this.#state.refusalOf("sendOffsets");
    if (refusal !== null) throw refusal;
    checkGroup(group);
    if (offsets.length === 0) return;
    const sending = this.#sendOffsets(offsets, group);
    const settled = sending.catch(() => {});
    this.#offsetSends.add(settled);
    settled.then(() => this.#offsetSends.delete(settled));
    await sending;
  }

  /** Waits for the call under way, and aborts what is open. */
  async close(): Promise<void> {
    await this.#turn.settled();
    if (!this.#state.isOpen) return;
    try {
      await this.abort();
    } catch {
      // The coordinator aborts it when its time is up.
    }
  }

  /** Why no record can be sent now; `null` where one can. */
  refusalOfSend(): Error | null {
    return this.#state.maySend && this.#turn.isFree
      ? null
      : this.#turn.refusalDuring("send") ?? this.#state.refusalOf("send");
  }

  /** True where batches may leave for a partition; else it is made part of the transaction. */
  admits(queue: TopicPartition): boolean {
    if (this.#added.has(queue)) return true;
    if (!this.#state.maySend) return false;
    if (this.#state.hasEpochPerTransaction) {
      this.#added.add(queue);
      this.#state.noteKnown();
      return true;
    }
    this.#toAdd.add(queue);
    if (this.#adding === null) {
      this.#adding = this.#addPartitions().finally(() => {
        this.#adding = null;
      });
    }
    return false;
  }

  /** A callback that has a failure noted, since the transaction fails with a record. */
  noting(callback: DeliveryCallback | undefined): DeliveryCallback {
    if (callback === undefined) return this.#onRecord;
    return (error, metadata) => {
      if (error === null) callback(null, metadata);
      else callback(this.recordFailed(error), null);
    };
  }

  /**
   * Notes that a record was not written.
   *
   * @returns What its sender is told.
   */
  recordFailed(error: Error): Error {
    if (
      error instanceof AbortableTransactionError ||
      error instanceof FatalTransactionError
    ) return error;
    const verdict = decideFailure("Produce", error);
    const isFatal = verdict === "fatal";
    if (verdict === "renew") this.#noteLostId(error);
    this.#fail({ error, verdict: isFatal ? "fatal" : "abortable" });
    const text = `A record of ${this.transactionalId} was not written: ` +
      error.message;
    return isFatal
      ? new FatalTransactionError(text, error)
      : new AbortableTransactionError(text, error);
  }

  async #abort(): Promise<void> {
    this.#state.startAbort();
    const why = "its transaction is aborted";
    this.#parts.drop(
      new AbortableTransactionError(
        `A record of ${this.transactionalId} was not sent: ${why}`,
        new KafkaError("TRANSACTION_ABORTABLE", why),
      ),
    );
    await this.#adding;
    await Promise.all(this.#offsetSends);
    await this.#parts.flush();
    if (this.#state.failure !== null) throw this.#state.failure;
    const { ends, renews } = this.#state.abortSteps();
    let needsInit = renews || this.#id < 0;
    if (ends) {
      const failure = await this.#end(false);
      if (failure?.verdict === "fatal") throw this.#fail(failure);
      // InitProducerId aborts as well.
      if (failure !== null) needsInit = true;
    }
    if (needsInit) await this.#identify(this.#current());
    else this.#state.becomeReady();
  }

  /** Gets an id, or another epoch of the one there is. */
  async #identify(current: ProducerEpoch | null): Promise<void> {
    const { timeoutMs } = this.#settings;
    const { value, failure } = await this.#calls.init(current, timeoutMs);
    if (failure !== null) {
      // There is nothing to abort yet that would make a difference.
      throw this.#fail({ ...failure, verdict: "fatal" });
    }
    this.#take(value);
    this.#state.becomeReady();
  }

  async #end(isCommit: boolean): Promise<StepFailure | null> {
    const isNewer = this.#state.hasEpochPerTransaction;
    const options = { isCommit, isNewer };
    const { value, failure } = await this.#calls.end(
      this.#current()!,
      options,
    );
    if (failure === null) this.#take(value);
    return failure;
  }

  #current(): ProducerEpoch | null {
    return this.#id < 0
      ? null
      : { producerId: this.#id, producerEpoch: this.#epoch };
  }

  #take(next: ProducerEpoch): void {
    const isSame = next.producerId === this.#id &&
      next.producerEpoch === this.#epoch;
    if (isSame) return;
    this.#id = next.producerId;
    this.#epoch = next.producerEpoch;
    this.#parts.renumber();
  }

  async #addPartitions(): Promise<void> {
    while (this.#toAdd.size > 0 && this.#state.maySend) {
      const partitions = [...this.#toAdd];
      this.#state.noteAsked();
      const { failure } = await this.#calls.addPartitions(
        this.#current()!,
        partitions,
        { goesOn: () => this.#state.maySend },
      );
      if (failure !== null) {
        this.#fail(failure);
        return;
      }
      this.#state.noteKnown();
      for (const partition of partitions) {
        this.#toAdd.delete(partition);
        this.#added.add(partition);
      }
      this.#parts.wake();
    }
  }

  async #sendOffsets(
    offsets: readonly OffsetToCommit[],
    group: ConsumerGroupMetadata,
  ): Promise<void> {
    const producer = this.#current()!;
    const isNewer = this.#state.hasEpochPerTransaction;
    const limits = {
      deadlineMs: this.#parts.cluster.deadline(this.#settings.blockMaxMs),
      goesOn: () => this.#state.maySend,
    };
    if (!isNewer) {
      this.#state.noteAsked();
      const { failure } = await this.#calls.addOffsets(
        producer,
        group.groupId,
        limits,
      );
      if (failure !== null) throw this.#fail(failure);
    }
    // The group's coordinator adds its partition by itself, by the newer protocol.
    this.#state.noteKnown();
    const commit = { group, offsets, isNewer };
    const { failure } = await this.#calls.commitOffsets(
      producer,
      commit,
      limits,
    );
    if (failure !== null) throw this.#fail(failure);
  }

  /** Notes a failure, and gives what the caller of the transaction is told. */
  #fail({ error, verdict }: StepFailure): Error {
    if (verdict === "renew") this.#noteLostId(error);
    const isNews = verdict === "fatal"
      ? this.#state.failFatally(error)
      : this.#state.failAbortably(error);
    const failure = this.#state.failure ??
      new AbortableTransactionError(error.message, error);
    // Later, since whoever notes a failure may be busy with the batches.
    if (isNews) queueMicrotask(() => this.#parts.drop(failure));
    return failure;
  }

  #noteLostId(error: Error): void {
    const isIdLost = error instanceof KafkaError &&
      error.errorName === "INVALID_PRODUCER_ID_MAPPING";
    this.#state.needEpoch({ isIdLost });
  }
}

function checkGroup(
  { groupId, generationId, memberId }: ConsumerGroupMetadata,
) {
  if ((generationId ?? -1) <= 0 || (memberId ?? "") !== "") return;
  throw new KafkaError(
    "INVALID_REQUEST",
    `Cannot send offsets of group ${groupId}: generation ${generationId} needs ` +
      "the id of its member",
  );
}
