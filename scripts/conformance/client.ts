// What the suite asks of a client, whatever it is written in: a handful of
// operations, each one call. A client that cannot do one says so by name.

/** A record as JSON carries it: all texts are UTF-8. */
export interface TextRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [key: string, value: string])[];
}

/** A record as a client read it. */
export interface ReadRecord extends TextRecord {
  readonly offset: number;
  readonly timestampMs: number;
}

/** What to read: `count` records of a partition, from an offset on. */
export interface Source {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly count: number;
}

export interface ProduceOptions {
  readonly topic: string;
  readonly records: readonly TextRecord[];
  readonly compression: string;
  readonly acks: "0" | "1" | "all";
  readonly isIdempotent: boolean;
}

/** Every operation with its argument and its answer. */
export interface Operations {
  produce: [ProduceOptions, null];
  /** Answers in the order of the sources. */
  consume: [{ readonly sources: readonly Source[] }, ReadRecord[][]];
  createTopic: [
    {
      readonly topic: string;
      readonly partitions: number;
      readonly config: Readonly<Record<string, string>>;
    },
    null,
  ];
  listTopics: [Record<never, never>, string[]];
  partitionCount: [{ readonly topic: string }, number];
  addPartitions: [{ readonly topic: string; readonly total: number }, null];
  getConfig: [{ readonly topic: string; readonly key: string }, string];
  setConfig: [
    { readonly topic: string; readonly key: string; readonly value: string },
    null,
  ];
  /** Records before the offset, in partition 0. */
  deleteRecords: [{ readonly topic: string; readonly before: number }, null];
  /** Of partition 0. */
  offsets: [{ readonly topic: string }, { earliest: number; latest: number }];
  /** Of partition 0: the first record at or after a time. */
  offsetForTime: [
    { readonly topic: string; readonly timestampMs: number },
    number,
  ];
  deleteTopic: [{ readonly topic: string }, null];
  /** How many records a benchmark tool says that it sent. */
  perfProduce: [{ readonly topic: string; readonly count: number }, number];
}

export type OperationName = keyof Operations;

/** What a client cannot do; its cell is skipped by this name. */
export class UnsupportedError extends Error {
  override readonly name = "UnsupportedError";
}

/** One client, ready to talk to one broker. */
export interface Client {
  call<Name extends OperationName>(
    operation: Name,
    argument: Operations[Name][0],
  ): Promise<Operations[Name][1]>;
  close(): Promise<void>;
}

/** How to get and start a client. */
export interface ClientKind {
  readonly name: string;
  /**
   * Installs what is missing.
   *
   * @throws {UnavailableError} Where this machine cannot have it.
   */
  open(bootstrap: string): Promise<Client>;
  /** Names of tools behind operations, for the table. */
  readonly tools?: Partial<Record<OperationName, string>>;
}

/** A client that this machine cannot have; all its cells are skipped by this name. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
}
