// What a transaction coordinator is asked, and what it answers.

import type { TopicPartition } from "./marker_writer.ts";
import type { TransactionStatus } from "./transaction_state.ts";

export interface ProducerIdAndEpoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** 2 is KIP-890: the epoch goes up at each end of a transaction. */
export type ClientVersion = 0 | 2;

export interface InitProducerIdOf {
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  /** -1 where the producer has none yet, or wants nothing of it. */
  readonly producerId: number;
  /** -1 where the producer has none yet, or wants nothing of it. */
  readonly producerEpoch: number;
}

export interface PartitionsOf {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly partitions: readonly TopicPartition[];
}

export interface AddPartitionsOf extends PartitionsOf {
  readonly clientVersion: ClientVersion;
}

export interface EndTransactionOf {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly isCommit: boolean;
  readonly clientVersion: ClientVersion;
}

export interface ListFilter {
  /** Names of states; none is all, and a name that is no state's matches none. */
  readonly states?: readonly string[];
  /** None is all. */
  readonly producerIds?: readonly number[];
  /** Those begun longer ago than this; -1 is all. */
  readonly minDurationMs?: number;
  /** Which transactional ids. */
  readonly matches?: (transactionalId: string) => boolean;
}

export interface TransactionListing {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly state: TransactionStatus;
}

export interface TransactionDescription extends TransactionListing {
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  /** Since 1970; -1 where none was begun. */
  readonly startTimeMs: number;
  readonly partitions: readonly TopicPartition[];
}
