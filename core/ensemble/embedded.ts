// A coordinator in the broker's own process: one server, no network, on
// ZooKeeper's files, so that a ZooKeeper can take over the directory.
//
//   const coordinator = await openEmbeddedCoordinator(host, "data/coordinator");
//   const znodes = await coordinator.connect();
//
// A session lives as long as the process, or until it is closed. Those that an
// earlier process left behind end when the directory is opened, before the first
// new session begins.

import { assert } from "../base/assert.ts";
import { MIB } from "../base/units.ts";
import type { ZnodeClient, ZnodeEvent } from "../coordination/znode_client.ts";
import type { Disk, Host } from "../host/host.ts";
import { ZkError } from "../wire/zookeeper/errors.ts";
import { CommitQueue } from "./commit_queue.ts";
import { Decider, type WriteRequest } from "./decide.ts";
import { EmbeddedClient, type EmbeddedServer } from "./embedded_client.ts";
import { purgeFiles } from "./purge.ts";
import { recover } from "./recovery.ts";
import { writeSnapshot } from "./snapshot.ts";
import type { Txn } from "./txn.ts";
import { TxnLogFile } from "./txn_log.ts";
import { Watches, type WatchKind } from "./watches.ts";
import type { Applied, ZnodeTree } from "./znode_tree.ts";

export interface EmbeddedOptions {
  /** Transactions between two snapshots. */
  readonly snapshotTxnCount?: number;
  /** Size of a log file that brings about a snapshot as well. */
  readonly snapshotLogBytes?: number;
  /** How many snapshots are kept, with the logs from the oldest on. */
  readonly snapshotsKept?: number;
}

/** An open coordinator. */
export interface EmbeddedCoordinator {
  /** Begins a session. */
  connect(options?: { timeoutMs?: number }): Promise<ZnodeClient>;
  /** Ends a session as if it had not been heard of for its timeout. */
  expireSession(sessionId: bigint): Promise<void>;
  /** The last transaction that was applied. */
  readonly lastZxid: bigint;
  /** Waits for what is under way; sessions are left as they are. */
  close(): Promise<void>;
}

const SNAPSHOT_TXN_COUNT = 10_000;
const SNAPSHOT_LOG_BYTES = 4 * MIB;
const SNAPSHOTS_KEPT = 3;
const SESSION_TIMEOUT_MS = 18_000;

/**
 * Opens the coordinator of a data directory, or makes a new one in it.
 *
 * @param directory As ZooKeeper's `dataDir`: the files are in its `version-2`.
 * @throws {HostError} `locked` where another process has it open; `io` where
 * acknowledged changes are damaged or missing.
 */
