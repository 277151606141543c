// How the coordinator ends a transaction in the partitions that it wrote to; the
// broker gives it, since it knows who leads them.

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** What is written into each partition of a transaction that ends. */
export interface MarkerToWrite {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly isCommit: boolean;
  /** Leader epoch of the coordinator's partition: a marker of an older one is refused. */
  readonly coordinatorEpoch: number;
  /**
   * Whether the epoch is above that of the transaction's records (KIP-890): a marker
   * that comes late then ends no later transaction. False where left out.
   */
  readonly isEpochRaised?: boolean;
}

/** Writes markers, here or on the brokers that lead the partitions. */
export interface MarkerWriter {
  /**
   * @returns Error codes, one for each partition in order: 0 where the marker is as
   * durable as the partition's records. Synchronous where nothing had to be waited
   * for. A rejection counts as "try again".
   */
  write(
    marker: MarkerToWrite,
    partitions: readonly TopicPartition[],
  ): readonly number[] | Promise<readonly number[]>;
}
