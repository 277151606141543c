// The producer: records in, batches out to the leaders of their partitions.
//
//   send → partition → accumulator (batches) → sender → broker → callback
//
// With a `transactional.id`, records are sent between `beginTransaction` and
// `commitTransaction` or `abortTransaction`, and readers of committed records see
// all of them or none.
//
// Appending never waits, save for room (`buffer.memory`) and for the metadata of
// a topic that is met for the first time. Records for one partition keep the
// order in which they were given, those that had to wait included.
//
// Source: Kafka documentation, "Producer API" and "Producer Configs".

import type { Host } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { Accumulator } from "./accumulator.ts";
import type { ConfigTexts } from "./client_settings.ts";
import { Cluster } from "./cluster.ts";
import { FlushWaiters } from "./flush_waiters.ts";
import type { OffsetToCommit } from "./group_offsets.ts";
import type { PartitionMetadata } from "./metadata.ts";
import { PartitionChoice } from "./partition_choice.ts";
import type { PartitionLoad } from "./partitioner.ts";
import { tell } from "./producer_batch.ts";
import {
  closedError,
  type Draft,
  failDraft,
  noPartition,
  noRoom,
  sizeErrorOf,
} from "./producer_draft.ts";
import { ProducerIdentity } from "./producer_identity.ts";
import {
  type DeliveryCallback,
  type ProducerRecord,
  type RecordMetadata,
  recordSizeMax,
  toBytes,
} from "./producer_record.ts";
import {
  type ProducerSettings,
  readProducerSettings,
} from "./producer_settings.ts";
import { Sender } from "./sender.ts";
import { SendPace } from "./send_pace.ts";
import { TopicWatch } from "./topic_watch.ts";
import type { ConsumerGroupMetadata } from "./transaction_calls.ts";
import { Transactions } from "./transactions.ts";
import { WaitingSends } from "./waiting_sends.ts";

export type {
  DeliveryCallback,
  ProducerRecord,
  RecordMetadata,
} from "./producer_record.ts";
export type { ConsumerGroupMetadata } from "./transaction_calls.ts";
export {
  AbortableTransactionError,
  FatalTransactionError,
} from "./transaction_errors.ts";

/**
 * Makes a producer; it connects with its first record.
 *
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * import { FakeCluster } from "../testing/fake_broker.ts";
 * import { simHost } from "../testing/sim_host.ts";
 * import { createProducer } from "./producer.ts";
 *
 * const sim = simHost(1); // In a program: denoHost().
 * const cluster = new FakeCluster(sim, 1);
 * await sim.run(async () => {
 *   await cluster.start();
 *   cluster.state.createTopic("orders");
 *
 *   const producer = createProducer(sim.host, {
 *     "bootstrap.servers": cluster.bootstrap,
 *     "compression.type": "zstd",
 *   });
 *   const { offset } = await producer.send({
 *     topic: "orders",
 *     key: "customer-7",
 *     value: "two apples",
 *   });
 *   strictEqual(offset, 0);
 *   await producer.close();
 * });
 * ```
 *
 * @param config Kafka's own keys, such as `bootstrap.servers` and `linger.ms`.
 * @throws {ConfigError} Where the configuration is wrong.
 */
export function createProducer(host: Host, config: ConfigTexts): Producer {
  const settings = readProducerSettings(config);
  return new Producer(new Cluster(host, settings.client), settings);
}

/** Sends records. Keys, values and headers must not change until they are acknowledged. */
export class Producer {
  readonly cluster: Cluster;
  readonly #settings: ProducerSettings;
  readonly #watch: TopicWatch;
  readonly #accumulator: Accumulator;
  readonly #sender: Sender;
  readonly #waiting: WaitingSends;
  readonly #transactions: Transactions | null;
  readonly #choice: PartitionChoice;
  readonly #pace: SendPace;
  readonly #flushes: FlushWaiters;
  #isClosed = false;

