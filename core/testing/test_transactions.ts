// A transactional producer that speaks frames, so that tests of the broker can say
// what a well-behaved one never would.

import {
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from "../wire/kafka/messages/add_partitions_to_txn.ts";
import {
  endTxnRequest,
  endTxnResponse,
} from "../wire/kafka/messages/end_txn.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from "../wire/kafka/messages/init_producer_id.ts";
import {
  batchOf,
  PRODUCE,
  type TestBroker,
  type TestClient,
} from "./broker_fixture.ts";

const INIT = [initProducerIdRequest, initProducerIdResponse] as const;
const ADD = [addPartitionsToTxnRequest, addPartitionsToTxnResponse] as const;
const END = [endTxnRequest, endTxnResponse] as const;

/** Produce versions of clients that add partitions themselves, and of those that leave it to leaders. */
export const OLDER_PRODUCE = 11;
export const NEWER_PRODUCE = 12;

export class TestProducer {
  readonly transactionalId: string;
  /** Of Produce; decides which kind of client it is. */
  readonly version: number;
  producerId = -1;
  producerEpoch = -1;
  #client: TestClient;
  readonly #sequences = new Map<string, number>();

  private constructor(
    client: TestClient,
    transactionalId: string,
    version: number,
  ) {
    this.#client = client;
    this.transactionalId = transactionalId;
    this.version = version;
  }

  /** One whose transactional id is its own now, on a connection of its own. */
  static async begin(
    broker: TestBroker,
    transactionalId: string,
    version = NEWER_PRODUCE,
    transactionTimeoutMs = 60_000,
  ): Promise<TestProducer> {
    await broker.broker.transactionsTopic.ensure();
    const producer = new TestProducer(
      await broker.connect(),
      transactionalId,
      version,
    );
    for (;;) {
      const answer = await producer.#client.call(INIT, 4, {
        transactionalId,
        transactionTimeoutMs,
        producerId: -1,
        producerEpoch: -1,
      });
      if (
        answer.errorCode === ErrorCode.NOT_COORDINATOR ||
        answer.errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ||
        answer.errorCode === ErrorCode.CONCURRENT_TRANSACTIONS
      ) continue;
      if (answer.errorCode !== ErrorCode.NONE) {
        throw new Error(`InitProducerId was answered ${answer.errorCode}`);
      }
      producer.producerId = answer.producerId;
      producer.producerEpoch = answer.producerEpoch;
      return producer;
    }
  }

  /** Goes on with a broker that was started again. */
  async reconnect(broker: TestBroker): Promise<void> {
    this.#client = await broker.connect();
  }

  get isNewer(): boolean {
    return this.version >= NEWER_PRODUCE;
  }

  /** Adds a partition, as older clients do; gives the error code. */
  async add(topic: string, partition = 0): Promise<number> {
    const answer = await this.#client.call(ADD, 3, {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
    });
    return answer.resultsByTopicV3AndBelow[0].resultsByPartition[0]
      .partitionErrorCode;
  }

  /** A batch of the transaction; its sequence number is the next where left out. */
  batch(
    values: readonly string[],
    options: {
      readonly topic?: string;
      readonly partition?: number;
      readonly baseSequence?: number;
      readonly producerEpoch?: number;
      readonly timestampMs?: number;
    } = {},
  ): Uint8Array {
    const { topic = "t", partition = 0 } = options;
    const key = `${topic}-${partition}`;
    const baseSequence = options.baseSequence ?? this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, baseSequence + values.length);
    return batchOf(values, {
      timestampMs: options.timestampMs,
      producerId: this.producerId,
      producerEpoch: options.producerEpoch ?? this.producerEpoch,
      baseSequence,
      isTransactional: true,
    });
  }

  /** Sends one batch; gives the answer of its partition. */
  async send(
    records: Uint8Array,
    options: {
      readonly topic?: string;
      readonly partition?: number;
      readonly transactionalId?: string | null;
      readonly version?: number;
      readonly acks?: number;
    } = {},
  ) {
    const { topic = "t", partition = 0, acks = -1 } = options;
    const { transactionalId = this.transactionalId } = options;
    const { responses } = await this.#client.call(
      PRODUCE,
      options.version ?? this.version,
      {
        transactionalId,
        acks,
        timeoutMs: 5000,
        topicData: [{
          name: topic,
          partitionData: [{ index: partition, records }],
        }],
      },
    );
    return responses[0].partitionResponses[0];
  }

  /** Writes one batch in the transaction, with all that its kind of client does first; gives the error code. */
  async write(
    values: readonly string[],
    topic = "t",
    partition = 0,
  ): Promise<number> {
    if (!this.isNewer) {
      const errorCode = await this.add(topic, partition);
      if (errorCode !== ErrorCode.NONE) return errorCode;
    }
    const records = this.batch(values, { topic, partition });
    return (await this.send(records, { topic, partition })).errorCode;
  }

  /** Ends the transaction; gives the error code. */
  async end(committed: boolean): Promise<number> {
    const answer = await this.#client.call(END, this.isNewer ? 5 : 4, {
      transactionalId: this.transactionalId,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      committed,
    });
    if (answer.errorCode === ErrorCode.NONE && this.isNewer) {
      this.producerId = answer.producerId;
      this.producerEpoch = answer.producerEpoch;
      this.#sequences.clear();
    }
    return answer.errorCode;
  }
}
