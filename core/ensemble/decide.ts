// From a request to a transaction: checks it against the state as it will be
// when all transactions decided before have been applied.
//
// Those "outstanding" changes are kept by path until they have been applied,
// each with as much of the future znode as later decisions need.
//
// Source: ZooKeeper documentation, "ZooKeeper Internals: Atomic Broadcast";
// refusals and counters as ZooKeeper 3.8 has them.

import { encodeUtf8 } from "../base/bytes.ts";
import type { CreateMode } from "../coordination/znode_client.ts";
import { ZkError, zkErrors } from "../wire/zookeeper/errors.ts";
import type { Acl } from "../wire/zookeeper/records.ts";
import { type Identity, isPermitted, resolveAcl } from "./access.ts";
import { Permission } from "./acl_cache.ts";
import {
  ABSENT,
  type FutureZnode,
  nextVersion,
  presentOf,
} from "./future_znode.ts";
import { brokenLimit, limitsPath, statsPath } from "./quota.ts";
import { DEFAULT_RULES, type Rules } from "./rules.ts";
import type { SingleTxn, Txn } from "./txn.ts";
import { CONTAINER_OWNER, isSession, ttlOwner } from "./znode.ts";
import { parentOf, ROOT } from "./znode_path.ts";
import {
  checkParented,
  checkPath,
  checkTimeToLive,
  checkTxnSize,
  OWN_PATHS,
  sequentialEnd,
} from "./write_limits.ts";
import { CONFIG_PATH, type ZnodeTree } from "./znode_tree.ts";

/** How long a znode stays, and whether a counter is added to its name. */
export type ZnodeMode = CreateMode | "container" | "ttl" | "ttlSequential";

/** One change that a client asks for; a version of -1 fits any. */
export type ChangeRequest =
  | {
    readonly kind: "create";
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly acl: readonly Acl[];
    readonly mode: ZnodeMode;
    /** How long a znode of a `ttl` mode stays without children and changes. */
    readonly ttlMs?: bigint;
    /** The znode is to be a container, whatever the mode says of how it stays. */
    readonly isContainer?: boolean;
    /** The client wants the new znode's stat. */
    readonly wantsStat?: boolean;
  }
  | { readonly kind: "deleteContainer"; readonly path: string }
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

/** What a client wants of the ensemble's members; `null` for what it leaves out. */
export interface ReconfigWrite {
  readonly kind: "reconfig";
  /** Lines `server.N=…`, separated by commas. */
  readonly joining: string | null;
  /** Ids, separated by commas. */
  readonly leaving: string | null;
  /** All servers; `joining` and `leaving` do not count then. */
  readonly newMembers: string | null;
  /** The version that is to be changed; -1n for any. */
  readonly curConfigId: bigint;
}

/** What a client, or the coordinator about a client, asks for. */
export type WriteRequest =
  | ChangeRequest
  | ReconfigWrite
  | { readonly kind: "multi"; readonly steps: readonly ChangeRequest[] }
  | { readonly kind: "createSession"; readonly timeoutMs: number }
  | { readonly kind: "closeSession" };

type CreateRequest = Extract<ChangeRequest, { kind: "create" }>;
type CreationTxn = Extract<SingleTxn, { parentCVersion: number }>;

/** Who asks, and the place that the transaction will have. */
export interface DecideContext {
  readonly sessionId: bigint;
  readonly zxid: bigint;
  /** Whom a client has proven to be; the coordinator itself, which may do all, leaves it out. */
  readonly identities?: readonly Identity[];
}

interface OutstandingChange {
  readonly zxid: bigint;
  readonly path: string;
  readonly future: FutureZnode;
}

/** Decides about requests, in the order in which their transactions will be applied. */
export class Decider {
  readonly #tree: ZnodeTree;
  readonly #rules: Rules;
  /** Every change not applied yet, oldest first. */
  #changes: OutstandingChange[] = [];
  readonly #futures = new Map<string, OutstandingChange>();
  /** Sessions that begin, and end, with a transaction decided but not applied. */
  readonly #opening = new Map<bigint, bigint>();
  readonly #closing = new Map<bigint, bigint>();

  constructor(tree: ZnodeTree, rules: Rules = DEFAULT_RULES) {
    this.#tree = tree;
    this.#rules = rules;
  }