export async function openEmbeddedCoordinator(
  host: Host,
  directory: string,
  options: EmbeddedOptions = {},
): Promise<EmbeddedCoordinator> {
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
    return new Embedded({
      host,
      files,
      lock,
      tree: recovered.tree,
      log,
      replayedCount: recovered.replayedCount,
      options,
    });
  } catch (error) {
    lock.release();
    throw error;
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

interface Opened {
  readonly host: Host;
  readonly files: string;
  readonly lock: { release(): void };
  readonly tree: ZnodeTree;
  readonly log: TxnLogFile | null;
  readonly replayedCount: number;
  readonly options: EmbeddedOptions;
}

class Embedded implements EmbeddedCoordinator, EmbeddedServer {
  readonly tree: ZnodeTree;
  readonly #opened: Opened;
  readonly #decider: Decider;
  readonly #queue: CommitQueue;
  readonly #watches = new Watches<
    { readonly sessionId: bigint; readonly run: (event: ZnodeEvent) => void }
  >();
  readonly #clients = new Map<bigint, EmbeddedClient>();
  #decidedZxid: bigint;
  #nextSessionId: bigint;
  #txnsSinceSnapshot: number;
  #snapshotting: Promise<void> | null = null;

  constructor(opened: Opened) {
    this.#opened = opened;
    this.tree = opened.tree;
    this.#decider = new Decider(opened.tree);
    this.#queue = new CommitQueue({
      disk: opened.host.disk,
      directory: opened.files,
      log: opened.log,
      afterGroup: () => this.#afterGroup(),
      onFailure: () => this.#endSessions(),
    });
    this.#decidedZxid = opened.tree.lastZxid;
    this.#txnsSinceSnapshot = opened.replayedCount;
    this.#nextSessionId = firstSessionId(opened.host.clock.wallMs());
    for (const sessionId of opened.tree.sessions.keys()) {
      if (sessionId >= this.#nextSessionId) {
        this.#nextSessionId = sessionId + 1n;
      }
      // Nobody waits for it: whoever connects comes after it, and meets its failure.
      this.write(sessionId, { kind: "closeSession" }, () => {}, () => {});
    }
  }

  get lastZxid(): bigint {
    return this.tree.lastZxid;
  }

  async connect(options: { timeoutMs?: number } = {}): Promise<ZnodeClient> {
    const sessionId = this.#nextSessionId++;
    const timeoutMs = options.timeoutMs ?? SESSION_TIMEOUT_MS;
    await this.#request(sessionId, { kind: "createSession", timeoutMs });
    const client = new EmbeddedClient(this, sessionId);
    this.#clients.set(sessionId, client);
    return client;
  }

  async expireSession(sessionId: bigint): Promise<void> {
    await this.#request(sessionId, { kind: "closeSession" });
    this.#clients.get(sessionId)?.ended("expired");
    this.#forget(sessionId);
  }

  async closeSession(sessionId: bigint): Promise<void> {
    await this.#request(sessionId, { kind: "closeSession" });
    this.#forget(sessionId);
  }

  async close(): Promise<void> {
    await this.#queue.close();
    await this.#snapshotting;
    this.#endSessions();
    this.#opened.lock.release();
  }

  write(
    sessionId: bigint,
    request: WriteRequest,
    done: (applied: Applied) => void,
    fail: (error: unknown) => void,
  ): void {
    const context = {
      sessionId,
      cxid: 0,
      zxid: this.#decidedZxid + 1n,
      timeMs: this.#opened.host.clock.wallMs(),
    };
    let txn: Txn;
    try {
      txn = this.#decider.decide(request, context);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      // What made it a refusal may still be on its way to the disk.
      return this.#queue.follow(() => fail(error), fail);
    }
    this.#decidedZxid = context.zxid;
    this.#queue.submit({ context, txn }, () => {
      const applied = this.tree.apply(context, txn);
      this.#txnsSinceSnapshot++;
      this.#fire(applied);
      done(applied);
    }, fail);
  }

  #request(sessionId: bigint, request: WriteRequest): Promise<Applied> {
    const { promise, resolve, reject } = Promise.withResolvers<Applied>();
    this.write(sessionId, request, resolve, reject);
    return promise;
  }

  follow(commit: () => void, fail: (error: unknown) => void): void {
    this.#queue.follow(commit, fail);
  }

  get failure(): unknown {
    return this.#queue.failure;
  }

  watch(
    kind: WatchKind,
    path: string,
    watcher: {
      readonly sessionId: bigint;
      readonly run: (event: ZnodeEvent) => void;
    },
  ): void {
    this.#watches.add(kind, path, watcher);
  }

  #fire(applied: Applied): void {
    for (const step of applied.steps) {
      assert(step.error === null, `Decided wrongly: ${step.kind} ${step.path}`);
    }
    for (const event of applied.events) {
      for (const watcher of this.#watches.take(event)) watcher.run(event);
    }
  }

  #forget(sessionId: bigint): void {
    this.#clients.delete(sessionId);
    this.#watches.removeWhere((watcher) => watcher.sessionId === sessionId);
  }

  #endSessions(): void {
    for (const client of this.#clients.values()) client.ended("closed");
    this.#clients.clear();
  }

  #afterGroup(): void {
    this.#decider.applied(this.tree.lastZxid);
    const { options } = this.#opened;
    const isDue = this.#txnsSinceSnapshot >=
        (options.snapshotTxnCount ?? SNAPSHOT_TXN_COUNT) ||
      this.#queue.logBytes >= (options.snapshotLogBytes ?? SNAPSHOT_LOG_BYTES);
    if (!isDue || this.#snapshotting !== null) return;
    this.#txnsSinceSnapshot = 0;
    this.#queue.roll();
    this.#snapshotting = this.#snapshot().finally(() =>
      this.#snapshotting = null
    );
  }

  /** A snapshot that fails costs nothing but a longer log: the next one tries again. */
  async #snapshot(): Promise<void> {
    const { host, files, options } = this.#opened;
    try {
      await writeSnapshot(host, files, this.tree);
      purgeFiles(host.disk, files, options.snapshotsKept ?? SNAPSHOTS_KEPT);
    } catch (error) {
      if (!(error instanceof Error && error.name === "HostError")) throw error;
    }
  }
}

/** Rises from start to start, as ZooKeeper's do; the highest byte is the server's number, 0. */
function firstSessionId(wallMs: number): bigint {
  return (BigInt.asUintN(64, BigInt(wallMs) << 24n) >> 8n) + 1n;
}
