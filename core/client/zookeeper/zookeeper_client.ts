// A client of ZooKeeper's protocol: one session, with the tree below its chroot.
//
//   const client = await connectZooKeeper({ host, connect: "zk1,zk2,zk3/kafka", timeoutMs: 18_000 });
//   await client.create({ path: "/a", data: null, mode: "persistent" });
//   client.addWatch("/a", { isRecursive: true }, (event) => …);
//   await client.close();
//
// Calls are answered in the order made. They fail with `ZkError`s: what the server
// says, CONNECTION_LOSS where the connection broke before it could answer (whether
// a change was made is not known then), SESSION_EXPIRED where the session is over.

import type {
  SessionState,
  ZnodeEvent,
  ZnodeStat,
  ZnodeWatcher,
} from "../../coordination/znode_client.ts";
import { type Host, HostError, type HostErrorKind } from "../../host/host.ts";
import { isZkError, ZkError } from "../../wire/zookeeper/errors.ts";
import type { Acl } from "../../wire/zookeeper/records.ts";
import type { CallPlan } from "./call.ts";
import {
  type ConnectString,
  parseConnectString,
  serverText,
} from "./connect_string.ts";
import * as operations from "./operations.ts";
import type { ClientCreateMode, MemberChange, Step } from "./operations.ts";
import { Session } from "./session.ts";
import type { Credentials } from "./session_frames.ts";
import type { OneShotKind, WatchEvent, WatchRun } from "./watch_registry.ts";

export interface ZooKeeperOptions {
  readonly host: Host;
  /** `host:port,…[/chroot]`. */
  readonly connect: string | ConnectString;
  /** The session timeout asked for, in milliseconds. */
  readonly timeoutMs: number;
  /** How long a first server is looked for; the session timeout where left out. */
  readonly connectTimeoutMs?: number;
  readonly inFlightMax?: number;
  /** Proven on each server before anything else. */
  readonly credentials?: readonly Credentials[];
}

/** Anyone may do everything. */
export const OPEN_ACL: readonly Acl[] = [
  { perms: 31, id: { scheme: "world", id: "anyone" } },
];

/** No server of an ensemble gave a session in time. */
export class EnsembleUnreachableError extends HostError {
  constructor(
    /** Everything that was tried, as `host:port`. */
    readonly addresses: readonly string[],
    timeoutMs: number,
    last: Error | null,
  ) {
    const kind: HostErrorKind = last instanceof HostError
      ? last.kind
      : "timedOut";
    super(
      kind,
      `Cannot reach ZooKeeper at ${addresses.join(", ")} within ` +
        `${Math.round(timeoutMs)} ms: ${last?.message ?? "no answer"}`,
      { cause: last ?? undefined },
    );
  }
}

/**
 * Begins a session.
 *
 * @throws {EnsembleUnreachableError} Where no server gives one in time.
 * @throws {ConfigError} Where the connect string is none.
 * @throws {ZkError} AUTH_FAILED.
 */
export async function connectZooKeeper(
  options: ZooKeeperOptions,
): Promise<ZooKeeperClient> {
  const connect = typeof options.connect === "string"
    ? parseConnectString(options.connect)
    : options.connect;
  const { host, timeoutMs, inFlightMax, credentials = [] } = options;
  const { servers, chroot } = connect;
  const session = new Session({ host, servers, timeoutMs, inFlightMax });
  for (const each of credentials) await session.prove(each);
  const limitMs = options.connectTimeoutMs ?? timeoutMs;
  const isConnected = await firstConnection(host, session, limitMs);
  if (!isConnected) {
    await session.close();
    const addresses = servers.map(serverText);
    throw new EnsembleUnreachableError(addresses, limitMs, session.lastFailure);
  }
  return new ZooKeeperClient(session, chroot);
}

function firstConnection(
  host: Host,
  session: Session,
  limitMs: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isConnected: boolean) => {
      stopTimer();
      stopListening();
      resolve(isConnected);
    };
    const stopListening = session.onState((state) =>
      settle(state === "connected")
    );
    const stopTimer = host.clock.after(limitMs, () => settle(false));
    session.start();
  });
}

/** See the file's header. */
export class ZooKeeperClient {
  readonly #session: Session;
  readonly #chroot: string;
  /** By the function that a caller gave: the same one twice is one watch. */
  readonly #runs = new WeakMap<ZnodeWatcher, WatchRun>();

