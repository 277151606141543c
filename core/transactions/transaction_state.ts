// Where the transaction of one transactional id stands, and the states of all ids
// of one partition of `__transaction_state`.
//
//   Empty ─► Ongoing ─► PrepareCommit ─► CompleteCommit ─┐
//     ▲         │                                        ├─► Ongoing, Empty …
//     │         └─────► PrepareAbort ──► CompleteAbort ──┘
//     └── a producer with this id begins
//
// A state is a value: a transition makes a new one, and the record that stores it
// is the whole of it. That it is prepared decides a transaction; that it is
// complete says that every partition has heard.
//
// Source: KIP-98, KIP-360, KIP-890.

import type { TopicPartition } from "./marker_writer.ts";

/** Kafka's names; the place in this list is the number in the log. */
export const transactionStatuses = [
  "Empty",
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "CompleteCommit",
  "CompleteAbort",
  "Dead",
  "PrepareEpochFence",
] as const;

export type TransactionStatus = typeof transactionStatuses[number];

/** Partition numbers by topic, in the order in which they came. */
export type PartitionsByTopic = ReadonlyMap<string, readonly number[]>;

export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
/** No producer is given it: it is left for the one who fences the last. */
export const PRODUCER_EPOCH_MAX = 32767;
/** No transaction was begun yet. */
export const NO_START_TIME = -1;
/** From this version of a client on, the epoch goes up at each end of a transaction. */
export const EPOCH_PER_TRANSACTION = 2;

export interface TransactionState {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** The id before, where the epochs of that ran out in the last step; -1. */
  readonly previousProducerId: number;
  /** While prepared: the id from the end of this transaction on, where the epochs ran out; -1. */
  readonly nextProducerId: number;
  /**
   * The epoch that the same producer had before this one, so that it may ask again
   * for this one; -1 where it may not. Not in the log.
   */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly status: TransactionStatus;
  /** Those that need a marker. */
  readonly partitions: PartitionsByTopic;
  /** Since 1970; `NO_START_TIME`. */
  readonly startTimeMs: number;
  /** Since 1970. */
  readonly updateTimeMs: number;
  /** Of the client that brought the state about: 0, or `EPOCH_PER_TRANSACTION`. */
  readonly clientVersion: number;
}

export const noPartitions: PartitionsByTopic = new Map();

/** Whether the end is decided, and markers are on their way. */
export function isPrepared({ status }: TransactionState): boolean {
  return status === "PrepareCommit" || status === "PrepareAbort";
}

/** Whether nothing is open, so that the id may be forgotten one day. */
export function isIdle({ status }: TransactionState): boolean {
  return status === "Empty" || status === "CompleteCommit" ||
    status === "CompleteAbort";
}

/** Whether a producer with the next epoch could not be fenced any more. */
export function isExhausted(producerEpoch: number): boolean {
  return producerEpoch >= PRODUCER_EPOCH_MAX - 1;
}

export function hasPartition(
  partitions: PartitionsByTopic,
  { topic, partition }: TopicPartition,
): boolean {
  return partitions.get(topic)?.includes(partition) ?? false;
}

/** These and more; the same map where it has them all. */
export function withPartitions(
  partitions: PartitionsByTopic,
  added: readonly TopicPartition[],
): PartitionsByTopic {
  let all: Map<string, readonly number[]> | null = null;
  for (const each of added) {
    const current = all ?? partitions;
    if (hasPartition(current, each)) continue;
    all ??= new Map(partitions);
    all.set(each.topic, [...current.get(each.topic) ?? [], each.partition]);
  }
  return all ?? partitions;
}

export function listPartitions(
  partitions: PartitionsByTopic,
): TopicPartition[] {
  const list: TopicPartition[] = [];
  for (const [topic, numbers] of partitions) {
    for (const partition of numbers) list.push({ topic, partition });
  }
  return list;
}

/** The states of the ids of one partition, by transactional id. */
export type TransactionStates = Map<string, TransactionState>;
