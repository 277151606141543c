// Has other brokers write the markers that end transactions, by WriteTxnMarkers.
//
// Source: KIP-98; KIP-1228 (the version of the transaction, so that a marker that
// comes late does not end the next one).

import type { Clock } from "../host/host.ts";
import { exchange } from "../rpc/exchange.ts";
import type {
  MarkerToWrite,
  TopicPartition,
} from "../transactions/marker_writer.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import {
  writeTxnMarkersRequest,
  type WriteTxnMarkersResponse,
  writeTxnMarkersResponse,
} from "../wire/kafka/messages/write_txn_markers.ts";
import type { PeerBrokers } from "./peer_brokers.ts";
import { byTopic, PerTurn } from "./per_turn.ts";

const WRITE_TXN_MARKERS = exchange(
  writeTxnMarkersRequest,
  writeTxnMarkersResponse,
);

/** Of transactions that have an epoch each. */
const EPOCH_EACH = 2;
/** Of those that go on with the same epoch. */
const SAME_EPOCH = 0;

type Codes = readonly number[];
type ProducerAnswer = WriteTxnMarkersResponse["markers"][number];

interface Order {
  readonly marker: MarkerToWrite;
  readonly partitions: readonly TopicPartition[];
  readonly done: (codes: Codes) => void;
}

export class RemoteMarkers {
  readonly #peers: Pick<PeerBrokers, "ask">;
  readonly #orders: PerTurn<Order>;

  constructor(clock: Clock, peers: Pick<PeerBrokers, "ask">) {
    this.#peers = peers;
    this.#orders = new PerTurn<Order>({
      clock,
      keyOf: ({ marker }) => marker.producerId,
      send: (brokerId, orders) => void this.#send(brokerId, orders),
    });
  }

  /**
   * One error code for each partition, in order: the broker's, or where it cannot be
   * asked, or does not answer, why. Never rejects.
   */
  write(
    brokerId: number,
    marker: MarkerToWrite,
    partitions: readonly TopicPartition[],
  ): Promise<Codes> {
    return new Promise((done) =>
      this.#orders.add(brokerId, { marker, partitions, done })
    );
  }

  async #send(brokerId: number, orders: readonly Order[]): Promise<void> {
    try {
      const { markers } = await this.#peers.ask(brokerId, WRITE_TXN_MARKERS, {
        markers: orders.map(asRequested),
      });
      const answers = new Map(markers.map((each) => [each.producerId, each]));
      for (const { marker, partitions, done } of orders) {
        done(codesOf(answers.get(marker.producerId), partitions));
      }
    } catch (error) {
      const code = error instanceof KafkaError
        ? error.code
        : ErrorCode.NETWORK_EXCEPTION;
      for (const { partitions, done } of orders) {
        done(partitions.map(() => code));
      }
    }
  }
}

function asRequested({ marker, partitions }: Order) {
  return {
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    transactionResult: marker.isCommit,
    coordinatorEpoch: marker.coordinatorEpoch,
    transactionVersion: marker.isEpochRaised ? EPOCH_EACH : SAME_EPOCH,
    topics: byTopic(partitions).map(({ name, partitions }) => ({
      name,
      partitionIndexes: partitions,
    })),
  };
}

function codesOf(
  answer: ProducerAnswer | undefined,
  partitions: readonly TopicPartition[],
): Codes {
  const topics = new Map(
    answer?.topics.map(({ name, partitions }) => [
      name,
      new Map(
        partitions.map((each) => [each.partitionIndex, each.errorCode]),
      ),
    ]),
  );
  // What is not answered for is asked again.
  return partitions.map(({ topic, partition }) =>
    topics.get(topic)?.get(partition) ?? ErrorCode.UNKNOWN_SERVER_ERROR
  );
}
