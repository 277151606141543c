// The transaction coordinator of one broker: a shard for each partition of
// `__transaction_state` that it leads.

import type { BrokerConfig } from "../config/broker_config.ts";
import type { Host } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { ShardLog } from "../shards/shard_log.ts";
import type { MarkerWriter, TopicPartition } from "./marker_writer.ts";

/** The topic that transactions are kept in. */
export const TRANSACTIONS_TOPIC = "__transaction_state";

/** What the coordinator asks of its broker. */
export interface TransactionCoordinatorOptions {
  readonly host: Host;
  /** The configuration now in force. */
  readonly config: () => BrokerConfig;
  /** How many partitions `__transaction_state` has; those it would get where it is missing. */
  readonly partitionCount: () => number;
  /** A producer id that nobody has had. */
  readonly nextProducerId: () => number | Promise<number>;
  readonly markers: MarkerWriter;
  readonly trace: (line: string) => void;
}

export interface ProducerIdAndEpoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** 2 is KIP-890: the epoch goes up at each end of a transaction. */
export type ClientVersion = 0 | 2;

export interface InitProducerIdOf {
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  /** -1 where the producer has none yet. */
  readonly producerId: number;
  /** -1 where the producer has none yet. */
  readonly producerEpoch: number;
}

export interface PartitionsOf {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly partitions: readonly TopicPartition[];
}

export interface EndTransactionOf {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly isCommit: boolean;
  readonly clientVersion: ClientVersion;
}

export interface ListFilter {
  /** Names of states; none is all. */
  readonly states?: readonly string[];
  /** None is all. */
  readonly producerIds?: readonly number[];
  /** Those open for longer; -1 is all. */
  readonly minDurationMs?: number;
  readonly matches?: (transactionalId: string) => boolean;
}

export interface TransactionListing {
  readonly transactionalId: string;
  readonly producerId: number;
  /** `Ongoing`, … */
  readonly state: string;
}

export interface TransactionDescription extends TransactionListing {
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  /** Since 1970; -1 where none was begun. */
  readonly startTimeMs: number;
  readonly partitions: readonly TopicPartition[];
}

export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions;

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options;
  }

  /** The partition of `__transaction_state` that looks after an id. */
  partitionOf(_transactionalId: string): number {
    return this.#options.partitionCount() - 1;
  }

  /** Takes over a partition; its transactions are loaded from its log. */
  lead(_log: ShardLog): Promise<void> {
    return Promise.resolve();
  }

  /** Gives up a partition. */
  resign(_partition: number): void {}

  /** Gives up everything. */
  close(): void {}

  initProducerId(_request: InitProducerIdOf): Promise<ProducerIdAndEpoch> {
    throw new KafkaError("COORDINATOR_NOT_AVAILABLE");
  }

  addPartitions(
    _request: PartitionsOf & { readonly clientVersion: ClientVersion },
  ): void | Promise<void> {
    throw new KafkaError("COORDINATOR_NOT_AVAILABLE");
  }

  /** One code for each partition, in order. */
  verifyPartitions(_request: PartitionsOf): readonly number[] {
    throw new KafkaError("COORDINATOR_NOT_AVAILABLE");
  }

  endTransaction(
    _request: EndTransactionOf,
  ): ProducerIdAndEpoch | Promise<ProducerIdAndEpoch> {
    throw new KafkaError("COORDINATOR_NOT_AVAILABLE");
  }

  list(_filter: ListFilter): readonly TransactionListing[] {
    throw new KafkaError("COORDINATOR_NOT_AVAILABLE");
  }

  describe(_transactionalId: string): TransactionDescription {
    throw new KafkaError("COORDINATOR_NOT_AVAILABLE");
  }
}
