// The coordinator's whole state: znodes, sessions and their ephemerals.
//
// It changes only by `apply`ing a transaction, and what that gives depends on
// nothing but the state and the transaction. A snapshot may have been taken
// while transactions went on (it is "fuzzy"), so a transaction whose effect is
// there already, or whose znode is gone, is not an error: it reports what it
// met and goes on.
//
// Invariant: a znode but the root is in its parent's `children`; an ephemeral is
// in its session's set; `digest` is the sum over all znodes.

import { assert } from "../base/assert.ts";
import type { ZnodeEvent, ZnodeStat } from "../coordination/znode_client.ts";
import { type ZkErrorName, zkErrorName } from "../wire/zookeeper/errors.ts";
import { AclCache, READ_ONLY_ACL } from "./acl_cache.ts";
import type { SingleTxn, Txn, TxnContext } from "./txn.ts";
import {
  CONTAINER_OWNER,
  digestOf,
  emptyZnode,
  isSession,
  NO_DIGEST,
  statOf,
  SYSTEM_PATH,
  ttlOwner,
  type Znode,
} from "./znode.ts";
import {
  addedTo,
  countedBy,
  formatQuota,
  limitedBy,
  QUOTA_PATH,
  QuotaPaths,
  statsPath,
} from "./quota.ts";
import { childPath, nameOf, parentOf, ROOT } from "./znode_path.ts";

/** What one step came to. */
export interface StepResult {
  readonly kind: SingleTxn["kind"];
  readonly error: ZkErrorName | null;
  readonly path: string;
  readonly stat: ZnodeStat | null;
}

/** What watches hear of, and the list of those who may read the znode. */
export interface TreeEvent extends ZnodeEvent {
  readonly aclNumber: bigint;
}

/** What a transaction came to: its steps, and what watches hear of it, in order. */
export interface Applied {
  readonly steps: readonly StepResult[];
  readonly events: readonly TreeEvent[];
}

/** The members of the ensemble; there before the first transaction. */
export const CONFIG_PATH = `${SYSTEM_PATH}/config`;

/** The state; see the file's header. */
export class ZnodeTree {
  readonly acls = new AclCache();
  /** Timeouts in milliseconds by session. */
  readonly sessions = new Map<bigint, number>();
  readonly #nodes = new Map<string, Znode>();
  readonly #ephemerals = new Map<bigint, Set<string>>();
  /** Containers, and znodes with a time to live. */
  readonly #passing = new Set<string>();
  /** Paths whose znodes and bytes are counted. */
  readonly #quotas = new QuotaPaths();
  #lastZxid = 0n;
  /** Sum over the znodes whose digest is computed. */
  #digest = 0n;
  /** All others: few ask for a digest, so it is computed then. */
  readonly #undigested = new Map<string, Znode>();
  #events: TreeEvent[] = [];

  /** The tree of a coordinator that has just been born. */
  static initial(): ZnodeTree {
    const tree = new ZnodeTree();
    tree.restore(ROOT, emptyZnode());
    tree.restore(SYSTEM_PATH, emptyZnode());
    tree.restore(QUOTA_PATH, emptyZnode());
    const config = emptyZnode();
    config.aclNumber = tree.acls.numberOf(READ_ONLY_ACL);
    config.aversion = -1;
    tree.restore(CONFIG_PATH, config);
    return tree;
  }

  /** The last transaction that was applied. */
  get lastZxid(): bigint {
    return this.#lastZxid;
  }

