// Records on their way to one partition, and the queue that they wait in.
//
//   open → closed (full, or taken) → in flight → done
//                        ↑               │
//                        └── to be sent again
//
// A batch keeps its place among those of its partition, also when it has to be
// sent again: the queue is in the order of serial numbers.

import { assert } from "../base/assert.ts";
import type { CompressionName } from "../compress/codecs.ts";
import { BatchBuilder, type BatchProducer } from "../record/batch_builder.ts";
import type { RecordInput } from "../record/record.ts";
import type { TopicPartition } from "./metadata.ts";
import type { DeliveryCallback, RecordMetadata } from "./producer_record.ts";

/** Sequence numbers start again at 0 after this one. */
const SEQUENCE_MAX = 2 ** 31 - 1;

/** The sequence number that follows after `count` records. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) % (SEQUENCE_MAX + 1);
}

export interface BatchFormat {
  readonly maxBytes: number;
  readonly compression: CompressionName;
  readonly compressionLevel?: number;
}

/** Records that are sent, acknowledged and retried together. */
export class ProducerBatch implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** Rises with each batch of the producer; the parts of a split one share its span. */
  readonly serial: number;
  readonly serialSpan: number;
  readonly createdMs: number;
  /** What it counts for in `buffer.memory`. */
  readonly reservedBytes: number;
  readonly #builder: BatchBuilder;
  readonly #callbacks: (DeliveryCallback | undefined)[] = [];
  readonly #timestampsMs: number[] = [];
  #isOpen = true;
  #bytes: Uint8Array | null = null;
  #sequence: BatchProducer | null = null;
  /** How often it was sent. */
  attemptCount = 0;
  /** Not to be sent before this time, on the monotonic clock. */
  retryAtMs = 0;
  /** True once its callbacks were told. */
  isDone = false;

  constructor(
    place: TopicPartition,
    options: {
      readonly serial: number;
      readonly serialSpan?: number;
      readonly createdMs: number;
      readonly reservedBytes: number;
      readonly format: BatchFormat;
    },
  ) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.serial = options.serial;
    this.serialSpan = options.serialSpan ?? 1;
    this.createdMs = options.createdMs;
    this.reservedBytes = options.reservedBytes;
    this.#builder = new BatchBuilder(options.format);
  }

  get recordCount(): number {
    return this.#builder.recordCount;
  }

  /** Before compression. */
  get sizeBytes(): number {
    return this.#builder.sizeBytes;
  }

  /** True where no more records will come. */
  get isClosed(): boolean {
    return !this.#isOpen || this.#builder.isFull;
  }

  /** The first sequence number; -1 before one is assigned. */
  get baseSequence(): number {
    return this.#sequence?.baseSequence ?? -1;
  }

  /** Adds a record where it fits; the first always does. */
  tryAppend(
    record: RecordInput,
    callback: DeliveryCallback | undefined,
  ): boolean {
    if (!this.#isOpen || !this.#builder.tryAppend(record)) return false;
    this.#callbacks.push(callback);
    this.#timestampsMs.push(record.timestampMs);
    return true;
  }

  /** Takes no more records. */
  close(): void {
    this.#isOpen = false;
  }

  /** Gives it a place among its producer's batches, or takes that away. */
  setSequence(producer: BatchProducer | null): void {
    if (producer === null && this.#sequence === null) return;
    this.#sequence = producer;
    this.#bytes = null;
  }

  /** The batch as it is sent: the same bytes each time, while the sequence stays. */
  bytes(): Uint8Array {
    this.#isOpen = false;
    this.#bytes ??= this.#builder.build(this.#sequence ?? {});
    return this.#bytes;
  }

  /** The callback of a record, for a batch that takes it over. */
  callbackAt(index: number): DeliveryCallback | undefined {
    return this.#callbacks[index];
  }

  /**
   * Tells all callbacks that the records are written.
   *
   * @param baseOffset -1 where it is not known.
   * @param logAppendTimeMs -1 where the records keep their own times.
   */
  succeed(baseOffset: number, logAppendTimeMs: number): void {
    if (this.isDone) return;
    this.isDone = true;
    const { topic, partition } = this;
    this.#callbacks.forEach((callback, i) => {
      if (callback === undefined) return;
      tell(callback, null, {
        topic,
        partition,
        offset: baseOffset < 0 ? -1 : baseOffset + i,
        timestampMs: logAppendTimeMs < 0
          ? this.#timestampsMs[i]
          : logAppendTimeMs,
      });
    });
  }

  /** Tells all callbacks that the records are not written, as far as is known. */
  fail(errorOf: (index: number) => Error): void {
    if (this.isDone) return;
    this.isDone = true;
    this.#callbacks.forEach((callback, i) => {
      if (callback !== undefined) tell(callback, errorOf(i), null);
    });
  }
}

/** An exception of a callback is its owner's: it must not stop the others. */
export function tell(
  callback: DeliveryCallback,
  error: Error | null,
  metadata: RecordMetadata | null,
): void {
  try {
    callback(error, metadata);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}

/** The batches of one partition: those that wait, and those in flight. */
export class PartitionQueue implements TopicPartition {
  /** By serial number; the last may be open. */
  readonly waiting: ProducerBatch[] = [];
  readonly inFlight: ProducerBatch[] = [];
  /** The sequence number of the next record that gets one. */
  nextSequence = 0;
  /** True once the leader has numbered records of this producer and epoch. */
  isNumbered = false;

  constructor(readonly topic: string, readonly partition: number) {}

  /** The batch that may take another record. */
  get last(): ProducerBatch | undefined {
    return this.waiting[this.waiting.length - 1];
  }

  /** Puts a batch back in its place. */
  putBack(batch: ProducerBatch): void {
    this.landed(batch);
    const { waiting } = this;
    let at = 0;
    while (at < waiting.length && waiting[at].serial < batch.serial) at++;
    waiting.splice(at, 0, batch);
  }

  /** Notes that a batch left for the broker. */
  took(batch: ProducerBatch): void {
    assert(this.waiting[0] === batch, "Batches leave in their order");
    this.waiting.shift();
    this.inFlight.push(batch);
  }

  /** Notes that a batch is not in flight any more. */
  landed(batch: ProducerBatch): void {
    const at = this.inFlight.indexOf(batch);
    if (at >= 0) this.inFlight.splice(at, 1);
  }

  /** Starts the sequence numbers again, under another id or epoch. */
  renumber(): void {
    this.nextSequence = 0;
    this.isNumbered = false;
    for (const batch of this.waiting) batch.setSequence(null);
  }

  /** True where an earlier batch has not been answered for good. */
  hasEarlier(batch: ProducerBatch): boolean {
    const isEarlier = (other: ProducerBatch) => other.serial < batch.serial;
    return this.inFlight.some(isEarlier) || this.waiting.some(isEarlier);
  }
}