  constructor(session: Session, chroot: string) {
    this.#session = session;
    this.#chroot = chroot;
  }

  get sessionId(): bigint {
    return this.#session.id;
  }

  /** The session timeout that the server grants, in milliseconds. */
  get timeoutMs(): number {
    return this.#session.timeoutMs;
  }

  get state(): SessionState | "connecting" {
    return this.#session.state;
  }

  /** `host:port` of the server, `null` while there is none. */
  get server(): string | null {
    return this.#session.server;
  }

  /** The session lives until then for certain (monotonic), as far as can be told here. */
  get livesUntilMs(): number {
    return this.#session.livesUntilMs;
  }

  /** `""`, or the path on the server that is the root here. */
  get chroot(): string {
    return this.#chroot;
  }

  /** The same session, with paths as the server has them. */
  withoutChroot(): ZooKeeperClient {
    return new ZooKeeperClient(this.#session, "");
  }

  onState(run: (state: SessionState) => void): () => void {
    return this.#session.onState(run);
  }

  /** @throws {ZkError} NODE_EXISTS, NO_NODE (parent), NO_CHILDREN_FOR_EPHEMERALS, NO_AUTH, INVALID_ACL. */
  async create(znode: {
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly mode: ClientCreateMode;
    /** Open to all where left out. */
    readonly acl?: readonly Acl[];
    readonly ttlMs?: number;
  }): Promise<{ path: string; stat: ZnodeStat }> {
    const made = await this.#call(operations.create({
      ...znode,
      acl: znode.acl ?? OPEN_ACL,
      path: this.#outer(znode.path),
    }));
    return { ...made, path: this.#inner(made.path) };
  }

  /** @throws {ZkError} NO_NODE, BAD_VERSION, NOT_EMPTY, NO_AUTH. */
  delete(path: string, version: number): Promise<void> {
    return this.#call(operations.remove(this.#outer(path), version));
  }

  /** `null` where there is none; the watch is set either way. */
  async exists(
    path: string,
    watch?: ZnodeWatcher,
  ): Promise<ZnodeStat | null> {
    const at = this.#outer(path);
    const run = this.#runOf(watch);
    const plan = operations.exists(
      at,
      run && ((errorName) => {
        if (errorName === "OK") this.#session.watches.add("data", at, run);
        if (errorName === "NO_NODE") {
          this.#session.watches.add("exist", at, run);
        }
      }),
    );
    try {
      return await this.#call(plan);
    } catch (error) {
      if (isZkError(error, "NO_NODE")) return null;
      throw error;
    }
  }

  /** @throws {ZkError} NO_NODE, NO_AUTH; a watch is set only where the znode exists. */
  get(
    path: string,
    watch?: ZnodeWatcher,
  ): Promise<{ data: Uint8Array; stat: ZnodeStat }> {
    const at = this.#outer(path);
    return this.#call(
      operations.getData(at, this.#watchIfThere("data", at, watch)),
    );
  }

  /** Names, unsorted. @throws {ZkError} NO_NODE, NO_AUTH. */
  children(
    path: string,
    watch?: ZnodeWatcher,
  ): Promise<{ names: string[]; stat: ZnodeStat }> {
    const at = this.#outer(path);
    return this.#call(
      operations.getChildren(at, this.#watchIfThere("child", at, watch)),
    );
  }

  /** @throws {ZkError} NO_NODE, BAD_VERSION, NO_AUTH. */
  set(
    path: string,
    data: Uint8Array | null,
    version: number,
  ): Promise<ZnodeStat> {
    return this.#call(operations.setData(this.#outer(path), data, version));
  }

  /** @throws {ZkError} NO_NODE, NO_AUTH. */
  getAcl(
    path: string,
  ): Promise<{ acl: readonly Acl[]; stat: ZnodeStat }> {
    return this.#call(operations.getAcl(this.#outer(path)));
  }

  /**
   * @param version Of the list itself (`aversion`).
   * @throws {ZkError} NO_NODE, BAD_VERSION, NO_AUTH, INVALID_ACL.
   */
  setAcl(
    path: string,
    acl: readonly Acl[],
    version: number,
  ): Promise<ZnodeStat> {
    return this.#call(operations.setAcl(this.#outer(path), acl, version));
  }

  /** Resolves when the server has what its leader had committed when asked. */
  sync(path: string): Promise<void> {
    return this.#call(operations.sync(this.#outer(path)));
  }

  /**
   * Carries out all or nothing.
   *
   * @throws {ZkError} The first failing step's error, with its `operationIndex`.
   */
  async multi(
    steps: readonly Step[],
  ): Promise<operations.StepResult[]> {
    const results = await this.#call(
      operations.multi(
        steps.map((step) => ({ ...step, path: this.#outer(step.path) })),
      ),
    );
    return results.map(({ path, stat }) => ({ path: this.#inner(path), stat }));
  }

  /**
   * Watches a znode, and all below it where asked, until told to stop.
   *
   * @returns How to stop.
   * @throws {ZkError} UNIMPLEMENTED by servers before 3.6.
   */
  async addWatch(
    path: string,
    { isRecursive }: { readonly isRecursive: boolean },
    watch: ZnodeWatcher,
  ): Promise<() => Promise<void>> {
    const at = this.#outer(path);
    const kind = isRecursive ? "recursive" : "persistent";
    const run = this.#runOf(watch)!;
    const { watches } = this.#session;
    await this.#call(operations.addWatch(at, isRecursive, (errorName) => {
      if (errorName === "OK") watches.add(kind, at, run);
    }));
    return async () => {
      // A server forgets all that a client watches at a path.
      if (!watches.remove(kind, at, run) || watches.has(at)) return;
      try {
        await this.#call(operations.removeWatches(at));
      } catch (error) {
        if (!isZkError(error, "NO_WATCHER")) throw error;
      }
    };
  }

  /** Ephemerals of this session whose paths begin so. */
  async ephemerals(prefix = "/"): Promise<string[]> {
    const paths = await this.#call(
      operations.getEphemerals(this.#outer(prefix)),
    );
    return paths.map((path) => this.#inner(path));
  }

  /** How many znodes are below one. @throws {ZkError} NO_NODE. */
  countDescendants(path: string): Promise<number> {
    return this.#call(operations.countDescendants(this.#outer(path)));
  }

  /** Whom the server takes this client for. */
  whoAmI() {
    return this.#call(operations.whoAmI());
  }

  /** Changes the members of the ensemble; gives its configuration as it is then. */
  reconfig(
    change: MemberChange,
  ): Promise<{ data: Uint8Array; stat: ZnodeStat }> {
    return this.#call(operations.reconfig(change));
  }

  /** Proves an identity from now on. @throws {ZkError} AUTH_FAILED: the session has ended. */
  async authenticate(credentials: Credentials): Promise<void> {
    const errorName = await this.#session.prove(credentials);
    if (errorName !== "OK") throw new ZkError(errorName, credentials.scheme);
  }

  /** Ends the session; its ephemerals go. */
  close(): Promise<void> {
    return this.#session.close();
  }

  #call<T>(plan: CallPlan<T>): Promise<T> {
    return this.#session.call(plan);
  }

  #watchIfThere(
    kind: OneShotKind,
    at: string,
    watch: ZnodeWatcher | undefined,
  ): operations.Answered {
    const run = this.#runOf(watch);
    return run && ((errorName) => {
      if (errorName === "OK") this.#session.watches.add(kind, at, run);
    });
  }

  #runOf(watch: ZnodeWatcher | undefined): WatchRun | undefined {
    if (watch === undefined) return undefined;
    let run = this.#runs.get(watch);
    if (run === undefined) {
      run = ({ type, path }: WatchEvent) => {
        const event: ZnodeEvent = { type, path: this.#inner(path) };
        watch(event);
      };
      this.#runs.set(watch, run);
    }
    return run;
  }

  /** The server's path of one of this client's. */
  #outer(path: string): string {
    if (this.#chroot === "") return path;
    return path === "/" ? this.#chroot : this.#chroot + path;
  }

  /** This client's path of one of the server's. */
  #inner(path: string): string {
    if (this.#chroot === "") return path;
    if (path === this.#chroot) return "/";
    return path.startsWith(`${this.#chroot}/`)
      ? path.slice(this.#chroot.length)
      : path;
  }
}