  /** The checksum over all znodes, as ZooKeeper computes it. */
  get digest(): bigint {
    for (const [path, node] of this.#undigested) {
      node.digest = digestOf(path, node);
      this.#digest += BigInt(node.digest);
    }
    this.#undigested.clear();
    return BigInt.asIntN(64, this.#digest);
  }

  /** Every path and its znode, parents before children or after, in no order. */
  nodes(): Iterable<[string, Readonly<Znode>]> {
    return this.#nodes;
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  /** A znode to read, or null. */
  get(path: string): Readonly<Znode> | null {
    return this.#nodes.get(path) ?? null;
  }

  /** What clients see of a znode's bookkeeping, or null. */
  stat(path: string): ZnodeStat | null {
    const node = this.#nodes.get(path);
    return node === undefined ? null : statOf(node);
  }

  /** Whose ephemerals there are, and their paths. */
  allEphemerals(): ReadonlyMap<bigint, ReadonlySet<string>> {
    return this.#ephemerals;
  }

  /** Paths of those that go by themselves. */
  passing(): Iterable<string> {
    return this.#passing;
  }

  /** Paths of a session's ephemerals. */
  ephemerals(sessionId: bigint): readonly string[] {
    return [...this.#ephemerals.get(sessionId) ?? []];
  }

  /** Puts a znode where a snapshot has it; parents come before children. */
  restore(path: string, node: Znode): void {
    if (path !== ROOT) {
      const parent = this.#nodes.get(parentOf(path));
      assert(
        parent !== undefined,
        `Znode ${path} is restored before its parent`,
      );
      (parent.children ??= new Set()).add(nameOf(path));
    }
    this.#insert(path, node);
  }

  /** States which transaction a restored tree, now complete, begins after. */
  restoreZxid(zxid: bigint): void {
    this.#lastZxid = zxid;
    // A snapshot may have caught counts between two changes.
    for (const path of this.#quotas) this.#recount(path);
  }

  /** Applies a transaction: the only way in which state changes. */
  apply(context: TxnContext, txn: Txn): Applied {
    this.#events = [];
    const steps = txn.kind === "multi"
      ? this.#applyAll(context, txn.txns)
      : [this.#applyStep(context, txn)];
    if (context.zxid > this.#lastZxid) this.#lastZxid = context.zxid;
    return { steps, events: this.#events };
  }

  /** All steps, or none where one of them is an error. */
  #applyAll(context: TxnContext, txns: readonly SingleTxn[]): StepResult[] {
    const failedIndex = txns.findIndex((txn) =>
      txn.kind === "error" && txn.err !== 0
    );
    if (failedIndex < 0) {
      return txns.map((each) => this.#applyStep(context, each));
    }
    return txns.map((txn, index) => {
      if (txn.kind === "error") return this.#applyStep(context, txn);
      return failed(
        "error",
        "",
        index < failedIndex ? "OK" : "RUNTIME_INCONSISTENCY",
      );
    });
  }

  #applyStep(context: TxnContext, txn: SingleTxn): StepResult {
    const { zxid, timeMs } = context;
    switch (txn.kind) {
      case "createSession":
        this.sessions.set(context.sessionId, txn.timeOut);
        return done(txn.kind, "");
      case "closeSession":
        this.#closeSession(context, txn.paths2Delete);
        return done(txn.kind, "");
      case "create":
      case "create2":
        return this.#create(
          context,
          txn,
          txn.ephemeral ? context.sessionId : 0n,
        );
      case "createContainer":
        return this.#create(context, txn, CONTAINER_OWNER);
      case "createTtl":
        return this.#create(context, txn, ttlOwner(txn.ttl));
      case "delete":
      case "deleteContainer":
        return this.#delete(context, txn.kind, txn.path);
      case "setData":
      case "reconfig":
        return this.#change(txn, (node) => {
          this.#count(txn.path, 0, sizeOf(txn) - sizeOf(node));
          node.data = txn.data;
          node.mtimeMs = timeMs;
          node.mzxid = zxid;
          node.version = txn.version;
          const { aclNumber } = node;
          this.#events.push({ type: "dataChanged", path: txn.path, aclNumber });
        });
      case "setAcl":
        return this.#change(txn, (node) => {
          node.aclNumber = this.acls.numberOf(txn.acl);
          node.aversion = txn.version;
        });
      case "check":
        return done(txn.kind, txn.path);
      case "error":
        return failed(txn.kind, "", zkErrorName(txn.err));
    }
  }

  #create(
    { zxid, timeMs }: TxnContext,
    txn: Extract<SingleTxn, { parentCVersion: number }>,
    ephemeralOwner: bigint,
  ): StepResult {
    const { path } = txn;
    const parentPath = parentOf(path);
    const parent = this.#nodes.get(parentPath);
    if (parent === undefined) return failed(txn.kind, path, "NO_NODE");
    const exists = this.#nodes.has(path);
    // Replay over a fuzzy snapshot must not turn the counter back.
    const creations = txn.parentCVersion === -1
      ? parent.creations + 1
      : txn.parentCVersion;
    this.#undigest(parentPath, parent);
    if (creations > parent.creations) {
      parent.creations = creations;
      parent.pzxid = zxid;
    }
    if (exists) return failed(txn.kind, path, "NODE_EXISTS");
    (parent.children ??= new Set()).add(nameOf(path));
    const node = emptyZnode();
    node.data = txn.data;
    node.aclNumber = this.acls.numberOf(txn.acl);
    node.czxid = node.mzxid = node.pzxid = zxid;
    node.ctimeMs = node.mtimeMs = timeMs;
    node.ephemeralOwner = ephemeralOwner;
    this.#insert(path, node);
    const counted = countedBy(path);
    if (counted !== null) this.#recount(counted);
    this.#count(path, 1, sizeOf(node));
    this.#tellOfChild("created", path, node, parentPath, parent);
    return { kind: txn.kind, error: null, path, stat: statOf(node) };
  }

