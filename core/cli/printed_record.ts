// A record as commands print it, wherever it came from.

export interface PrintedHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export interface PrintedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** -1 where the record has none. */
  readonly timestampMs: number;
  readonly timestampType: "CreateTime" | "LogAppendTime" | "NoTimestampType";
  /** -1 where it is not known. */
  readonly leaderEpoch: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly PrintedHeader[];
}

/** A record as commands read it, to be sent. */
export interface InputRecord {
  /** Where it stood in the input, such as `line 3`. */
  readonly place: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly timestampMs?: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly PrintedHeader[];
}
