// Where records wait until they are sent: one queue of batches per partition,
// within `buffer.memory`.
//
// A batch is ready when it is full, when it has waited for `linger.ms`, when
// there is another behind it, or when somebody wants everything out. It counts
// for its whole possible size from the start, as in Kafka's own producer.
//
// Source: Kafka documentation, "Producer Configs".

import type { Clock } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { RecordInput } from "../record/record.ts";
import { partitionKey, type TopicPartition } from "./metadata.ts";
import {
  type BatchFormat,
  PartitionQueue,
  ProducerBatch,
} from "./producer_batch.ts";
import type { DeliveryCallback } from "./producer_record.ts";

export interface AccumulatorOptions {
  readonly format: BatchFormat;
  readonly memoryBytes: number;
  readonly lingerMs: number;
}

/** What became of a record that was to be appended. */
export type AppendOutcome =
  /** `startedBatch`: nothing waited there before; `filledBatch`: no more fits. */
  | { readonly startedBatch: boolean; readonly filledBatch: boolean }
  /** There is no memory left. */
  | null;

const JOINED: AppendOutcome = { startedBatch: false, filledBatch: false };
const FILLED: AppendOutcome = { startedBatch: false, filledBatch: true };

export class Accumulator {
  readonly #options: AccumulatorOptions;
  readonly #queues = new Map<string, PartitionQueue[]>();
  /** Queues in which something waits, in the order in which they are served. */
  readonly #busy = new Set<PartitionQueue>();
  /** Batches not done, by serial number. */
  readonly #undone = new Set<ProducerBatch>();
  #usedBytes = 0;
  #waitingBytes = 0;
  #nextSerial = 0;
  /** Batches up to this serial number are ready whatever their age. */
  #flushedSerial = -1;

  constructor(options: AccumulatorOptions) {
    this.#options = options;
  }

  /** Bytes that count for `buffer.memory`. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes of records that wait, those in flight left out. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get undoneCount(): number {
    return this.#undone.size;
  }

  /** Queues in which something waits. */
  get busy(): ReadonlySet<PartitionQueue> {
    return this.#busy;
  }

  queue({ topic, partition }: TopicPartition): PartitionQueue {
    let queues = this.#queues.get(topic);
    if (queues === undefined) this.#queues.set(topic, queues = []);
    return queues[partition] ??= new PartitionQueue(topic, partition);
  }

  /** All queues that were ever used. */
  *queues(): Iterable<PartitionQueue> {
    for (const queues of this.#queues.values()) {
      for (const queue of queues) if (queue !== undefined) yield queue;
    }
  }

  /** Starts all sequence numbers again, under another id or epoch. */
  renumber(): void {
    for (const queue of this.queues()) queue.renumber();
  }

  /**
   * Adds a record to the last batch of its queue, or to a new one.
   *
   * @param sizeMax The most that the record may take.
   */
  append(
    queue: PartitionQueue,
    record: RecordInput,
    rest: {
      readonly callback: DeliveryCallback | undefined;
      readonly sizeMax: number;
      readonly clock: Clock;
    },
  ): AppendOutcome {
    const last = queue.last;
    const sizeBefore = last?.sizeBytes ?? 0;
    if (last?.tryAppend(record, rest.callback)) {
      this.#waitingBytes += last.sizeBytes - sizeBefore;
      return last.isClosed ? FILLED : JOINED;
    }
    const { format, memoryBytes } = this.#options;
    const reservedBytes = Math.max(format.maxBytes, rest.sizeMax);
    // A record larger than what is free waits; one alone in the memory may pass.
    if (
      this.#usedBytes > 0 && this.#usedBytes + reservedBytes > memoryBytes
    ) return null;
    last?.close();
    const batch = new ProducerBatch(queue, {
      serial: this.#nextSerial++,
      createdMs: rest.clock.monotonicMs(),
      reservedBytes,
      format,
    });
    batch.tryAppend(record, rest.callback);
    this.#usedBytes += reservedBytes;
    this.#undone.add(batch);
    this.#enter(queue, batch);
    queue.waiting.push(batch);
    return {
      startedBatch: queue.waiting.length === 1,
      filledBatch: batch.isClosed || queue.waiting.length > 1,
    };
  }

  /** When the first batch of a queue may be sent; `Infinity` for an empty queue. */
  readyAtMs(queue: PartitionQueue, isUrgent: boolean): number {
    const head = queue.waiting[0];
    if (head === undefined) return Infinity;
    if (head.attemptCount > 0) return head.retryAtMs;
    const isReady = isUrgent || head.isClosed || queue.waiting.length > 1 ||
      head.serial <= this.#flushedSerial;
    return isReady ? 0 : head.createdMs + this.#options.lingerMs;
  }

  /** Takes the first batch of a queue out, to be sent; the queue goes to the end of the line. */
  take(queue: PartitionQueue): ProducerBatch {
    const batch = queue.waiting[0];
    batch.close();
    queue.took(batch);
    this.#waitingBytes -= batch.sizeBytes;
    this.#busy.delete(queue);
    if (queue.waiting.length > 0) this.#busy.add(queue);
    return batch;
  }

  /** Puts a batch back that has to be sent again. */
  putBack(batch: ProducerBatch): void {
    const queue = this.queue(batch);
    this.#enter(queue, batch);
    queue.putBack(batch);
  }

  /** Takes a batch that waits out of its queue, for good. */
  remove(batch: ProducerBatch): void {
    const queue = this.queue(batch);
    const at = queue.waiting.indexOf(batch);
    if (at < 0) return;
    queue.waiting.splice(at, 1);
    this.#waitingBytes -= batch.sizeBytes;
    if (queue.waiting.length === 0) this.#busy.delete(queue);
  }

  /** Puts the parts of a batch in its place. */
  replace(batch: ProducerBatch, parts: readonly ProducerBatch[]): void {
    const queue = this.queue(batch);
    queue.landed(batch);
    for (const part of parts) {
      this.#undone.add(part);
      this.#usedBytes += part.reservedBytes;
      this.#enter(queue, part);
      queue.putBack(part);
    }
    this.done(batch);
  }

  /** Gives the memory of a batch back, once its callbacks were told. */
  done(batch: ProducerBatch): void {
    if (!this.#undone.delete(batch)) return;
    this.#usedBytes -= batch.reservedBytes;
  }

  /** Batches not done yet, oldest first. */
  get undone(): ReadonlySet<ProducerBatch> {
    return this.#undone;
  }

  /** Makes all batches that exist now ready, and gives the last one's serial number. */
  flush(): number {
    this.#flushedSerial = this.#nextSerial - 1;
    return this.#flushedSerial;
  }

  /** True where all batches up to a serial number are done. */
  isDoneUpTo(serial: number): boolean {
    for (const batch of this.#undone) if (batch.serial <= serial) return false;
    return true;
  }

  #enter(queue: PartitionQueue, batch: ProducerBatch): void {
    this.#busy.add(queue);
    this.#waitingBytes += batch.sizeBytes;
  }
}

/** The error of a record that is larger than what may ever be sent. */
export function tooLarge(
  place: TopicPartition,
  sizeMax: number,
  limit: { readonly key: string; readonly bytes: number },
): KafkaError {
  return new KafkaError(
    "MESSAGE_TOO_LARGE",
    `A record of up to ${sizeMax} bytes for ${partitionKey(place)} is larger ` +
      `than ${limit.key}=${limit.bytes}`,
  );
}