  #delete(
    { zxid }: TxnContext,
    kind: SingleTxn["kind"],
    path: string,
  ): StepResult {
    const parentPath = parentOf(path);
    const parent = this.#nodes.get(parentPath);
    if (parent === undefined) return failed(kind, path, "NO_NODE");
    this.#undigest(parentPath, parent);
    parent.children?.delete(nameOf(path));
    if (zxid > parent.pzxid) parent.pzxid = zxid;
    const node = this.#nodes.get(path);
    if (node === undefined) return failed(kind, path, "NO_NODE");
    this.#undigest(path, node);
    this.#undigested.delete(path);
    this.#nodes.delete(path);
    this.#passing.delete(path);
    const owned = this.#ephemerals.get(node.ephemeralOwner);
    if (owned?.delete(path) && owned.size === 0) {
      this.#ephemerals.delete(node.ephemeralOwner);
    }
    const limited = limitedBy(path);
    if (limited !== null) this.#quotas.delete(limited);
    this.#count(path, -1, -sizeOf(node));
    this.#tellOfChild("deleted", path, node, parentPath, parent);
    return done(kind, path);
  }

  #tellOfChild(
    type: "created" | "deleted",
    path: string,
    { aclNumber }: Znode,
    parentPath: string,
    parent: Znode,
  ): void {
    this.#events.push(
      { type, path, aclNumber },
      {
        type: "childrenChanged",
        path: parentPath,
        aclNumber: parent.aclNumber,
      },
    );
  }

  #closeSession(context: TxnContext, paths: readonly string[]): void {
    const { sessionId } = context;
    this.sessions.delete(sessionId);
    // What the transaction names first, in its order; then what the tree knows.
    for (const path of new Set([...paths, ...this.ephemerals(sessionId)])) {
      this.#delete(context, "delete", path);
    }
    this.#ephemerals.delete(sessionId);
  }

  #change(
    txn: { readonly kind: SingleTxn["kind"]; readonly path: string },
    change: (node: Znode) => void,
  ): StepResult {
    const node = this.#nodes.get(txn.path);
    if (node === undefined) return failed(txn.kind, txn.path, "NO_NODE");
    this.#undigest(txn.path, node);
    change(node);
    return { kind: txn.kind, error: null, path: txn.path, stat: statOf(node) };
  }

  #insert(path: string, node: Znode): void {
    this.#nodes.set(path, node);
    this.#undigested.set(path, node);
    const limited = limitedBy(path);
    if (limited !== null) this.#quotas.add(limited);
    if (!isSession(node.ephemeralOwner)) {
      if (node.ephemeralOwner !== 0n) this.#passing.add(path);
      return;
    }
    let owned = this.#ephemerals.get(node.ephemeralOwner);
    if (owned === undefined) {
      this.#ephemerals.set(node.ephemeralOwner, owned = new Set());
    }
    owned.add(path);
  }

  /** Adds to the counts of the quota that a path falls under. */
  #count(path: string, countDiff: number, bytesDiff: number): void {
    if (this.#quotas.size === 0) return;
    const limited = this.#quotas.above(path);
    const stats = limited === null
      ? undefined
      : this.#nodes.get(statsPath(limited));
    if (stats === undefined) return;
    stats.data = addedTo(stats.data, countDiff, bytesDiff);
  }

  /** Counts what there is at a path and below it. */
  #recount(path: string): void {
    const stats = this.#nodes.get(statsPath(path));
    if (stats === undefined) return;
    let count = 0;
    let bytes = 0;
    const waiting = [path];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const node = this.#nodes.get(at);
      if (node === undefined) continue;
      count++;
      bytes += sizeOf(node);
      for (const name of node.children ?? []) waiting.push(childPath(at, name));
    }
    stats.data = formatQuota(new Map([["count", count], ["bytes", bytes]]));
  }

  /** Where the quota that a path falls under is set; `null` for none. */
  quotaAbove(path: string): string | null {
    return this.#quotas.above(path);
  }

  /** Must come before a change of what a znode's digest is made of. */
  #undigest(path: string, node: Znode): void {
    if (node.digest === NO_DIGEST) return;
    this.#digest -= BigInt(node.digest);
    node.digest = NO_DIGEST;
    this.#undigested.set(path, node);
  }
}

/** Bytes of data. */
function sizeOf({ data }: { readonly data: Uint8Array | null }): number {
  return data?.length ?? 0;
}

function done(kind: SingleTxn["kind"], path: string): StepResult {
  return { kind, error: null, path, stat: null };
}

function failed(
  kind: SingleTxn["kind"],
  path: string,
  error: ZkErrorName,
): StepResult {
  return { kind, error, path, stat: null };
}
