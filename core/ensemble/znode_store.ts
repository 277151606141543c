// A coordinator's tree and its files: what was there at the start, the log that
// transactions go into, the snapshots that are taken of the tree.
//
//   log(proposal)    written and synced, with others in one go
//   apply(proposal)  into the tree, once the ensemble has agreed
//
// Alone, a server applies what is durable; in an ensemble, what is committed.
//
// Source: ZooKeeper documentation, "Data File Management".

import { MIB } from "../base/units.ts";
import { type Disk, type Host, HostError } from "../host/host.ts";
import { CommitQueue } from "./commit_queue.ts";
import { cutLogs, reachesBackTo, removeAllBut } from "./cut_logs.ts";
import { Durations } from "./durations.ts";
import { History } from "./history.ts";
import type { Proposal } from "./proposal.ts";
import { purgeFiles } from "./purge.ts";
import {
  type Folders,
  logZxids,
  recover,
  type Recovered,
  snapshotZxids,
} from "./recovery.ts";
import { writeSnapshot } from "./snapshot.ts";
import type { LoggedTxn } from "./txn.ts";
import { encodePayload, TxnLogFile } from "./txn_log.ts";
import type { Applied, ZnodeTree } from "./znode_tree.ts";

export interface StoreOptions {
  /** As ZooKeeper's `dataLogDir`; the data directory where left out. */
  readonly logDirectory?: string;
  /** Transactions between two snapshots. */
  readonly snapshotTxnCount?: number;
  /** Size of a log file that brings about a snapshot as well. */
  readonly snapshotLogBytes?: number;
  /** How many snapshots are kept, with the logs from the oldest on. */
  readonly snapshotsKept?: number;
  /** Committed transactions that are kept in memory for other servers. */
  readonly historyCount?: number;
}

const SNAPSHOT_TXN_COUNT = 10_000;
const SNAPSHOT_LOG_BYTES = 4 * MIB;
const SNAPSHOTS_KEPT = 3;
const HISTORY_BYTES_MAX = 16 * MIB;

/** Told of what becomes of what was logged. */
export interface StoreEvents {
  /** A group is durable, and the `durable` of each has run. */
  afterGroup(): void;
  /** Nothing can be written any more; each `fail` has run. */
  onFailure(): void;
}

interface Opened {
  readonly host: Host;
  readonly files: string;
  readonly logs: string;
  readonly lock: { release(): void };
  readonly log: TxnLogFile | null;
  readonly recovered: Recovered;
}

/** See the file's header. */
export class ZnodeStore {
  /** Where the files are: `version-2` of the data directory. */
  readonly files: string;
  /** Where the logs are. */
  readonly logs: string;
  /** What was committed last, for servers that lack it. */
  readonly history: History;
  /** How long snapshots took. */
  readonly snapshots = new Durations();
  /** Transactions that were applied since the start. */
  appliedCount = 0;
  readonly #opened: Opened;
  readonly #options: StoreOptions;
  readonly #queue: CommitQueue;
  #events: StoreEvents = { afterGroup: () => {}, onFailure: () => {} };
  #tree: ZnodeTree;
  #lastLoggedZxid: bigint;
  #txnsSinceSnapshot: number;
  #snapshotting: Promise<void> | null = null;
  #failure: unknown = null;
  #needsTree = false;
  readonly #proposalSizes: [number, number, number] = [-1, -1, -1];

  /**
   * Opens a data directory, or makes a new one in it.
   *
   * @param directory As ZooKeeper's `dataDir`: the files are in its `version-2`.
   * @throws {HostError} `locked` where another process has it open; `io` where
   * acknowledged changes are damaged or missing.
   */
  static async open(
    host: Host,
    directory: string,
    options: StoreOptions = {},
  ): Promise<ZnodeStore> {
    const { disk } = host;
    const logDirectory = options.logDirectory ?? directory;
    const files = `${directory}/version-2`;
    const logs = `${logDirectory}/version-2`;
    const made = [
      ...missingDirectories(disk, directory),
      ...missingDirectories(disk, logDirectory),
    ];
    disk.makeDirectory(files);
    disk.makeDirectory(logs);
    const lock = lockBoth(disk, directory, logDirectory);
    try {
      refuseMixed(disk, files, logs);
      const recovered = recover(disk, files, logs);
      if (recovered.isNew) {
        // The names above first: a snapshot says that all this has been done.
        const parents = [directory, logDirectory, ...made].flatMap((path) => [
          path,
          parentDirectory(path),
        ]);
        await Promise.all(
          [...new Set(parents)].map((path) => disk.syncDirectory(path)),
        );
        await writeSnapshot(host, files, recovered.tree);
      }
      // Names that a killed process has made may be in the page cache only.
      await disk.syncDirectory(files);
      if (logs !== files) await disk.syncDirectory(logs);
      const log = recovered.log === null ? null : await TxnLogFile.resume(
        disk,
        recovered.log.path,
        recovered.log,
      );
      const opened = { host, files, logs, lock, log, recovered };
      return new ZnodeStore(opened, options);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private constructor(opened: Opened, options: StoreOptions) {
    this.#opened = opened;
    this.#options = options;
    this.files = opened.files;
    this.logs = opened.logs;
    const { tree, replayedCount, replayed } = opened.recovered;
    this.#tree = tree;
    this.#lastLoggedZxid = tree.lastZxid;
    this.#txnsSinceSnapshot = replayedCount;
    this.history = new History({
      countMax: options.historyCount ?? 0,
      bytesMax: HISTORY_BYTES_MAX,
    }, tree.lastZxid);
    if ((options.historyCount ?? 0) > 0) this.#restoreHistory(replayed);
    this.#queue = new CommitQueue({
      clock: opened.host.clock,
      disk: opened.host.disk,
      directory: opened.logs,
      log: opened.log,
      afterGroup: () => this.#afterGroup(),
      onFailure: () => this.#events.onFailure(),
    });
  }

