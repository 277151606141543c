// What one coordinator alone would answer to a request, the simple way: the rules
// that every committed transaction of an ensemble is judged by.

import type { Txn, TxnContext } from "../ensemble/txn.ts";
import type { ZnodeTree } from "../ensemble/znode_tree.ts";
import { parentOf } from "../ensemble/znode_path.ts";
import { decodeUtf8Lossy } from "../base/bytes.ts";
import { zkErrors } from "../wire/zookeeper/errors.ts";
import { check } from "./sim_scenario.ts";

/** A change of one znode. */
export type EnsembleChange =
  | {
    readonly kind: "create";
    readonly path: string;
    readonly text: string;
    readonly isEphemeral: boolean;
    readonly isSequential: boolean;
  }
  | {
    readonly kind: "set";
    readonly path: string;
    readonly text: string;
    readonly version: number;
  }
  | { readonly kind: "delete"; readonly path: string };

/** What a client has asked for. */
export interface EnsembleRequest {
  readonly sessionId: bigint;
  readonly cxid: number;
  readonly what:
    | EnsembleChange
    | { readonly kind: "multi"; readonly changes: readonly EnsembleChange[] }
    | { readonly kind: "close" };
}

/**
 * Judges a transaction before it is applied.
 *
 * @param request `null` for what no client has asked for.
 * @throws {SimFailure} Where the outcome is not the one that the state asks for.
 */
export function checkDecision(
  tree: ZnodeTree,
  { context, txn }: { readonly context: TxnContext; readonly txn: Txn },
  request: EnsembleRequest | null,
): void {
  const { sessionId } = context;
  const where = `Transaction 0x${context.zxid.toString(16)} (${txn.kind})`;
  // The leader may know that the client talks to another server by now.
  if (isError(txn, zkErrors.SESSION_MOVED.code)) return;
  if (txn.kind === "closeSession") {
    const owned = tree.ephemerals(sessionId);
    const named = txn.paths2Delete;
    check(
      owned.length === named.length &&
        owned.every((path) => named.includes(path)),
      `${where} removes ${named.join(" ")}; the session has ${owned.join(" ")}`,
    );
    return;
  }
  if (txn.kind === "createSession") return;
  check(request !== null, `${where}: no client has asked for it`);
  if (!tree.sessions.has(sessionId)) {
    const isRefused = isError(txn, zkErrors.SESSION_EXPIRED.code);
    return check(isRefused, `${where}: its session is over`);
  }
  const { what } = request;
  if (what.kind === "close") return check(false, `${where} answers a close`);
  if (what.kind !== "multi") {
    return checkChange(tree, { sessionId, where, txn }, what);
  }
  check(txn.kind === "multi", `${where} answers a multi`);
  const codes = what.changes.map((each) => refusalOf(tree, each));
  const isRefused = codes.some((code) => code !== 0);
  const hasErrors = txn.txns.some((each) => each.kind === "error");
  check(isRefused === hasErrors, `${where}: ${codes.join(" ")} is expected`);
  if (isRefused) return;
  what.changes.forEach((each, index) =>
    checkChange(tree, { sessionId, where, txn: txn.txns[index] }, each)
  );
}

function checkChange(
  tree: ZnodeTree,
  { sessionId, where, txn }: {
    readonly sessionId: bigint;
    readonly where: string;
    readonly txn: Txn;
  },
  change: EnsembleChange,
): void {
  const code = refusalOf(tree, change);
  if (code !== 0) {
    const found = txn.kind === "error" ? txn.err : 0;
    return check(found === code, `${where}: ${found}, expected ${code}`);
  }
  switch (change.kind) {
    case "set":
      return check(
        txn.kind === "setData" && txn.path === change.path &&
          txn.version === tree.get(change.path)!.version + 1 &&
          textOf(txn.data) === change.text,
        `${where}: not the change of ${change.path} that was asked for`,
      );
    case "delete":
      return check(
        txn.kind === "delete" && txn.path === change.path,
        `${where}: not the removal of ${change.path}`,
      );
    case "create":
      return check(
        txn.kind === "create" && txn.path === createdPath(tree, change) &&
          txn.ephemeral === change.isEphemeral &&
          textOf(txn.data) === change.text,
        `${where}: not the creation of ${createdPath(tree, change)} by 0x${
          sessionId.toString(16)
        }`,
      );
  }
}

/** The code that a change is refused with; 0 where it is not. */
function refusalOf(tree: ZnodeTree, change: EnsembleChange): number {
  const node = tree.get(change.path);
  switch (change.kind) {
    case "set":
      if (node === null) return zkErrors.NO_NODE.code;
      return change.version === -1 || change.version === node.version
        ? 0
        : zkErrors.BAD_VERSION.code;
    case "delete":
      return node === null ? zkErrors.NO_NODE.code : 0;
    case "create":
      if (tree.get(parentOf(change.path)) === null) {
        return zkErrors.NO_NODE.code;
      }
      return tree.get(createdPath(tree, change)) === null
        ? 0
        : zkErrors.NODE_EXISTS.code;
  }
}

function createdPath(
  tree: ZnodeTree,
  { path, isSequential }: Extract<EnsembleChange, { kind: "create" }>,
): string {
  if (!isSequential) return path;
  const creations = tree.get(parentOf(path))?.creations ?? 0;
  return `${path}${String(creations).padStart(10, "0")}`;
}

function isError(txn: Txn, code: number): boolean {
  return txn.kind === "error" && txn.err === code;
}

function textOf(data: Uint8Array | null): string {
  return decodeUtf8Lossy(data ?? new Uint8Array(0));
}
