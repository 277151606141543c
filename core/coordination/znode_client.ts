// What kq asks of a coordinator: a session on a tree of znodes.
//
// The embedded coordinator (core/ensemble) and the networked client
// (core/client) both give this interface, so a broker never knows which it has.
// Failures are `ZkError`s of core/wire/zookeeper/errors.ts, by ZooKeeper's names.
//
// Source: ZooKeeper documentation, "ZooKeeper Programmer's Guide".

/** A znode's bookkeeping, field for field ZooKeeper's `Stat`. */
export interface ZnodeStat {
  /** The transaction that created the znode; a broker's epoch is that of its registration. */
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  /** Milliseconds since 1970 UTC. */
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  /** Data, children and ACL versions. */
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  /** The session that owns an ephemeral; 0 for a persistent znode. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
}

export type CreateMode =
  | "persistent"
  | "ephemeral"
  | "persistentSequential"
  | "ephemeralSequential";

export type ZnodeEventType =
  | "created"
  | "deleted"
  | "dataChanged"
  | "childrenChanged";

export interface ZnodeEvent {
  readonly type: ZnodeEventType;
  readonly path: string;
}

/** Called once, before the session can see the change that it tells of. */
export type ZnodeWatcher = (event: ZnodeEvent) => void;

/** One step of a `multi`; a version of -1 fits any. */
export type ZnodeOperation =
  | {
    readonly kind: "create";
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly mode: CreateMode;
  }
  | { readonly kind: "delete"; readonly path: string; readonly version: number }
  | {
    readonly kind: "set";
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly version: number;
  }
  | { readonly kind: "check"; readonly path: string; readonly version: number };

/** `path` for a create (the name as made), `stat` for a create or a set. */
export interface ZnodeResult {
  readonly kind: ZnodeOperation["kind"];
  readonly path: string;
  readonly stat: ZnodeStat | null;
}

export type SessionState = "connected" | "disconnected" | "expired" | "closed";

/** One session. Calls are answered in the order made. */
export interface ZnodeClient {
  readonly sessionId: bigint;
  /**
   * Until when the session lives for certain, by the host's monotonic clock, and
   * before which nobody can have taken it for dead; `Infinity` where it lives as
   * long as the process.
   */
  readonly livesUntilMs: number;
  /** @throws {ZkError} NODE_EXISTS, NO_NODE (parent), NO_CHILDREN_FOR_EPHEMERALS. */
  create(
    path: string,
    data: Uint8Array | null,
    mode: CreateMode,
  ): Promise<{ path: string; stat: ZnodeStat }>;
  /** @throws {ZkError} NO_NODE; a watch is set only where the znode exists. */
  get(
    path: string,
    watch?: ZnodeWatcher,
  ): Promise<{ data: Uint8Array; stat: ZnodeStat }>;
  /** `null` where there is none; the watch is set either way. */
  exists(path: string, watch?: ZnodeWatcher): Promise<ZnodeStat | null>;
  /** @throws {ZkError} NO_NODE, BAD_VERSION. */
  set(
    path: string,
    data: Uint8Array | null,
    version: number,
  ): Promise<ZnodeStat>;
  /** Names, unsorted. @throws {ZkError} NO_NODE. */
  children(
    path: string,
    watch?: ZnodeWatcher,
  ): Promise<{ names: string[]; stat: ZnodeStat }>;
  /** @throws {ZkError} NO_NODE, BAD_VERSION, NOT_EMPTY. */
  delete(path: string, version: number): Promise<void>;
  /**
   * Carries out all or nothing.
   *
   * @throws {ZkError} The first failing operation's error, with its `operationIndex`.
   */
  multi(operations: readonly ZnodeOperation[]): Promise<ZnodeResult[]>;
  /** Called at each change of the session's state; returns how to stop. */
  onState(run: (state: SessionState) => void): () => void;
  /** Ends the session; its ephemerals go. */
  close(): Promise<void>;
}
