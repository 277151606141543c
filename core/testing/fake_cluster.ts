// What the fake brokers of one cluster share: topics, their leaders, and logs in
// memory. Enough of Kafka's rules to find a client's mistakes: sequence numbers,
// leader epochs, offsets out of range, aborted transactions.

import {
  batchBaseSequence,
  batchLastOffset,
  batchProducerEpoch,
  batchProducerId,
  batchRecordCount,
  batchSize,
  setBaseOffset,
  setPartitionLeaderEpoch,
} from "../record/batch_header.ts";
import { decodeBatch, type Record } from "../record/record_batch.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";

interface WrittenBatch {
  readonly baseSequence: number;
  readonly recordCount: number;
  readonly baseOffset: number;
}

interface ProducerState {
  epoch: number;
  nextSequence: number;
  /** The last five, which may come again. */
  readonly last: WrittenBatch[];
}

/** One partition of a fake cluster. */
export class FakePartition {
  /** Broker id; -1 for none. */
  leader: number;
  leaderEpoch = 0;
  logStartOffset = 0;
  endOffset = 0;
  /** Where transactions are still open; the end where it is `null`. */
  lastStableOffset: number | null = null;
  readonly batches: Uint8Array[] = [];
  readonly aborted: { producerId: number; firstOffset: number }[] = [];
  readonly #producers = new Map<number, ProducerState>();
  #waiters: (() => void)[] = [];

  constructor(leader: number) {
    this.leader = leader;
  }

  /** All records, decoded. */
  get records(): Record[] {
    return this.batches.flatMap((batch) => decodeBatch(batch));
  }

  /**
   * Appends a batch as a leader does.
   *
   * @returns The error code, and the offset of its first record.
   */
  append(batch: Uint8Array): { errorCode: number; baseOffset: number } {
    const producerId = batchProducerId(batch);
    const written = {
      baseSequence: batchBaseSequence(batch),
      recordCount: batchRecordCount(batch),
      baseOffset: this.endOffset,
    };
    if (producerId >= 0 && written.baseSequence >= 0) {
      const epoch = batchProducerEpoch(batch);
      const refusal = this.#checkSequence(producerId, epoch, written);
      if (refusal !== null) return refusal;
    }
    const copy = batch.slice();
    setBaseOffset(copy, 0, this.endOffset);
    setPartitionLeaderEpoch(copy, 0, this.leaderEpoch);
    this.batches.push(copy);
    this.endOffset = batchLastOffset(copy) + 1;
    for (const resume of this.#waiters.splice(0)) resume();
    return { errorCode: 0, baseOffset: written.baseOffset };
  }

  /**
   * The batches from the one with `offset` on, the first whatever its size, none
   * from `endOffset` on.
   */
  read(offset: number, maxBytes: number, endOffset = Infinity): Uint8Array {
    const found: Uint8Array[] = [];
    let sizeBytes = 0;
    for (const batch of this.batches) {
      if (batchLastOffset(batch) < offset) continue;
      if (batchLastOffset(batch) >= endOffset) break;
      const size = batchSize(batch);
      if (found.length > 0 && sizeBytes + size > maxBytes) break;
      found.push(batch);
      sizeBytes += size;
    }
    const bytes = new Uint8Array(sizeBytes);
    let position = 0;
    for (const batch of found) {
      bytes.set(batch, position);
      position += batch.length;
    }
    return bytes;
  }

  /** Resolves with the next append. */
  appended(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Forgets all producers, as a broker does that lost its snapshots. */
  forgetProducers(): void {
    this.#producers.clear();
  }

  #checkSequence(producerId: number, epoch: number, written: WrittenBatch) {
    const known = this.#producers.get(producerId);
    const duplicate = known?.last.find((batch) =>
      known.epoch === epoch && batch.baseSequence === written.baseSequence &&
      batch.recordCount === written.recordCount
    );
    if (duplicate !== undefined) {
      return { errorCode: 0, baseOffset: duplicate.baseOffset };
    }
    if (known !== undefined && epoch < known.epoch) {
      return refused(ErrorCode.INVALID_PRODUCER_EPOCH);
    }
    const isNewEpoch = known === undefined || epoch > known.epoch;
    const expected = isNewEpoch ? 0 : known.nextSequence;
    // A producer that is not known may start anywhere, as in Kafka.
    if (known !== undefined && written.baseSequence !== expected) {
      return refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    }
    const last = isNewEpoch ? [] : known.last;
    last.push(written);
    if (last.length > 5) last.shift();
    this.#producers.set(producerId, {
      epoch,
      nextSequence: written.baseSequence + written.recordCount,
      last,
    });
    return null;
  }
}

function refused(errorCode: number) {
  return { errorCode, baseOffset: -1 };
}

export interface FakeTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: FakePartition[];
}

/** The state that all fake brokers of a cluster answer from. */
export class FakeClusterState {
  readonly clusterId = "fake-cluster-000000000";
  controllerId = 1;
  readonly brokers = new Map<number, { host: string; port: number }>();
  readonly topics = new Map<string, FakeTopic>();
  autoCreates = false;
  /** What a leader has checked before it appends: an error code. */
  checkProduced: (
    partition: FakePartition,
    batch: Uint8Array,
    request: { readonly transactionalId: string | null },
  ) => number = () => 0;
  #nextProducerId = 1000;
  #nextTopic = 1;

  /** Makes a topic, its partitions led by the brokers in turn. */
  createTopic(name: string, partitionCount = 1): FakeTopic {
    const ids = [...this.brokers.keys()];
    const topicId = `${this.#nextTopic++}`.padStart(21, "T") + "A";
    const partitions = Array.from(
      { length: partitionCount },
      (_, i) => new FakePartition(ids[i % ids.length]),
    );
    const topic = { name, topicId, partitions };
    this.topics.set(name, topic);
    return topic;
  }

  partition(topic: string, partition: number): FakePartition | undefined {
    return this.topics.get(topic)?.partitions[partition];
  }

  topicById(topicId: string): FakeTopic | undefined {
    return [...this.topics.values()].find((t) => t.topicId === topicId);
  }

  /** Moves a partition to another leader, under a new leader epoch. */
  moveLeader(topic: string, partition: number, leader: number): void {
    const found = this.partition(topic, partition)!;
    found.leader = leader;
    found.leaderEpoch++;
  }

  newProducerId(): number {
    return this.#nextProducerId++;
  }
}