  /**
   * Gives the transaction that carries out a request.
   *
   * @param context The session that asks, and the zxid that the transaction will have.
   * @throws {ZkError} As the request's rules say; nothing is outstanding from it then.
   */
  decide(request: WriteRequest, context: DecideContext): Txn {
    switch (request.kind) {
      case "createSession":
        this.#opening.set(context.sessionId, context.zxid);
        return { kind: "createSession", timeOut: request.timeoutMs };
      case "closeSession":
        return this.#closeSession(context);
      case "reconfig":
        throw new ZkError("RECONFIG_DISABLED", CONFIG_PATH);
      default:
        this.#checkSession(context);
        return this.#bounded(() =>
          request.kind === "multi"
            ? this.#multi(request.steps, context)
            : this.#change(request, context)
        );
    }
  }

  /** Takes back what is too large for the log. */
  #bounded(decide: () => Txn): Txn {
    const before = this.#changes.length;
    const txn = decide();
    try {
      checkTxnSize(txn, this.#rules.txnMaxBytes);
    } catch (error) {
      this.#takeBack(before);
      throw error;
    }
    return txn;
  }

  /**
   * Gives the transaction that changes the ensemble's members.
   *
   * @param next Gives the new configuration's text, or refuses.
   * @throws {ZkError} SESSION_EXPIRED, NO_AUTH, and what `next` throws.
   */
  reconfigure(next: () => string, context: DecideContext): Txn {
    this.#checkSession(context);
    const data = encodeUtf8(next());
    const path = CONFIG_PATH;
    const node = this.#existing(path);
    this.#permit(node, Permission.write, path, context);
    this.#outstanding(context.zxid, path, { ...node, version: -1 });
    return { kind: "reconfig", path, data, version: -1 };
  }

  /**
   * The same, where a refusal takes its place among the transactions as well: an
   * `error`, or a multi of nothing else.
   */
  order(request: WriteRequest, context: DecideContext): Txn {
    try {
      return this.decide(request, context);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      if (request.kind !== "multi" || error.operationIndex === undefined) {
        return { kind: "error", err: error.code };
      }
      const failedIndex = error.operationIndex;
      const later = zkErrors.RUNTIME_INCONSISTENCY.code;
      return {
        kind: "multi",
        txns: request.steps.map((_, index) => ({
          kind: "error",
          err: index < failedIndex
            ? zkErrors.OK.code
            : index === failedIndex
            ? error.code
            : later,
        })),
      };
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
    for (const sessions of [this.#opening, this.#closing]) {
      for (const [sessionId, changedBy] of sessions) {
        if (changedBy <= zxid) sessions.delete(sessionId);
      }
    }
  }

  #multi(
    steps: readonly ChangeRequest[],
    context: DecideContext,
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

  #change(request: ChangeRequest, context: DecideContext): SingleTxn {
    switch (request.kind) {
      case "create":
        return this.#create(request, context);
      case "delete":
        return this.#delete(request, context);
      case "deleteContainer":
        return this.#deleteContainer(request.path, context);
      case "set":
        return this.#set(request, context);
      case "setAcl":
        return this.#setAcl(request, context);
      case "check": {
        const { path } = request;
        checkPath(path);
        const node = this.#existing(path);
        this.#permit(node, Permission.read, path, context);
        return {
          kind: "check",
          path,
          version: nextVersion(request, node.version),
        };
      }
    }
  }

  #set(
    request: Extract<ChangeRequest, { kind: "set" }>,
    context: DecideContext,
  ): SingleTxn {
    const { path, data } = request;
    checkPath(path);
    const node = this.#existing(path);
    this.#permit(node, Permission.write, path, context);
    const sizeBytes = data?.length ?? 0;
    this.#checkQuota(path, 0, sizeBytes - node.sizeBytes);
    const version = nextVersion(request, node.version);
    this.#outstanding(context.zxid, path, { ...node, version, sizeBytes });
    return { kind: "setData", path, data, version };
  }

  #setAcl(
    request: Extract<ChangeRequest, { kind: "setAcl" }>,
    context: DecideContext,
  ): SingleTxn {
    const { path } = request;
    checkPath(path);
    const { identities, zxid } = context;
    const acl = identities === undefined
      ? request.acl
      : resolveAcl(path, request.acl, identities);
    const node = this.#existing(path);
    this.#permit(node, Permission.admin, path, context);
    const aversion = nextVersion(request, node.aversion);
    const aclNumber = this.#tree.acls.numberOf(acl);
    this.#outstanding(zxid, path, { ...node, aversion, aclNumber });
    return { kind: "setAcl", path, acl, version: aversion };
  }

  #create(
    request: CreateRequest,
    context: DecideContext,
  ): SingleTxn {
    const { mode, data } = request;
    const { sessionId, zxid, identities } = context;
    checkTimeToLive(request, this.#rules.extendedTypes);
    checkParented(request.path);
    const acl = identities === undefined
      ? request.acl
      : resolveAcl(request.path, request.acl, identities);
    if (acl.length === 0) throw new ZkError("INVALID_ACL", request.path);
    const parentPath = parentOf(request.path);
    const parent = this.#existing(parentPath);
    this.#permit(parent, Permission.create, request.path, context);
    const path = mode.endsWith("Sequential")
      ? request.path + sequentialEnd(parent.creations)
      : request.path;
    checkPath(path);
    if (this.#future(path).exists) throw new ZkError("NODE_EXISTS", path);
    if (isSession(parent.ephemeralOwner)) {
      throw new ZkError("NO_CHILDREN_FOR_EPHEMERALS", path);
    }
    const txn = this.#creation(request, { path, data, acl }, parent);
    const ephemeral = "ephemeral" in txn && txn.ephemeral;
    if (ephemeral && !this.#isAlive(sessionId)) {
      throw new ZkError("SESSION_EXPIRED", path);
    }
    const sizeBytes = data?.length ?? 0;
    this.#checkQuota(path, 1, sizeBytes);
    this.#outstanding(zxid, parentPath, {
      ...parent,
      creations: txn.parentCVersion,
      childCount: parent.childCount + 1,
    });
    this.#outstanding(zxid, path, {
      ...ABSENT,
      exists: true,
      aclNumber: this.#tree.acls.numberOf(acl),
      ephemeralOwner: ephemeral ? sessionId : markOf(txn),
      sizeBytes,
    });
    return txn;
  }

  /** The operation says how the znode stays, the mode whether it is a session's. */
  #creation(
    { mode, ttlMs, isContainer, wantsStat }: CreateRequest,
    created: { path: string; data: Uint8Array | null; acl: readonly Acl[] },
    parent: FutureZnode,
  ): CreationTxn {
    const parentCVersion = (parent.creations + 1) | 0;
    if (isContainer) {
      return { kind: "createContainer", ...created, parentCVersion };
    }
    if (ttlMs !== undefined) {
      return { kind: "createTtl", ...created, parentCVersion, ttl: ttlMs };
    }
    const kind = wantsStat === true ? "create2" : "create";
    const ephemeral = mode.startsWith("ephemeral");
    return { kind, ...created, parentCVersion, ephemeral };
  }

  #delete(
    request: Extract<ChangeRequest, { kind: "delete" }>,
    context: DecideContext,
  ): SingleTxn {
    const { path } = request;
    checkParented(path);
    if (OWN_PATHS.has(path)) throw new ZkError("BAD_ARGUMENTS", path);
    const parent = this.#existing(parentOf(path));
    this.#permit(parent, Permission.delete, path, context);
    const node = this.#existing(path);
    nextVersion(request, node.version);
    if (node.childCount > 0) throw new ZkError("NOT_EMPTY", path);
    this.#removed(context.zxid, path);
    return { kind: "delete", path };
  }

  /** Only what was made to go by itself goes so. */
  #deleteContainer(path: string, { zxid }: DecideContext): SingleTxn {
    if (path === ROOT) throw new ZkError("BAD_ARGUMENTS", path);
    const node = this.#existing(path);
    if (node.childCount > 0) throw new ZkError("NOT_EMPTY", path);
    if (node.ephemeralOwner === 0n || isSession(node.ephemeralOwner)) {
      throw new ZkError("BAD_VERSION", path);
    }
    this.#removed(zxid, path);
    return { kind: "deleteContainer", path };
  }

  /** @throws {ZkError} NO_AUTH. */
  #permit(
    node: FutureZnode,
    permission: number,
    path: string,
    { identities }: DecideContext,
  ): void {
    if (identities === undefined || this.#rules.skipsAcl) return;
    const acl = this.#tree.acls.listOf(node.aclNumber);
    if (!isPermitted(acl, permission, identities)) {
      throw new ZkError("NO_AUTH", path);
    }
  }

  /** @throws {ZkError} QUOTA_EXCEEDED. */
  #checkQuota(path: string, count: number, bytes: number): void {
    if (!this.#rules.enforcesQuota) return;
    const limited = this.#tree.quotaAbove(path);
    if (limited === null) return;
    const broken = brokenLimit(
      this.#tree.get(limitsPath(limited))?.data ?? null,
      this.#tree.get(statsPath(limited))?.data ?? null,
      { count, bytes },
    );
    if (broken === null) return;
    throw new ZkError("QUOTA_EXCEEDED", `${limited}: ${broken}`);
  }

  /** Clients' changes need a session that lives; the coordinator's own do not. */
  #checkSession({ identities, sessionId }: DecideContext): void {
    if (identities === undefined || this.#isAlive(sessionId)) return;
    throw new ZkError("SESSION_EXPIRED", `0x${sessionId.toString(16)}`);
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
    if (this.#closing.has(sessionId)) return false;
    return this.#tree.sessions.has(sessionId) || this.#opening.has(sessionId);
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

/** The mark of a znode that goes by itself; 0 for one that stays. */
function markOf(txn: CreationTxn): bigint {
  if (txn.kind === "createContainer") return CONTAINER_OWNER;
  return txn.kind === "createTtl" ? ttlOwner(txn.ttl) : 0n;
}
