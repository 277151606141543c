// What a transaction is about, as a broker is asked for scripts/conformance/
// transaction-requests: records in partitions, offsets of a group, and what has
// become of both.

import { exchange } from "../../core/rpc/exchange.ts";
import type { KafkaConnection } from "../../core/rpc/client.ts";
import { encodeBatch } from "../../core/record/record_batch.ts";
import {
  addOffsetsToTxnRequest,
  addOffsetsToTxnResponse,
} from "../../core/wire/kafka/messages/add_offsets_to_txn.ts";
import {
  describeProducersRequest,
  describeProducersResponse,
} from "../../core/wire/kafka/messages/describe_producers.ts";
import {
  offsetFetchRequest,
  offsetFetchResponse,
} from "../../core/wire/kafka/messages/offset_fetch.ts";
import {
  produceRequest,
  produceResponse,
} from "../../core/wire/kafka/messages/produce.ts";
import {
  txnOffsetCommitRequest,
  txnOffsetCommitResponse,
} from "../../core/wire/kafka/messages/txn_offset_commit.ts";
import { nameOf, settled } from "./settled_answer.ts";

const PRODUCE = exchange(produceRequest, produceResponse);
const ADD_OFFSETS = exchange(addOffsetsToTxnRequest, addOffsetsToTxnResponse);
const COMMIT = exchange(txnOffsetCommitRequest, txnOffsetCommitResponse);
const PRODUCERS = exchange(describeProducersRequest, describeProducersResponse);
const FETCH_OFFSETS = exchange(offsetFetchRequest, offsetFetchResponse);
/** The last version that asks for one group, and the first that asks for what stays. */
const FETCH_OFFSETS_VERSION = 7;
const ACKS_ALL = -1;

export interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** A broker, and how far each producer has come in each partition there. */
export class TransactionContents {
  readonly #connection: KafkaConnection;
  readonly #topic: string;
  readonly #sequences = new Map<string, number>();

  constructor(connection: KafkaConnection, topic: string) {
    this.#connection = connection;
    this.#topic = topic;
  }

  /** @param late How many records the batch comes behind the next one: 1 for the last one again. */
  async produce(
    transactionalId: string,
    { version, partition, late }: {
      readonly version: number;
      readonly partition: number;
      readonly late: number;
    },
    producer: Producer,
  ): Promise<string> {
    const key = `${producer.producerId} ${producer.producerEpoch} ${partition}`;
    const next = this.#sequences.get(key) ?? 0;
    const baseSequence = Math.max(0, next - late);
    const records = encodeBatch({
      ...producer,
      baseSequence,
      isTransactional: true,
      records: [{
        offset: 0,
        timestampMs: Date.now(),
        key: null,
        value: new Uint8Array(1),
        headers: [],
      }],
    });
    const { responses: [{ partitionResponses: [{ errorCode }] }] } =
      await settled(
        () =>
          this.#connection.sendAs(PRODUCE, version, {
            transactionalId,
            acks: ACKS_ALL,
            timeoutMs: 10_000,
            topicData: [{
              name: this.#topic,
              partitionData: [{ index: partition, records }],
            }],
          }),
        (answer) => answer.responses[0].partitionResponses[0].errorCode,
      );
    if (errorCode === 0) {
      this.#sequences.set(key, Math.max(next, baseSequence + 1));
    }
    return nameOf(errorCode);
  }

  async addOffsets(
    transactionalId: string,
    version: number,
    producer: Producer,
  ): Promise<string> {
    const { errorCode } = await settled(
      () =>
        this.#connection.sendAs(ADD_OFFSETS, version, {
          transactionalId,
          ...producer,
          groupId: groupOf(transactionalId),
        }),
      (answer) => answer.errorCode,
    );
    return nameOf(errorCode);
  }

  async commit(
    transactionalId: string,
    { version, offset }: { readonly version: number; readonly offset: number },
    producer: Producer,
  ): Promise<string> {
    const { topics: [{ partitions: [{ errorCode }] }] } = await settled(
      () =>
        this.#connection.sendAs(COMMIT, version, {
          transactionalId,
          groupId: groupOf(transactionalId),
          ...producer,
          topics: [{
            name: this.#topic,
            partitions: [{
              partitionIndex: 0,
              committedOffset: offset,
              committedMetadata: null,
            }],
          }],
        }),
      (answer) => answer.topics[0].partitions[0].errorCode,
    );
    return nameOf(errorCode);
  }

  /** What partitions know of a producer, and which offset its group has. */
  async describe(
    transactionalId: string,
    { producerId }: Producer,
    partitions: readonly number[],
  ): Promise<string> {
    const known = await this.#connection.sendAs(PRODUCERS, 0, {
      topics: [{ name: this.#topic, partitionIndexes: [...partitions] }],
    });
    const places = known.topics[0].partitions.flatMap((place) =>
      place.activeProducers
        .filter((each) => each.producerId === producerId)
        .map((each) =>
          `${place.partitionIndex}: ${
            each.currentTxnStartOffset < 0 ? "closed" : "open"
          } in epoch ${each.producerEpoch} after ${each.lastSequence}`
        )
    );
    const group = await settled(
      () =>
        this.#connection.sendAs(FETCH_OFFSETS, FETCH_OFFSETS_VERSION, {
          groupId: groupOf(transactionalId),
          topics: [{ name: this.#topic, partitionIndexes: [0] }],
          requireStable: true,
        }),
      ({ errorCode }) => errorCode,
    );
    const [{ committedOffset, errorCode }] = group.topics[0].partitions;
    return [
      ...places.sort(),
      `group: ${committedOffset} ${nameOf(errorCode)}`,
    ].join(", ");
  }
}

/** Each id has a group of its own. */
function groupOf(transactionalId: string): string {
  return `group of ${transactionalId}`;
}
