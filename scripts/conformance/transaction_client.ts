// What the suite asks of a client about transactions. All topics have one partition.

/** Every operation with its argument and its answer. */
export interface TransactionOperations {
  /** Starts a producer and fences whoever had its id. */
  initTransactions: [
    {
      /** Names the producer towards its client, for all other calls. */
      readonly producer: string;
      readonly transactionalId: string;
      readonly timeoutMs: number;
    },
    null,
  ];
  beginTransaction: [{ readonly producer: string }, null];
  /** Answers once the broker has taken the records. */
  sendInTransaction: [
    {
      readonly producer: string;
      readonly topic: string;
      readonly values: readonly string[];
    },
    null,
  ];
  /** Of a group whose members the producer does not know. */
  sendOffsets: [
    {
      readonly producer: string;
      readonly group: string;
      readonly topic: string;
      readonly offset: number;
    },
    null,
  ];
  commitTransaction: [{ readonly producer: string }, null];
  abortTransaction: [{ readonly producer: string }, null];
  closeProducer: [{ readonly producer: string }, null];
  /** Committed records from the first on, up to one with that value. */
  readCommitted: [
    { readonly topic: string; readonly until: string },
    CommittedRecord[],
  ];
  /** All committed records of a topic; Java's clients only. */
  readAllCommitted: [{ readonly topic: string }, KeyedRecord[]];
  /**
   * Reads in a group and writes what it reads, offsets and records in one
   * transaction. Every third one is aborted, and its records are read again.
   *
   * @returns How many were aborted.
   */
  copyInTransactions: [
    {
      readonly transactionalId: string;
      readonly group: string;
      readonly from: string;
      readonly to: string;
      readonly count: number;
    },
    number,
  ];
  /**
   * Sends offsets as an older generation of its group and as a stranger, then as
   * itself; `refused` where only the last is taken.
   */
  sendStaleOffsets: [
    {
      readonly transactionalId: string;
      readonly group: string;
      readonly topic: string;
    },
    string,
  ];
}

export type CommittedRecord = readonly [offset: number, value: string];

export type KeyedRecord = readonly [
  partition: number,
  offset: number,
  key: string,
  value: string,
];

export type TransactionOperationName = keyof TransactionOperations;

/** A client that has transactions, or some of them. */
export interface TransactionClient {
  askTransaction<Name extends TransactionOperationName>(
    operation: Name,
    argument: TransactionOperations[Name][0],
  ): Promise<TransactionOperations[Name][1]>;
}