  constructor(cluster: Cluster, settings: ProducerSettings) {
    this.cluster = cluster;
    this.#settings = settings;
    this.#accumulator = new Accumulator(settings);
    this.#flushes = new FlushWaiters(this.#accumulator);
    this.#watch = new TopicWatch(cluster, {
      onRefresh: () => this.#onMetadata(),
      idleMs: settings.metadataMaxIdleMs,
    });
    this.#transactions = this.#transactionsOf(settings);
    const identity = this.#transactions ??
      (settings.isIdempotent
        ? new ProducerIdentity(cluster, () => this.#sender.wake())
        : null);
    this.#sender = new Sender({
      cluster,
      watch: this.#watch,
      accumulator: this.#accumulator,
      identity,
      transactions: this.#transactions,
      options: settings.sender,
      onProgress: () => this.#onProgress(),
      isUrgent: () => this.#isClosed || this.#waiting.isShortOfMemory,
    });
    this.#choice = new PartitionChoice({
      switchBytes: Math.max(settings.format.maxBytes, 1),
      ignoresKeys: settings.ignoresKeys,
      isAdaptive: settings.isAdaptive,
      random: cluster.host.random,
      loadOf: (topic) => this.#load(topic),
    });
    this.#pace = new SendPace(cluster.host.clock);
    this.#waiting = new WaitingSends(cluster.host.clock, {
      blockMaxMs: settings.blockMaxMs,
      append: (draft) => this.#append(draft),
      errorOf: (draft, waitedMs) => this.#blockedError(draft, waitedMs),
    });
  }

  /** Bytes of records that are not acknowledged yet, as `buffer.memory` counts them. */
  get bufferedBytes(): number {
    return this.#accumulator.usedBytes;
  }

  /**
   * Sends a record.
   *
   * @param callback Told as well, before the promise settles.
   * @returns Where it was written.
   * @throws {KafkaError} `MESSAGE_TOO_LARGE` where it is larger than
   * `max.request.size`; `REQUEST_TIMED_OUT` after `delivery.timeout.ms` or, where
   * there is no room for it, `max.block.ms`; else what the broker said.
   */
  send(
    record: ProducerRecord,
    callback?: DeliveryCallback,
  ): Promise<RecordMetadata> {
    return new Promise((resolve, reject) => {
      this.#accept(record, (error, metadata) => {
        if (callback !== undefined) tell(callback, error, metadata);
        if (error === null) resolve(metadata!);
        else reject(error);
      });
    });
  }

  /**
   * Sends a record without a promise for its outcome, which saves much where
   * there are many.
   *
   * @returns A promise where the caller had better wait before the next record,
   * so that brokers are served or memory comes free; it never rejects.
   */
  sendNoWait(
    record: ProducerRecord,
    callback?: DeliveryCallback,
  ): Promise<void> | undefined {
    const waiting = this.#accept(record, callback);
    if (waiting !== null) return waiting;
    return this.#pace.pause(this.#accumulator.waitingBytes);
  }

  /** Sends what waits, and resolves when all records given so far are acknowledged or failed. */
  async flush(): Promise<void> {
    await this.#waiting.settled();
    const serial = this.#accumulator.flush();
    this.#sender.wake();
    await this.#flushes.wait(serial);
  }

  /** The partitions of a topic, which may be created by asking. */
  async partitionsFor(topic: string): Promise<readonly PartitionMetadata[]> {
    const deadlineMs = this.cluster.deadline(this.#settings.blockMaxMs);
    return (await this.#watch.wait(topic, deadlineMs)).partitions;
  }

  /**
   * Gets the producer's id, which ends those of the same transactional id before
   * it: they are fenced, and what they left open is aborted. To be called once.
   *
   * ```ts
   * import { deepStrictEqual } from "node:assert/strict";
   * import { FakeCluster } from "../testing/fake_broker.ts";
   * import { serveTransactions } from "../testing/fake_transactions.ts";
   * import { simHost } from "../testing/sim_host.ts";
   * import { createConsumer } from "./consumer.ts";
   * import { AbortableTransactionError, createProducer } from "./producer.ts";
   *
   * const sim = simHost(1); // In a program: denoHost().
   * const cluster = new FakeCluster(sim, 1);
   * serveTransactions(cluster, cluster.broker(1));
   * await sim.run(async () => {
   *   await cluster.start();
   *   cluster.state.createTopic("paid");
   *   const producer = createProducer(sim.host, {
   *     "bootstrap.servers": cluster.bootstrap,
   *     "transactional.id": "billing-1",
   *   });
   *   await producer.initTransactions();
   *   for (const order of ["7", "8"]) {
   *     producer.beginTransaction();
   *     try {
   *       producer.sendNoWait({ topic: "paid", value: order });
   *       producer.sendNoWait({ topic: "paid", value: `receipt of ${order}` });
   *       await producer.commitTransaction();
   *     } catch (error) {
   *       if (!(error instanceof AbortableTransactionError)) throw error;
   *       await producer.abortTransaction(); // Nobody sees any of it.
   *     }
   *   }
   *   await producer.close();
   *
   *   const consumer = createConsumer(sim.host, {
   *     "bootstrap.servers": cluster.bootstrap,
   *     "isolation.level": "read_committed",
   *     "auto.offset.reset": "earliest",
   *   });
   *   consumer.assign([{ topic: "paid", partition: 0 }]);
   *   const values: string[] = [];
   *   while (values.length < 4) {
   *     for (const { records } of await consumer.poll(1000)) {
   *       for (const { value } of records) {
   *         values.push(new TextDecoder().decode(value!));
   *       }
   *     }
   *   }
   *   deepStrictEqual(values, ["7", "receipt of 7", "8", "receipt of 8"]);
   *   consumer.close();
   * });
   * ```
   *
   * @throws {FatalTransactionError} Where the coordinator refuses.
   * @throws {KafkaError} `REQUEST_TIMED_OUT` after `max.block.ms`, here and in the
   * other calls: call again to wait on. `INVALID_TXN_STATE` where it is not this
   * call's turn.
   */
  initTransactions(): Promise<void> {
    return this.#call((transactions) => transactions.init());
  }

  /** Begins a transaction, of which all records are part until it ends. */
  beginTransaction(): void {
    this.#expectTransactions().begin();
  }

  /**
   * Commits offsets of a consumer's group when the transaction commits.
   *
   * @param offsets Of the next record to read in each partition.
   * @param group As which member (`GroupConsumer.groupMetadata()`), so that one
   * that the group has done without is refused.
   * @throws {AbortableTransactionError} Where the group, or a time-out, refuses.
   * @throws {FatalTransactionError}
   */
  sendOffsets(
    offsets: Iterable<OffsetToCommit>,
    group: ConsumerGroupMetadata,
  ): Promise<void> {
    return this.#call((transactions) =>
      transactions.sendOffsets([...offsets], group)
    );
  }

  /**
   * Sends what waits, and makes the transaction count.
   *
   * @throws {AbortableTransactionError} Where a record was not written: none of the
   * transaction is committed.
   * @throws {FatalTransactionError} Where another producer has the id, for one.
   */
  commitTransaction(): Promise<void> {
    return this.#call((transactions) => transactions.commit());
  }

  /**
   * Drops what waits, and makes the transaction void; another may begin.
   *
   * @throws {FatalTransactionError}
   */
  abortTransaction(): Promise<void> {
    return this.#call((transactions) => transactions.abort());
  }

  /**
   * Sends what waits, aborts a transaction that is open, then ends all
   * connections. Records that are not acknowledged in time fail.
   */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { clock } = this.cluster.host;
    let cancel = () => {};
    const timeout = new Promise<void>((resolve) => {
      if (options.timeoutMs !== undefined) {
        cancel = clock.after(options.timeoutMs, resolve);
      }
    });
    await Promise.race([this.#end(), timeout]);
    cancel();
    const error = closedError();
    this.#waiting.failAll(error);
    this.#sender.close(error);
    this.#onProgress();
    this.#watch.close();
    this.cluster.close();
  }

  /** @returns `null` where the record is in a batch, or has failed; else what waits for it. */
  #accept(
    record: ProducerRecord,
    callback: DeliveryCallback | undefined,
  ): Promise<void> | null {
    const transactions = this.#transactions;
    if (transactions !== null && !this.#isClosed) {
      const refusal = transactions.refusalOfSend();
      if (refusal !== null) {
        if (callback !== undefined) tell(callback, refusal, null);
        return null;
      }
      callback = transactions.noting(callback);
    }
    const key = toBytes(record.key);
    const value = toBytes(record.value);
    const draft: Draft = {
      topic: record.topic,
      partition: record.partition ?? -1,
      timestampMs: record.timestampMs ?? this.cluster.host.clock.wallMs(),
      key,
      value,
      headers: record.headers,
      sizeMax: recordSizeMax(key, value, record.headers),
      callback,
    };
    const error = this.#isClosed
      ? closedError()
      : sizeErrorOf(draft, this.#settings);
    if (error !== null) {
      failDraft(draft, error);
      return null;
    }
    const cause = this.#waiting.causeFor(draft.topic) ?? this.#append(draft);
    if (cause === null) return null;
    if (cause === "metadata") this.#watch.requestRefresh();
    return this.#waiting.add(draft, cause);
  }

  /**
   * Puts a record into a batch, or fails it.
   *
   * @returns What it has to wait for instead.
   */
  #append(draft: Draft): "metadata" | "memory" | null {
    const state = this.#watch.state(draft.topic);
    if (state === "unknown") return "metadata";
    if (state !== "usable") {
      failDraft(draft, state);
      return null;
    }
    const { partitions } = this.#watch.topic(draft.topic)!;
    const partition = this.#choice.choose(draft, partitions.length);
    if (partition < 0 || partition >= partitions.length) {
      failDraft(draft, noPartition(draft, partitions.length));
      return null;
    }
    const queue = this.#accumulator.queue({ topic: draft.topic, partition });
    const { clock } = this.cluster.host;
    const outcome = this.#accumulator.append(queue, draft, {
      callback: draft.callback,
      sizeMax: draft.sizeMax,
      clock,
    });
    if (outcome === null) {
      this.#sender.wake();
      return "memory";
    }
    this.#pace.appended(draft.sizeMax);
    if (outcome.filledBatch || outcome.startedBatch) {
      const isReady = outcome.filledBatch || this.#settings.lingerMs === 0;
      if (isReady) this.#sender.wake();
      else this.#sender.wakeAt(clock.monotonicMs() + this.#settings.lingerMs);
    }
    this.#choice.appended(draft, draft.sizeMax, {
      isBatchEnd: outcome.filledBatch || outcome.startedBatch,
      partitionCount: partitions.length,
    });
    return null;
  }

  #transactionsOf(settings: ProducerSettings): Transactions | null {
    if (settings.transactions === null) return null;
    return new Transactions(settings.transactions, {
      cluster: this.cluster,
      wake: () => this.#sender.wake(),
      drop: (error) => {
        this.#waiting.failAll(error);
        this.#sender.drop(error);
      },
      flush: () => this.flush(),
      renumber: () => this.#accumulator.renumber(),
    });
  }

  #expectTransactions(): Transactions {
    if (this.#transactions !== null) return this.#transactions;
    throw new KafkaError(
      "INVALID_TXN_STATE",
      "Transactions need a transactional.id in the producer's configuration",
    );
  }

  async #call(
    call: (transactions: Transactions) => Promise<void>,
  ): Promise<void> {
    const transactions = this.#expectTransactions();
    if (this.#isClosed) throw closedError();
    await call(transactions);
  }

  async #end(): Promise<void> {
    await this.#transactions?.close();
    await this.flush();
  }

  #load(topic: string): PartitionLoad {
    const { availabilityTimeoutMs } = this.#settings;
    const { clock } = this.cluster.host;
    return {
      queueLength: (partition) =>
        this.#accumulator.queue({ topic, partition }).waiting.length,
      isAvailable: (partition) => {
        if (this.#watch.leader({ topic, partition }) === undefined) {
          return false;
        }
        const [head] = this.#accumulator.queue({ topic, partition }).waiting;
        return availabilityTimeoutMs === 0 || head === undefined ||
          clock.monotonicMs() - head.createdMs <= availabilityTimeoutMs;
      },
    };
  }

  #blockedError(draft: Draft, waitedMs: number): Error {
    if (this.#watch.state(draft.topic) === "unknown") {
      return this.#watch.missing(draft.topic, waitedMs);
    }
    return noRoom(draft, waitedMs, this.#settings.memoryBytes);
  }

  #onMetadata(): void {
    this.#waiting.retry("metadata");
    if (this.#waiting.isShortOfMetadata) this.#watch.requestRefresh();
    this.#sender.wake();
  }

  #onProgress(): void {
    this.#waiting.retry("memory");
    this.#flushes.progressed();
    this.#pace.progressed(this.#accumulator.waitingBytes);
  }
}
