// From a request to a transaction: checks it against the state as it will be
// when all transactions decided before have been applied.
//
// Those "outstanding" changes are kept by path until they have been applied,
// each with as much of the future znode as later decisions need.
//
// Source: ZooKeeper documentation, "ZooKeeper Internals: Atomic Broadcast";
// refusals and counters as ZooKeeper 3.8 has them.

import type { CreateMode } from "../coordination/znode_client.ts";
import { ZkError } from "../wire/zookeeper/errors.ts";
import type { Acl } from "../wire/zookeeper/records.ts";
import type { SingleTxn, Txn } from "./txn.ts";
import { isSession, type Znode } from "./znode.ts";
import { parentOf, pathProblem, ROOT } from "./znode_path.ts";
import type { ZnodeTree } from "./znode_tree.ts";

/** One change that a client asks for; a version of -1 fits any. */
export type ChangeRequest =
  | {
    readonly kind: "create";
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly acl: readonly Acl[];
    readonly mode: CreateMode;
  }
  | { readonly kind: "delete"; readonly path: string; readonly version: number }
  | {
    readonly kind: "set";
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly version: number;
  }
  | {
    readonly kind: "setAcl";
    readonly path: string;
    readonly acl: readonly Acl[];
    readonly version: number;
  }
  | { readonly kind: "check"; readonly path: string; readonly version: number };

/** What a client, or the coordinator about a client, asks for. */
export type WriteRequest =
  | ChangeRequest
  | { readonly kind: "multi"; readonly steps: readonly ChangeRequest[] }
  | { readonly kind: "createSession"; readonly timeoutMs: number }
  | { readonly kind: "closeSession" };

/** As much of a future znode as decisions need. */
interface FutureZnode {
  readonly exists: boolean;
  readonly version: number;
  readonly creations: number;
  readonly aversion: number;
  readonly ephemeralOwner: bigint;
  readonly childCount: number;
}

interface OutstandingChange {
  readonly zxid: bigint;
  readonly path: string;
  readonly future: FutureZnode;
}

const ABSENT: FutureZnode = {
  exists: false,
  version: 0,
  creations: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  childCount: 0,
};

/** Decides about requests, in the order in which their transactions will be applied. */
export class Decider {
  readonly #tree: ZnodeTree;
  /** Every change not applied yet, oldest first. */
  #changes: OutstandingChange[] = [];
  readonly #futures = new Map<string, OutstandingChange>();
  readonly #closing = new Map<bigint, bigint>();

  constructor(tree: ZnodeTree) {
    this.#tree = tree;
  }

  /**
   * Gives the transaction that carries out a request.
   *
   * @param context The session that asks, and the zxid that the transaction will have.
   * @throws {ZkError} As the request's rules say; nothing is outstanding from it then.
   */
  decide(
    request: WriteRequest,
    context: { readonly sessionId: bigint; readonly zxid: bigint },
  ): Txn {
    switch (request.kind) {
      case "createSession":
        return { kind: "createSession", timeOut: request.timeoutMs };
      case "closeSession":
        return this.#closeSession(context);
      case "multi":
        return this.#multi(request.steps, context);
      default:
        return this.#change(request, context);
    }
  }

  /** Forgets what has been applied up to a zxid. */
  applied(zxid: bigint): void {
    let count = 0;
    for (const change of this.#changes) {
      if (change.zxid > zxid) break;
      count++;
      if (this.#futures.get(change.path) === change) {
        this.#futures.delete(change.path);
      }
    }
    if (count > 0) this.#changes = this.#changes.slice(count);
    for (const [sessionId, closedBy] of this.#closing) {
      if (closedBy <= zxid) this.#closing.delete(sessionId);
    }
  }

