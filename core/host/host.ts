// All that kq may ask of the world outside its process. `deno_host.ts` answers
// from the operating system, `core/testing/sim_host.ts` from a seed.
//
// Disk calls are synchronous, save for fsync: they end in the page cache, where
// a synchronous call costs 1.4 µs and an asynchronous one 22 µs, and code that
// never yields between two writes needs no locks. Fsync waits for the device, and
// unlinking a large file for its pages: they alone leave the event loop.

/** Time of one node; under simulation nodes drift apart. */
export interface Clock {
  /** Milliseconds since an arbitrary start, with fractions; never goes back. For durations. */
  monotonicMs(): number;
  /** Whole milliseconds since 1970 UTC; may jump. For timestamps only. */
  wallMs(): number;
  /** Calls `run` once, `delayMs` from now; returns how to call it off. */
  after(delayMs: number, run: () => void): () => void;
  /** Calls `run` once, after what has arrived by now: from the network, from the disk, and timers that are due. */
  afterOthers(run: () => void): void;
}

/** Waits for `delayMs` of the clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((done) => clock.after(delayMs, done));
}

/** Lets others have their turn: for work that takes many, between two of them. */
export function giveWay(clock: Clock): Promise<void> {
  return new Promise((done) => clock.afterOthers(done));
}

/** Why the world refused, in words that do not depend on the platform. */
export type HostErrorKind =
  | "notFound"
  | "exists"
  | "permission"
  | "noSpace"
  | "io"
  | "inUse"
  | "refused"
  | "reset"
  | "unresolved"
  | "timedOut"
  | "tooManyFiles"
  | "closed"
  | "locked"
  | "other";

/** A call into the world that failed; the message names the path or the peer. */
export class HostError extends Error {
  override readonly name = "HostError";
  constructor(
    readonly kind: HostErrorKind,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** An open file. What `sync` has not confirmed, a crash may drop or tear. */
export interface File {
  readonly path: string;
  /** Current size in bytes. */
  size(): number;
  /**
   * Reads into `target` from a byte position.
   *
   * @returns Bytes read; less than asked only at the end of the file.
   */
  readAt(target: Uint8Array, position: number): number;
  /** Writes all of `source` at a byte position, or throws; a throw may leave part of it. */
  writeAt(source: Uint8Array, position: number): void;
  /** Cuts the file, or grows it with zeroes, to `sizeBytes`. */
  truncate(sizeBytes: number): void;
  /** Makes what was written so far survive a crash. A failure is final: never retry. */
  sync(): Promise<void>;
  close(): void;
}

/** `read`: must exist. `write`: must exist, read and write. `create`: read and write, made where it is missing. */
export type OpenMode = "read" | "write" | "create";

export interface FileInfo {
  readonly sizeBytes: number;
  readonly isDirectory: boolean;
  /** Last modification, milliseconds since 1970 UTC. */
  readonly modifiedMs: number;
}

/** The file systems of one node. Every failure is a `HostError` that names the path. */
export interface Disk {
  open(path: string, mode: OpenMode): File;
  /** `null` where nothing is there. */
  stat(path: string): FileInfo | null;
  /** Sets when a file was last modified, in milliseconds since 1970 UTC. */
  setModified(path: string, modifiedMs: number): void;
  /** Replaces what is at `to`, atomically. */
  rename(from: string, to: string): void;
  /** Removes a file or an empty directory. */
  remove(path: string): void;
  /** Removes a file, off the event loop: to free a large one takes long. */
  unlink(path: string): Promise<void>;
  /** Removes a directory with all that is in it; nothing there is fine. */
  removeTree(path: string): void;
  /** Names in a directory, sorted. */
  list(directory: string): string[];
  /** Makes a directory and its parents; there already is fine. */
  makeDirectory(path: string): void;
  /** Makes new names, renames and removals in a directory survive a crash. */
  syncDirectory(path: string): Promise<void>;
  /** The size and the free bytes of the file system that holds a path. */
  space(
    path: string,
  ): { readonly totalBytes: number; readonly freeBytes: number };
  /**
   * Names a directory in the page cache of a running kernel. Where it is the same
   * as before, the kernel has lived on since, and this is the same directory, no
   * copy: all that was written there is still to be read. `null` where that cannot
   * be told. Never fails.
   */
  cacheId(directory: string): string | null;
  /**
   * Takes the exclusive lock of a path (a file, made where it is missing), until
   * it is released or the process ends.
   *
   * @throws {HostError} `locked` where another process holds it.
   */
  lock(path: string): { release(): void };
}

/** A byte stream: chunks may split or join anywhere, as TCP's do. */
export interface Connection {
  /** `host:port` of the other side. */
  readonly peer: string;
  /** `host:port` of this side. */
  readonly local: string;
  /**
   * Waits for bytes; one read at a time.
   *
   * @returns Bytes read into `target`, at least 1; `null` when the peer has ended its side.
   */
  read(target: Uint8Array): Promise<number | null>;
  /** Writes all of `source`, which the caller leaves alone until this resolves; one write at a time. */
  write(source: Uint8Array): Promise<void>;
  /** Ends both directions; reads and writes under way end with `HostError` `closed` or `null`. */
  close(): void;
}

export interface Address {
  /** Name or literal; `""` listens on all interfaces. */
  readonly host: string;
  /** 0 lets the system choose when listening. */
  readonly port: number;
}

export interface Listener {
  readonly address: Address;
  /** Accepts no more; open connections stay. */
  close(): void;
}

export interface Net {
  listen(
    address: Address,
    accept: (connection: Connection) => void,
  ): Promise<Listener>;
  connect(
    address: Address,
    options?: { timeoutMs?: number },
  ): Promise<Connection>;
}

/** Everything a node is given; nothing in core/ reaches past it. */
export interface Host {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly net: Net;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Unpredictable bytes, for ids. */
  randomBytes(count: number): Uint8Array;
}

export type SignalName = "SIGINT" | "SIGTERM" | "SIGHUP";

/** A process that this one has started. */
export interface ChildProcess {
  readonly id: number;
  /** Resolves with its exit code once it has ended. */
  readonly ended: Promise<number>;
  /** Sends a signal; one that has ended gets none. */
  signal(name: SignalName | "SIGKILL"): void;
}

/** What a command has besides the host: its standard streams, environment and signals. */
export interface Process {
  readonly id: number;
  env(name: string): string | undefined;
  readonly workingDirectory: string;
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** @returns Bytes read, `null` at the end. */
  readStdin(target: Uint8Array): Promise<number | null>;
  /** @throws {HostError} `closed` where the reader has gone (a broken pipe). */
  writeStdout(bytes: Uint8Array): Promise<void>;
  writeStderr(bytes: Uint8Array): void;
  /** @returns How to stop listening. */
  onSignal(name: SignalName, run: () => void): () => void;
  /** Resident memory in bytes. */
  residentBytes(): number;
  /**
   * Starts this program once more, as a process of its own.
   *
   * @param words What follows the program's name.
   * @param onLine Called with each line of its two output streams.
   * @throws {HostError} Where it cannot be started.
   */
  startAnother(
    words: readonly string[],
    onLine: (line: string) => void,
  ): ChildProcess;
}
