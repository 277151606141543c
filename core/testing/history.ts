// A history of operations: what clients of a cluster asked for, what they were
// told, and what they saw, as lines of JSON that survive a kill of their writer.
//
//   {"id":"c1:7","kind":"send","process":"c1","atMs":12.5,"outcome":"info",…}
//   {"id":"c1:7","outcome":"ok","endMs":14.1,"offsets":[40,41]}
//
// A line is written before an operation begins, and one when its outcome is known,
// which adds to the first. An operation with a first line only is one whose
// outcome nobody knows: it may have happened, or may happen yet. A value is sent
// once in a history, so that whoever sees it knows where it is from.
//
// Source: the histories of Jepsen's Kafka workload.

/** `fail`: has not happened, and never will. `info`: nobody knows. */
export type Outcome = "ok" | "fail" | "info";

interface Common {
  readonly id: string;
  /** One life of a client: calls of one process follow each other. */
  readonly process: string;
  /** When it began, in milliseconds of a clock that all processes share. */
  readonly atMs: number;
  /** When its outcome was known; `Infinity` where it never was. */
  readonly endMs: number;
  readonly outcome: Outcome;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** Values for one partition, in order. */
export interface Send extends Common, Place {
  readonly kind: "send";
  /** `null` where each send stands for itself. */
  readonly transaction: string | null;
  readonly values: readonly string[];
  /** As acknowledged, in the order of `values`; empty where they are not known. */
  readonly offsets: readonly number[];
}

/** A transaction is asked to end. One that nobody asked to commit is an aborted one. */
export interface End extends Common {
  readonly kind: "end";
  readonly transaction: string;
  readonly isCommit: boolean;
}

/** Records of one partition that a reader was given. */
export interface Poll extends Common, Place {
  readonly kind: "poll";
  readonly isolation: "read_committed" | "read_uncommitted";
  /** Another one begins where the reader's position is set, or its partitions change. */
  readonly session: string;
  /** The group it reads for; `null` where it reads for itself. */
  readonly group: string | null;
  readonly offsets: readonly number[];
  readonly values: readonly string[];
}

/** A group's offset is to be moved. */
export interface Commit extends Common, Place {
  readonly kind: "commit";
  readonly group: string;
  /** `null` where it stands for itself. */
  readonly transaction: string | null;
  readonly offset: number;
}

/** A group's offset was asked for; -1 for none. */
export interface Committed extends Common, Place {
  readonly kind: "committed";
  readonly group: string;
  readonly offset: number;
}

/** The ends of a partition at one moment; -1 for one that was not asked for. */
export interface Ends extends Common, Place {
  readonly kind: "ends";
  readonly lastStable: number;
  readonly highWatermark: number;
  readonly logEnd: number;
}

export type Operation = Send | End | Poll | Commit | Committed | Ends;

type WithoutCommon<T> = T extends Common ? Omit<T, keyof Common> : never;
/** An operation as its writer tells it. */
export type NewOperation = WithoutCommon<Operation>;

/** Writes the history of one process. */
export class HistoryWriter {
  readonly #process: string;
  readonly #nowMs: () => number;
  readonly #write: (line: string) => void;
  #nextNumber = 0;

  /** @param write Takes a line without its end; what it was given outlives the process. */
  constructor(
    process: string,
    nowMs: () => number,
    write: (line: string) => void,
  ) {
    this.#process = process;
    this.#nowMs = nowMs;
    this.#write = write;
  }

  /** Notes that an operation begins; gives its id. */
  begin(operation: NewOperation): string {
    return this.#put({ atMs: this.#nowMs(), ...operation }, "info");
  }

  /** Notes what has become of it. */
  end(
    id: string,
    outcome: Outcome,
    more: { readonly offsets?: readonly number[] } = {},
  ): void {
    this.#write(JSON.stringify({ id, outcome, endMs: this.#nowMs(), ...more }));
  }

  /** Notes an operation that is done, and began just now unless `atMs` is given. */
  note(operation: NewOperation & { readonly atMs?: number }): void {
    const endMs = this.#nowMs();
    this.#put({ atMs: endMs, endMs, ...operation }, "ok");
  }

  #put(operation: object, outcome: Outcome): string {
    const id = `${this.#process}:${this.#nextNumber++}`;
    const process = this.#process;
    this.#write(JSON.stringify({ id, process, outcome, ...operation }));
    return id;
  }
}

/**
 * Reads a history, of one process or of many. A last line that a kill has cut is
 * left out.
 *
 * @returns Operations in the order in which they began.
 */
export function readHistory(lines: Iterable<string>): Operation[] {
  const operations = new Map<string, Operation>();
  for (const line of lines) {
    if (!line.endsWith("}")) continue;
    const entry = JSON.parse(line) as
      & { readonly id: string }
      & Partial<
        Operation
      >;
    const before = operations.get(entry.id);
    operations.set(
      entry.id,
      {
        ...before ?? { endMs: Infinity },
        ...entry,
      } as Operation,
    );
  }
  return [...operations.values()].sort((a, b) => a.atMs - b.atMs);
}
