// What a request that changes something has to keep to, whatever the state is.
//
// Source: observed on ZooKeeper 3.8.

import { ZkError } from "../wire/zookeeper/errors.ts";
import { QUOTA_PATH } from "./quota.ts";
import type { SingleTxn, Txn } from "./txn.ts";
import { SYSTEM_PATH, TTL_MAX_MS } from "./znode.ts";
import { pathProblem, ROOT } from "./znode_path.ts";
import { CONFIG_PATH } from "./znode_tree.ts";

/** Znodes that the server itself needs. */
export const OWN_PATHS: ReadonlySet<string> = new Set([
  ROOT,
  SYSTEM_PATH,
  QUOTA_PATH,
  CONFIG_PATH,
]);

/** @throws {ZkError} BAD_ARGUMENTS where it is no path. */
export function checkPath(path: string): void {
  const problem = pathProblem(path);
  if (problem === null) return;
  throw new ZkError("BAD_ARGUMENTS", `path "${path}": ${problem}`);
}

/** As much of it as comes before anything else. @throws {ZkError} BAD_ARGUMENTS. */
export function checkParented(path: string): void {
  if (path.includes("/") && !path.includes("\0")) return;
  throw new ZkError("BAD_ARGUMENTS", `path "${path}": it must start with /`);
}

/**
 * Whether a time to live goes with the mode.
 *
 * @throws {ZkError} UNIMPLEMENTED where there is no such thing here; BAD_ARGUMENTS.
 */
export function checkTimeToLive(
  { mode, path, ttlMs }: {
    readonly mode: string;
    readonly path: string;
    readonly ttlMs?: bigint;
  },
  isAllowed: boolean,
): void {
  const isTtl = mode.startsWith("ttl");
  if (isTtl && !isAllowed) {
    throw new ZkError("UNIMPLEMENTED", `${path}: extendedTypesEnabled is off`);
  }
  const isValid = isTtl
    ? ttlMs !== undefined && ttlMs > 0n && ttlMs <= TTL_MAX_MS
    : ttlMs === undefined;
  if (isValid) return;
  throw new ZkError("BAD_ARGUMENTS", `${path}: time to live ${ttlMs} ms`);
}

/** What a counter adds to a name: ten digits, or a sign and more once it has run over. */
export function sequentialEnd(counter: number): string {
  const digits = String(Math.abs(counter));
  return counter < 0 ? `-${digits.padStart(9, "0")}` : digits.padStart(10, "0");
}

/** What a transaction has besides names and data, and an entry of a list. */
const FIXED_BYTES = 40;
const ACL_BYTES = 12;

/**
 * Refuses what other servers would not read again.
 *
 * @throws {ZkError} BAD_ARGUMENTS.
 */
export function checkTxnSize(txn: Txn, maxBytes: number): void {
  const sizeBytes = txn.kind === "multi"
    ? txn.txns.reduce((sum, each) => sum + sizeOf(each), 0)
    : sizeOf(txn);
  if (sizeBytes <= maxBytes) return;
  throw new ZkError(
    "BAD_ARGUMENTS",
    `a transaction of ${sizeBytes} bytes, at most ${maxBytes} are read`,
  );
}

/** About how many bytes a transaction has in the log. */
function sizeOf(txn: SingleTxn): number {
  let sizeBytes = FIXED_BYTES;
  if ("path" in txn) sizeBytes += txn.path.length;
  if ("data" in txn) sizeBytes += txn.data?.length ?? 0;
  if (!("acl" in txn)) return sizeBytes;
  for (const { id } of txn.acl) {
    sizeBytes += ACL_BYTES + id.scheme.length + id.id.length;
  }
  return sizeBytes;
}
