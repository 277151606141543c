// A session with the coordinator in the same process.
//
// Reads see what has been applied. A read behind the session's own unfinished
// writes waits for them, so that answers come in the order asked.

import type {
  CreateMode,
  SessionState,
  ZnodeClient,
  ZnodeEvent,
  ZnodeOperation,
  ZnodeResult,
  ZnodeStat,
  ZnodeWatcher,
} from "../coordination/znode_client.ts";
import { assert } from "../base/assert.ts";
import { ZkError } from "../wire/zookeeper/errors.ts";
import { OPEN_ACL } from "./acl_cache.ts";
import type { ChangeRequest, WriteRequest } from "./decide.ts";
import type { WatchSubject } from "./watch_table.ts";
import { statOf, type Znode } from "./znode.ts";
import type { Applied, ZnodeTree } from "./znode_tree.ts";

/** What a session needs of its server. */
export interface EmbeddedServer {
  readonly tree: ZnodeTree;
  /** Why the server has stopped, or null. */
  readonly failure: unknown;
  /** Calls one of the two, once, in the order of the calls. */
  write(
    sessionId: bigint,
    request: WriteRequest,
    done: (applied: Applied) => void,
    fail: (error: unknown) => void,
  ): void;
  follow(commit: () => void, fail: (error: unknown) => void): void;
  watch(
    kind: WatchSubject,
    path: string,
    watcher: {
      readonly sessionId: bigint;
      readonly run: (event: ZnodeEvent) => void;
    },
  ): void;
  closeSession(sessionId: bigint): Promise<void>;
}

/** See the file's header. */
export class EmbeddedClient implements ZnodeClient {
  readonly sessionId: bigint;
  /** What may end it before the process ends it tells of. */
  readonly livesUntilMs = Infinity;
  readonly #server: EmbeddedServer;
  readonly #stateListeners = new Set<(state: SessionState) => void>();
  /** The same function twice at one znode is one watch, so it needs one identity. */
  readonly #watchers = new WeakMap<
    ZnodeWatcher,
    { readonly sessionId: bigint; readonly run: ZnodeWatcher }
  >();
  #unfinishedWrites = 0;
  #ended: SessionState | null = null;

  constructor(server: EmbeddedServer, sessionId: bigint) {
    this.#server = server;
    this.sessionId = sessionId;
  }

  create(
    path: string,
    data: Uint8Array | null,
    mode: CreateMode,
  ): Promise<{ path: string; stat: ZnodeStat }> {
    const request = toRequest({ kind: "create", path, data, mode });
    return this.#write(request, ([{ path, stat }]) => {
      assert(stat !== null, "A create gives a stat");
      return { path, stat };
    });
  }

  get(
    path: string,
    watch?: ZnodeWatcher,
  ): Promise<{ data: Uint8Array; stat: ZnodeStat }> {
    return this.#read(() => {
      const node = this.#node(path);
      this.#watch("data", path, watch);
      return {
        data: node.data?.slice() ?? new Uint8Array(0),
        stat: statOf(node),
      };
    });
  }

  exists(path: string, watch?: ZnodeWatcher): Promise<ZnodeStat | null> {
    return this.#read(() => {
      this.#watch("data", path, watch);
      return this.#server.tree.stat(path);
    });
  }

  children(
    path: string,
    watch?: ZnodeWatcher,
  ): Promise<{ names: string[]; stat: ZnodeStat }> {
    return this.#read(() => {
      const node = this.#node(path);
      this.#watch("child", path, watch);
      return { names: [...node.children ?? []], stat: statOf(node) };
    });
  }

  set(
    path: string,
    data: Uint8Array | null,
    version: number,
  ): Promise<ZnodeStat> {
    const request = toRequest({ kind: "set", path, data, version });
    return this.#write(request, ([{ stat }]) => {
      assert(stat !== null, "A set gives a stat");
      return stat;
    });
  }

  delete(path: string, version: number): Promise<void> {
    return this.#write({ kind: "delete", path, version }, () => {});
  }

  multi(operations: readonly ZnodeOperation[]): Promise<ZnodeResult[]> {
    const steps = operations.map(toRequest);
    return this.#write(
      { kind: "multi", steps },
      (results) =>
        operations.map(({ kind }, index) => {
          const { path, stat } = results[index];
          return { kind, path, stat };
        }),
    );
  }

  onState(run: (state: SessionState) => void): () => void {
    this.#stateListeners.add(run);
    return () => this.#stateListeners.delete(run);
  }

  async close(): Promise<void> {
    if (this.#ended !== null) return;
    const closing = this.#server.closeSession(this.sessionId);
    this.#ended = "closed";
    await closing;
    this.#tell("closed");
  }

  /** Says that the session is over, whoever ended it. */
  ended(state: SessionState): void {
    if (this.#ended !== null) return;
    this.#ended = state;
    this.#tell(state);
  }

  #tell(state: SessionState): void {
    for (const run of [...this.#stateListeners]) run(state);
  }

  // Each call makes one promise and resolves it itself: answers that come in
  // order are then also heard in order.

  #write<T>(
    request: WriteRequest,
    answer: (steps: Applied["steps"]) => T,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const refused = this.#refusal();
    if (refused !== null) return Promise.reject(refused);
    this.#unfinishedWrites++;
    this.#server.write(
      this.sessionId,
      request,
      (applied) => {
        this.#unfinishedWrites--;
        resolve(answer(applied.steps));
      },
      (error) => {
        this.#unfinishedWrites--;
        reject(error);
      },
    );
    return promise;
  }

  #read<T>(read: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const answer = () => {
      try {
        resolve(read());
      } catch (error) {
        reject(error);
      }
    };
    const refused = this.#refusal();
    if (refused !== null) reject(refused);
    else if (this.#unfinishedWrites === 0) answer();
    else this.#server.follow(answer, reject);
    return promise;
  }

  #refusal(): unknown {
    const { failure } = this.#server;
    if (failure !== null || this.#ended === null) return failure;
    return new ZkError("SESSION_EXPIRED", `0x${this.sessionId.toString(16)}`);
  }

  #node(path: string): Readonly<Znode> {
    const node = this.#server.tree.get(path);
    if (node === null) throw new ZkError("NO_NODE", path);
    return node;
  }

  #watch(
    kind: WatchSubject,
    path: string,
    run: ZnodeWatcher | undefined,
  ): void {
    if (run === undefined) return;
    let watcher = this.#watchers.get(run);
    if (watcher === undefined) {
      watcher = { sessionId: this.sessionId, run };
      this.#watchers.set(run, watcher);
    }
    this.#server.watch(kind, path, watcher);
  }
}

/** The request behind an operation; data is copied, as the tree keeps it. */
function toRequest(operation: ZnodeOperation): ChangeRequest {
  switch (operation.kind) {
    case "create":
      return {
        ...operation,
        data: operation.data?.slice() ?? null,
        acl: OPEN_ACL,
      };
    case "set":
      return { ...operation, data: operation.data?.slice() ?? null };
    default:
      return operation;
  }
}