  /** Whom to tell; one at a time. */
  tell(events: StoreEvents): void {
    this.#events = events;
  }

  /** Why nothing can be written any more, or null. */
  get failure(): unknown {
    return this.#failure ?? this.#queue.failure;
  }

  /** What is to be taken back cannot be: only another server's whole tree helps. */
  get needsTree(): boolean {
    return this.#needsTree;
  }

  /** How long the disk took to make logged transactions durable. */
  get fsyncs(): Durations {
    return this.#queue.fsyncs;
  }

  /** Bytes of the last transaction that was logged, of the smallest and of the largest; -1 before the first. */
  get proposalSizes(): readonly [number, number, number] {
    return this.#proposalSizes;
  }

  /** All that has been applied. */
  get tree(): ZnodeTree {
    return this.#tree;
  }

  /** The last transaction that was given to `log`. */
  get lastLoggedZxid(): bigint {
    return this.#lastLoggedZxid;
  }

  /** Writes a transaction; those before it are durable first. */
  log(
    proposal: Proposal,
    durable: () => void,
    fail: (error: unknown) => void,
  ): void {
    const { zxid } = proposal.context;
    this.#lastLoggedZxid = zxid;
    this.#measure(proposal.bytes.length);
    this.#queue.submit({ zxid, bytes: proposal.bytes }, durable, fail);
  }

  /** Runs `run` behind all that was logged before. */
  follow(run: () => void, fail: (error: unknown) => void): void {
    this.#queue.follow(run, fail);
  }

