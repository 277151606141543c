// One znode: data, bookkeeping, names of children, and its share of the digest.
//
// The digest of a tree is the sum of the CRC-32s of its znodes, each over path,
// data and bookkeeping; znodes below /zookeeper count nothing.
//
// Source: ZooKeeper's DigestCalculator, version 2; checked against the digests
// in testdata/quorum/.

import { crc32 } from "../base/crc32.ts";
import { encodeUtf8, NO_BYTES } from "../base/bytes.ts";
import type { ZnodeStat } from "../coordination/znode_client.ts";
import { ROOT } from "./znode_path.ts";

/** Which way of computing digests this is. */
export const DIGEST_VERSION = 2;

/** Where ZooKeeper keeps its own znodes. */
export const SYSTEM_PATH = "/zookeeper";

/** The owner that marks a container znode. */
export const CONTAINER_OWNER = -(2n ** 63n);
/** The highest byte of the owner of a znode with a time to live, and of its mask. */
const TTL_MARK = 0xffn << 56n;
const TTL_MASK = 2n ** 40n - 1n;
/** The longest time to live, in milliseconds. */
export const TTL_MAX_MS = TTL_MASK;

/** The owner that stands for a time to live. */
export function ttlOwner(ttlMs: bigint): bigint {
  return BigInt.asIntN(64, TTL_MARK | (ttlMs & TTL_MASK));
}

/** The time to live that an owner stands for, in milliseconds; `null` for none. */
export function ttlOf(owner: bigint): number | null {
  if (BigInt.asUintN(64, owner) >> 56n !== 0xffn) return null;
  return Number(owner & TTL_MASK);
}

/** Whether an owner is a session, not a mark. */
export function isSession(owner: bigint): boolean {
  return owner !== 0n && owner !== CONTAINER_OWNER &&
    BigInt.asUintN(64, owner) >> 56n !== 0xffn;
}

/** The owner that clients see: marks are the server's own business. */
export function shownOwner(owner: bigint): bigint {
  return isSession(owner) ? owner : 0n;
}

/** A node of the tree; only the tree changes it. */
export interface Znode {
  data: Uint8Array | null;
  aclNumber: bigint;
  czxid: bigint;
  mzxid: bigint;
  pzxid: bigint;
  ctimeMs: number;
  mtimeMs: number;
  version: number;
  /** How many children were ever created: what sequential names count by. */
  creations: number;
  aversion: number;
  ephemeralOwner: bigint;
  /** Names; null while there was none yet. */
  children: Set<string> | null;
  /** What it adds to the tree's digest; -1 while that is not computed. */
  digest: number;
}

/** Stands for a digest that has to be computed. */
export const NO_DIGEST = -1;

/** A znode with nothing in it, made at zxid 0. */
export function emptyZnode(): Znode {
  return {
    data: NO_BYTES,
    aclNumber: -1n,
    czxid: 0n,
    mzxid: 0n,
    pzxid: 0n,
    ctimeMs: 0,
    mtimeMs: 0,
    version: 0,
    creations: 0,
    aversion: 0,
    ephemeralOwner: 0n,
    children: null,
    digest: NO_DIGEST,
  };
}

/** The bookkeeping that clients see. */
export function statOf(node: Znode): ZnodeStat {
  const numChildren = node.children?.size ?? 0;
  return {
    czxid: node.czxid,
    mzxid: node.mzxid,
    pzxid: node.pzxid,
    ctimeMs: node.ctimeMs,
    mtimeMs: node.mtimeMs,
    version: node.version,
    // Creations and deletions: deletions are creations less what is left.
    cversion: node.creations * 2 - numChildren,
    aversion: node.aversion,
    ephemeralOwner: shownOwner(node.ephemeralOwner),
    dataLength: node.data?.length ?? 0,
    numChildren,
  };
}

const STAT_BYTES = 60;
const DATA_STEP_BYTES = 512;
const stat = new Uint8Array(STAT_BYTES);
const view = new DataView(stat.buffer);

/** What a znode adds to the tree's digest. */
export function digestOf(path: string, node: Znode): number {
  if (path.startsWith(`${SYSTEM_PATH}/`)) return 0;
  view.setBigInt64(0, node.czxid);
  view.setBigInt64(8, node.mzxid);
  view.setBigInt64(16, node.pzxid);
  view.setBigInt64(24, BigInt(node.ctimeMs));
  view.setBigInt64(32, BigInt(node.mtimeMs));
  view.setInt32(40, node.version);
  view.setInt32(44, node.creations);
  view.setInt32(48, node.aversion);
  view.setBigInt64(52, node.ephemeralOwner);
  let crc = crc32(encodeUtf8(path === ROOT ? "" : path));
  // In steps, for which no library is loaded.
  const { data } = node;
  for (let at = 0; data !== null && at < data.length; at += DATA_STEP_BYTES) {
    crc = crc32(data.subarray(at, at + DATA_STEP_BYTES), crc);
  }
  return crc32(stat, crc);
}
