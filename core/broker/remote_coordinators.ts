// What the leader of a partition asks of a transaction's coordinator on another
// broker: whether partitions are part of the transaction, or to make them so.
//
// Source: KIP-890 (AddPartitionsToTxn from version 4 on is sent by brokers).

import type { Cluster } from "../controller/cluster.ts";
import { partitionOf } from "../controller/cluster_image.ts";
import type { Clock } from "../host/host.ts";
import { exchange } from "../rpc/exchange.ts";
import type { TopicPartition } from "../transactions/marker_writer.ts";
import { TRANSACTIONS_TOPIC } from "../transactions/transaction_coordinator.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import {
  addPartitionsToTxnRequest,
  type AddPartitionsToTxnResponse,
  addPartitionsToTxnResponse,
} from "../wire/kafka/messages/add_partitions_to_txn.ts";
import type { PeerBrokers } from "./peer_brokers.ts";
import { byTopic, PerTurn } from "./per_turn.ts";

const ADD_PARTITIONS = exchange(
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
);

export interface AskedTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Whether to ask only, and add nothing. */
  readonly verifyOnly: boolean;
  readonly partitions: readonly TopicPartition[];
}

/** Why each partition is refused, in order; `null` where it is not. */
export type Refusals = readonly (KafkaError | null)[];

interface Question {
  readonly transaction: AskedTransaction;
  readonly done: (refusals: Refusals) => void;
}

export interface RemoteCoordinatorsOptions {
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly peers: Pick<PeerBrokers, "ask">;
  /** The partition of `__transaction_state` that looks after an id. */
  readonly partitionOf: (transactionalId: string) => number;
}

export class RemoteCoordinators {
  readonly #options: RemoteCoordinatorsOptions;
  readonly #questions: PerTurn<Question>;

  constructor(options: RemoteCoordinatorsOptions) {
    this.#options = options;
    this.#questions = new PerTurn<Question>({
      clock: options.clock,
      keyOf: ({ transaction }) => transaction.transactionalId,
      send: (brokerId, questions) => void this.#send(brokerId, questions),
    });
  }

  /** The other broker that coordinates a transactional id; `null` where this one does, or none. */
  brokerOf(transactionalId: string): number | null {
    const { image, brokerId } = this.#options.cluster;
    if (image.brokers.size <= 1) return null;
    const index = this.#options.partitionOf(transactionalId);
    const leader = partitionOf(image, TRANSACTIONS_TOPIC, index)?.leader ?? -1;
    return leader < 0 || leader === brokerId ? null : leader;
  }

  /** Never rejects; COORDINATOR_NOT_AVAILABLE where the answer may be another one soon. */
  ask(brokerId: number, transaction: AskedTransaction): Promise<Refusals> {
    return new Promise((done) =>
      this.#questions.add(brokerId, { transaction, done })
    );
  }

  async #send(brokerId: number, questions: readonly Question[]): Promise<void> {
    try {
      const answer = await this.#options.peers.ask(brokerId, ADD_PARTITIONS, {
        transactions: questions.map(({ transaction }) => ({
          ...transaction,
          topics: byTopic(transaction.partitions),
        })),
      });
      const codes = new Answers(answer);
      for (const { transaction, done } of questions) {
        done(
          transaction.partitions.map((each) =>
            refusalFor(codes.of(transaction.transactionalId, each), each)
          ),
        );
      }
    } catch (error) {
      // Whatever it is, the producer tries again, and meets whoever coordinates then.
      const reason = error instanceof Error ? error.message : String(error);
      const refusal = new KafkaError("COORDINATOR_NOT_AVAILABLE", reason);
      for (const { transaction, done } of questions) {
        done(transaction.partitions.map(() => refusal));
      }
    }
  }
}

/** The error codes of a response, to be looked up. */
class Answers {
  readonly #errorCode: number;
  readonly #codes = new Map<string, Map<string, Map<number, number>>>();

  constructor({ errorCode, resultsByTransaction }: AddPartitionsToTxnResponse) {
    this.#errorCode = errorCode;
    for (const { transactionalId, topicResults } of resultsByTransaction) {
      const topics = topicResults.map(({ name, resultsByPartition }) => {
        const codes = resultsByPartition.map((each) =>
          [each.partitionIndex, each.partitionErrorCode] as const
        );
        return [name, new Map(codes)] as const;
      });
      this.#codes.set(transactionalId, new Map(topics));
    }
  }

  of(transactionalId: string, { topic, partition }: TopicPartition): number {
    return this.#errorCode ||
      (this.#codes.get(transactionalId)?.get(topic)?.get(partition) ??
        ErrorCode.UNKNOWN_SERVER_ERROR);
  }
}

function refusalFor(
  code: number,
  { topic, partition }: TopicPartition,
): KafkaError | null {
  switch (code) {
    case ErrorCode.NONE:
      return null;
    // The partition is led here: its coordinator has yet to hear of it.
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.OPERATION_NOT_ATTEMPTED:
      return new KafkaError(
        "COORDINATOR_NOT_AVAILABLE",
        `The coordinator does not know of ${topic}-${partition} yet.`,
      );
    default:
      return KafkaError.ofCode(code);
  }
}