  #measure(sizeBytes: number): void {
    const sizes = this.#proposalSizes;
    sizes[0] = sizeBytes;
    if (sizes[1] < 0 || sizeBytes < sizes[1]) sizes[1] = sizeBytes;
    if (sizeBytes > sizes[2]) sizes[2] = sizeBytes;
  }

  /** Puts a transaction into the tree. */
  apply(proposal: Proposal): Applied {
    this.appliedCount++;
    this.#txnsSinceSnapshot++;
    this.history.add(proposal);
    return this.#tree.apply(proposal.context, proposal.txn);
  }

  /** Waits until all that was logged is durable. @throws What writing has thrown. */
  async durable(): Promise<void> {
    await this.#queue.idle();
    if (this.failure !== null) throw this.failure;
  }

  /** The same, and for a snapshot that is being taken. @throws What writing has thrown. */
  async settled(): Promise<void> {
    await this.#queue.idle();
    await this.#snapshotting;
    if (this.failure !== null) throw this.failure;
  }

  /**
   * Drops what was logged after a transaction, and goes back to the tree of that
   * time; nothing may be under way.
   *
   * @param zxid A transaction, or the start of an epoch: then the last one before.
   * @throws {HostError} `notFound` where the files do not reach back so far:
   * nothing is changed then, and `needsTree` is true from now on.
   */
  async truncateTo(zxid: bigint): Promise<void> {
    await this.settled();
    const { disk } = this.#opened.host;
    if (!reachesBackTo(disk, this.files, zxid)) {
      this.#needsTree = true;
      throw new HostError(
        "notFound",
        `Cannot go back to transaction 0x${
          zxid.toString(16)
        } in "${this.files}": all snapshots are newer`,
      );
    }
    await this.#once(() => this.#cutBackTo(zxid));
  }

  async #cutBackTo(zxid: bigint): Promise<void> {
    const { disk } = this.#opened.host;
    this.#queue.resume(null);
    await cutLogs(disk, this.#folders, zxid);
    const recovered = recover(disk, this.files, this.logs);
    const { lastZxid } = recovered.tree;
    const isEpochStart = (zxid & 0xffffffffn) === 0n;
    if (isEpochStart ? lastZxid > zxid : lastZxid !== zxid) {
      throw new HostError(
        "io",
        `Cannot go back to transaction 0x${
          zxid.toString(16)
        } in "${this.files}": the files end at 0x${
          recovered.tree.lastZxid.toString(16)
        }`,
      );
    }
    await this.#goOn(recovered);
  }

  /** Takes over a whole tree from another server, and makes it durable; nothing may be under way. */
  async replaceTree(tree: ZnodeTree): Promise<void> {
    await this.settled();
    const { host } = this.#opened;
    this.#queue.resume(null);
    await this.#once(async () => {
      await writeSnapshot(host, this.files, tree, false);
      await removeAllBut(host.disk, this.#folders, tree.lastZxid);
    });
    this.#needsTree = false;
    this.#tree = tree;
    this.#lastLoggedZxid = tree.lastZxid;
    this.#txnsSinceSnapshot = 0;
    this.history.reset(tree.lastZxid);
  }

  get #folders(): Folders {
    return { snapshots: this.files, logs: this.logs };
  }

  /** A change of the files that has failed half-way is the last one. */
  async #once(change: () => Promise<void>): Promise<void> {
    try {
      await change();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async #goOn(recovered: Recovered): Promise<void> {
    const { disk } = this.#opened.host;
    const { log, tree, replayed, replayedCount } = recovered;
    this.#queue.resume(
      log === null ? null : await TxnLogFile.resume(disk, log.path, log),
    );
    this.#tree = tree;
    this.#lastLoggedZxid = tree.lastZxid;
    this.#txnsSinceSnapshot = replayedCount;
    this.#restoreHistory(replayed);
  }

  #restoreHistory(replayed: readonly LoggedTxn[]): void {
    // A log that ends before the tree may be from before another server's tree was
    // taken over: what came in between is not known.
    if (replayed.at(-1)?.context.zxid !== this.#tree.lastZxid) {
      return this.history.reset(this.#tree.lastZxid);
    }
    const kept = replayed.slice(-(this.#options.historyCount ?? 0));
    const before = replayed.at(-kept.length - 1)?.context.zxid;
    const first = kept[0]?.context.zxid;
    this.history.reset(
      before ?? (first === undefined ? this.#tree.lastZxid : first - 1n),
    );
    for (const logged of kept) {
      const { context, txn } = logged;
      this.history.add({ context, txn, bytes: encodePayload(logged) });
    }
  }

  /** Waits for what is under way, and lets go of the directory. */
  async close(): Promise<void> {
    await this.#queue.close();
    await this.#snapshotting;
    this.#opened.lock.release();
  }

  #afterGroup(): void {
    this.#events.afterGroup();
    const { snapshotTxnCount, snapshotLogBytes } = this.#options;
    const isDue =
      this.#txnsSinceSnapshot >= (snapshotTxnCount ?? SNAPSHOT_TXN_COUNT) ||
      this.#queue.logBytes >= (snapshotLogBytes ?? SNAPSHOT_LOG_BYTES);
    if (!isDue || this.#snapshotting !== null) return;
    this.#txnsSinceSnapshot = 0;
    this.#queue.roll();
    this.#snapshotting = this.#snapshot().finally(() =>
      this.#snapshotting = null
    );
  }

  /** A snapshot that fails costs nothing but a longer log: the next one tries again. */
  async #snapshot(): Promise<void> {
    const { host, files } = this.#opened;
    const startMs = host.clock.monotonicMs();
    try {
      await writeSnapshot(host, files, this.#tree);
      const nowMs = host.clock.monotonicMs();
      this.snapshots.add(nowMs - startMs, nowMs);
      purgeFiles(
        host.disk,
        this.#folders,
        this.#options.snapshotsKept ?? SNAPSHOTS_KEPT,
      );
    } catch (error) {
      if (!(error instanceof Error && error.name === "HostError")) throw error;
    }
  }
}

/** Both folders are this process's, or neither. */
function lockBoth(
  disk: Disk,
  directory: string,
  logDirectory: string,
): { release(): void } {
  const first = disk.lock(`${directory}/.lock`);
  if (logDirectory === directory) return first;
  try {
    const second = disk.lock(`${logDirectory}/.lock`);
    return {
      release: () => {
        second.release();
        first.release();
      },
    };
  } catch (error) {
    first.release();
    throw error;
  }
}

/** Logs that were left where they are not looked for would be lost. */
function refuseMixed(disk: Disk, files: string, logs: string): void {
  if (files === logs) return;
  const isMixed = logZxids(disk.list(files)).length > 0 ||
    snapshotZxids(disk.list(logs)).length > 0;
  if (!isMixed) return;
  throw new HostError(
    "io",
    `"${files}" has logs, or "${logs}" has snapshots: dataLogDir is not what it was; ` +
      "correct it, or move the log files",
  );
}

/** Those of a directory and the ones above it that are not there, the lowest first. */
function missingDirectories(disk: Disk, directory: string): string[] {
  const missing: string[] = [];
  for (
    let path = directory;
    path !== parentDirectory(path) && disk.stat(path) === null;
    path = parentDirectory(path)
  ) missing.push(path);
  return missing;
}

function parentDirectory(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash === 0) return "/";
  return slash < 0 ? "." : path.slice(0, slash);
}
