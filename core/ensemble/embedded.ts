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
import type { ZnodeClient, ZnodeEvent } from "../coordination/znode_client.ts";
import type { Host } from "../host/host.ts";
import { ZkError } from "../wire/zookeeper/errors.ts";
import { Decider, type WriteRequest } from "./decide.ts";
import { EmbeddedClient, type EmbeddedServer } from "./embedded_client.ts";
import { proposalOf } from "./proposal.ts";
import type { Txn } from "./txn.ts";
import { type WatchSubject, WatchTable } from "./watch_table.ts";
import type { Applied, ZnodeTree } from "./znode_tree.ts";
import { type StoreOptions, ZnodeStore } from "./znode_store.ts";

export type EmbeddedOptions = StoreOptions;

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
  return new Embedded(host, await ZnodeStore.open(host, directory, options));
}

class Embedded implements EmbeddedCoordinator, EmbeddedServer {
  readonly tree: ZnodeTree;
  readonly #host: Host;
  readonly #store: ZnodeStore;
  readonly #decider: Decider;
  readonly #watches = new WatchTable<
    { readonly sessionId: bigint; readonly run: (event: ZnodeEvent) => void }
  >();
  readonly #clients = new Map<bigint, EmbeddedClient>();
  #decidedZxid: bigint;
  #nextSessionId: bigint;

  constructor(host: Host, store: ZnodeStore) {
    this.#host = host;
    this.#store = store;
    this.tree = store.tree;
    this.#decider = new Decider(this.tree);
    store.tell({
      afterGroup: () => this.#decider.applied(this.tree.lastZxid),
      onFailure: () => this.#endSessions(),
    });
    this.#decidedZxid = this.tree.lastZxid;
    this.#nextSessionId = firstSessionId(host.clock.wallMs());
    for (const sessionId of this.tree.sessions.keys()) {
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
    await this.#store.close();
    this.#endSessions();
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
      timeMs: this.#host.clock.wallMs(),
    };
    let txn: Txn;
    try {
      txn = this.#decider.decide(request, context);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      // What made it a refusal may still be on its way to the disk.
      return this.#store.follow(() => fail(error), fail);
    }
    this.#decidedZxid = context.zxid;
    const proposal = proposalOf(context, txn);
    this.#store.log(proposal, () => {
      const applied = this.#store.apply(proposal);
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
    this.#store.follow(commit, fail);
  }

  get failure(): unknown {
    return this.#store.failure;
  }

  watch(
    subject: WatchSubject,
    path: string,
    watcher: {
      readonly sessionId: bigint;
      readonly run: (event: ZnodeEvent) => void;
    },
  ): void {
    this.#watches.add(subject, path, watcher);
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
    this.#watches.forgetWhere((watcher) => watcher.sessionId === sessionId);
  }

  #endSessions(): void {
    for (const client of this.#clients.values()) client.ended("closed");
    this.#clients.clear();
  }
}

/** Rises from start to start, as ZooKeeper's do; the highest byte is the server's number, 0. */
function firstSessionId(wallMs: number): bigint {
  return (BigInt.asUintN(64, BigInt(wallMs) << 24n) >> 8n) + 1n;
}