  #multi(
    steps: readonly ChangeRequest[],
    context: { readonly sessionId: bigint; readonly zxid: bigint },
  ): Txn {
    const before = this.#changes.length;
    const txns: SingleTxn[] = [];
    for (const [index, each] of steps.entries()) {
      try {
        txns.push(this.#change(each, context));
      } catch (error) {
        if (!(error instanceof ZkError)) throw error;
        this.#takeBack(before);
        throw new ZkError(error.errorName, each.path, index);
      }
    }
    return { kind: "multi", txns };
  }

  #change(
    request: ChangeRequest,
    context: { readonly sessionId: bigint; readonly zxid: bigint },
  ): SingleTxn {
    const sequential = request.kind === "create" &&
      request.mode.endsWith("Sequential");
    const problem = pathProblem(request.path, { sequential });
    if (problem !== null) {
      throw new ZkError("BAD_ARGUMENTS", `path "${request.path}": ${problem}`);
    }
    switch (request.kind) {
      case "create":
        return this.#create(request, context);
      case "delete":
        return this.#delete(request, context.zxid);
      case "set": {
        const node = this.#existing(request.path);
        const version = nextVersion(request, node.version);
        this.#outstanding(context.zxid, request.path, { ...node, version });
        const { path } = request;
        return { kind: "setData", path, data: request.data, version };
      }
      case "setAcl": {
        const node = this.#existing(request.path);
        const aversion = nextVersion(request, node.aversion);
        this.#outstanding(context.zxid, request.path, { ...node, aversion });
        const { path, acl } = request;
        return { kind: "setAcl", path, acl, version: aversion };
      }
      case "check": {
        const node = this.#existing(request.path);
        const { path } = request;
        return {
          kind: "check",
          path,
          version: nextVersion(request, node.version),
        };
      }
    }
  }

  #create(
    request: Extract<ChangeRequest, { kind: "create" }>,
    { sessionId, zxid }: { readonly sessionId: bigint; readonly zxid: bigint },
  ): SingleTxn {
    const { mode, data, acl } = request;
    if (acl.length === 0) throw new ZkError("INVALID_ACL", request.path);
    const parentPath = parentOf(request.path);
    const parent = this.#existing(parentPath);
    const path = mode.endsWith("Sequential")
      ? request.path + String(parent.creations).padStart(10, "0")
      : request.path;
    if (this.#future(path).exists) throw new ZkError("NODE_EXISTS", path);
    if (isSession(parent.ephemeralOwner)) {
      throw new ZkError("NO_CHILDREN_FOR_EPHEMERALS", path);
    }
    const ephemeral = mode.startsWith("ephemeral");
    if (ephemeral && !this.#isAlive(sessionId)) {
      throw new ZkError("SESSION_EXPIRED", path);
    }
    const creations = parent.creations + 1;
    this.#outstanding(zxid, parentPath, {
      ...parent,
      creations,
      childCount: parent.childCount + 1,
    });
    const ephemeralOwner = ephemeral ? sessionId : 0n;
    this.#outstanding(zxid, path, { ...ABSENT, exists: true, ephemeralOwner });
    return {
      kind: "create",
      path,
      data,
      acl,
      ephemeral,
      parentCVersion: creations,
    };
  }

  #delete(
    request: Extract<ChangeRequest, { kind: "delete" }>,
    zxid: bigint,
  ): SingleTxn {
    const { path } = request;
    if (path === ROOT) throw new ZkError("BAD_ARGUMENTS", path);
    const node = this.#existing(path);
    nextVersion(request, node.version);
    if (node.childCount > 0) throw new ZkError("NOT_EMPTY", path);
    this.#removed(zxid, path);
    return { kind: "delete", path };
  }

  /** Everything that the session owns, or will own by then, goes with it. */
  #closeSession(
    { sessionId, zxid }: { readonly sessionId: bigint; readonly zxid: bigint },
  ): Txn {
    const paths = new Set(this.#tree.ephemerals(sessionId));
    for (const { path } of this.#changes) {
      const future = this.#future(path);
      if (future.exists && future.ephemeralOwner === sessionId) paths.add(path);
      else paths.delete(path);
    }
    for (const path of paths) this.#removed(zxid, path);
    this.#closing.set(sessionId, zxid);
    return { kind: "closeSession", paths2Delete: [...paths] };
  }

  #removed(zxid: bigint, path: string): void {
    const parentPath = parentOf(path);
    const parent = this.#future(parentPath);
    this.#outstanding(zxid, parentPath, {
      ...parent,
      childCount: parent.childCount - 1,
    });
    this.#outstanding(zxid, path, ABSENT);
  }

  #isAlive(sessionId: bigint): boolean {
    return this.#tree.sessions.has(sessionId) && !this.#closing.has(sessionId);
  }

  #existing(path: string): FutureZnode {
    const node = this.#future(path);
    if (!node.exists) throw new ZkError("NO_NODE", path);
    return node;
  }

  #future(path: string): FutureZnode {
    const change = this.#futures.get(path);
    if (change !== undefined) return change.future;
    const node = this.#tree.get(path);
    return node === null ? ABSENT : presentOf(node);
  }

  #outstanding(zxid: bigint, path: string, future: FutureZnode): void {
    const change = { zxid, path, future };
    this.#changes.push(change);
    this.#futures.set(path, change);
  }

  /** Undoes what a multi left outstanding before the step that failed. */
  #takeBack(changeCount: number): void {
    const undone = this.#changes.splice(changeCount);
    for (const { path } of undone) this.#futures.delete(path);
    for (const change of this.#changes) this.#futures.set(change.path, change);
  }
}

function presentOf(node: Readonly<Znode>): FutureZnode {
  return {
    exists: true,
    version: node.version,
    creations: node.creations,
    aversion: node.aversion,
    ephemeralOwner: node.ephemeralOwner,
    childCount: node.children?.size ?? 0,
  };
}

/** @throws {ZkError} BAD_VERSION where the request asks for another version. */
function nextVersion(
  request: { readonly path: string; readonly version: number },
  version: number,
): number {
  if (request.version !== -1 && request.version !== version) {
    throw new ZkError(
      "BAD_VERSION",
      `${request.path} has version ${version}, not ${request.version}`,
    );
  }
  // -1 fits any version, so the counter steps over it.
  const next = (version + 1) | 0;
  return next === -1 ? 0 : next;
}
