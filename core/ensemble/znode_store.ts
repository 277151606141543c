// A coordinator's tree and its files: what was there at the start, the log that
// transactions go into, the snapshots that are taken of the tree.
//
//   log(context, txn)    written and synced, with others in one go
//   apply(context, txn)  into the tree, once the ensemble has agreed
//
// Alone, a server applies what is durable; in an ensemble, what is committed.
//
// Source: ZooKeeper documentation, "Data File Management".

import { MIB } from "../base/units.ts";
import type { Disk, Host } from "../host/host.ts";
import { CommitQueue } from "./commit_queue.ts";
import { purgeFiles } from "./purge.ts";
import { recover } from "./recovery.ts";
import { writeSnapshot } from "./snapshot.ts";
import type { Txn, TxnContext } from "./txn.ts";
import { TxnLogFile } from "./txn_log.ts";
import type { Applied, ZnodeTree } from "./znode_tree.ts";

export interface StoreOptions {
  /** Transactions between two snapshots. */
  readonly snapshotTxnCount?: number;
  /** Size of a log file that brings about a snapshot as well. */
  readonly snapshotLogBytes?: number;
  /** How many snapshots are kept, with the logs from the oldest on. */
  readonly snapshotsKept?: number;
}

const SNAPSHOT_TXN_COUNT = 10_000;
const SNAPSHOT_LOG_BYTES = 4 * MIB;
const SNAPSHOTS_KEPT = 3;

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
  readonly lock: { release(): void };
  readonly tree: ZnodeTree;
  readonly log: TxnLogFile | null;
  readonly replayedCount: number;
}

/** See the file's header. */
export class ZnodeStore {
  readonly tree: ZnodeTree;
  readonly #opened: Opened;
  readonly #options: StoreOptions;
  readonly #queue: CommitQueue;
  #events: StoreEvents = { afterGroup: () => {}, onFailure: () => {} };
  #txnsSinceSnapshot: number;
  #snapshotting: Promise<void> | null = null;

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
    const files = `${directory}/version-2`;
    const made = missingDirectories(host.disk, directory);
    host.disk.makeDirectory(files);
    const lock = host.disk.lock(`${directory}/.lock`);
    try {
      const recovered = recover(host.disk, files);
      if (recovered.isNew) {
        // The names above first: a snapshot says that all this has been done.
        const parents = [directory, ...made].flatMap((path) => [
          path,
          parentDirectory(path),
        ]);
        await Promise.all(
          [...new Set(parents)].map((path) => host.disk.syncDirectory(path)),
        );
        await writeSnapshot(host, files, recovered.tree);
      }
      const log = recovered.log === null ? null : await TxnLogFile.resume(
        host.disk,
        recovered.log.path,
        recovered.log,
      );
      const { tree, replayedCount } = recovered;
      return new ZnodeStore(
        { host, files, lock, tree, log, replayedCount },
        options,
      );
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private constructor(opened: Opened, options: StoreOptions) {
    this.#opened = opened;
    this.#options = options;
    this.tree = opened.tree;
    this.#txnsSinceSnapshot = opened.replayedCount;
    this.#queue = new CommitQueue({
      disk: opened.host.disk,
      directory: opened.files,
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
    return this.#queue.failure;
  }

  /** Writes a transaction; those before it are durable first. */
  log(
    step: { readonly context: TxnContext; readonly txn: Txn },
    durable: () => void,
    fail: (error: unknown) => void,
  ): void {
    this.#queue.submit(step, durable, fail);
  }

  /** Runs `run` behind all that was logged before. */
  follow(run: () => void, fail: (error: unknown) => void): void {
    this.#queue.follow(run, fail);
  }

  /** Puts a transaction into the tree. */
  apply(context: TxnContext, txn: Txn): Applied {
    this.#txnsSinceSnapshot++;
    return this.tree.apply(context, txn);
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
    try {
      await writeSnapshot(host, files, this.tree);
      purgeFiles(
        host.disk,
        files,
        this.#options.snapshotsKept ?? SNAPSHOTS_KEPT,
      );
    } catch (error) {
      if (!(error instanceof Error && error.name === "HostError")) throw error;
    }
  }
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
