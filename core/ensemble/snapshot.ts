// Snapshots of the whole state, `snapshot.<last zxid applied at its start in hex>`.
//
//   FileHeader: int "ZKSN", int version 2, long dbid -1
//   int count, sessions: long id, int timeout
//   int count, access control lists: long number, vector<ACL>
//   znodes, parents first: ustring path ("" is the root), buffer data,
//     long number of its list, StatPersisted; the path "/" ends them
//   seal: long Adler-32 of all before, ustring "/"
//   ZxidDigest (newer files): long zxid, int version, long digest; a seal again
//
// A snapshot is fuzzy: it is written while transactions go on, so a znode may be
// newer than the name says, and the log from that zxid on is replayed over it.
//
// Source: ZooKeeper 3.8; checked against testdata/quorum/.

import { adler32 } from "../base/adler32.ts";
import { KIB } from "../base/units.ts";
import { type Clock, type Disk, sleep } from "../host/host.ts";
import { DecodeError, Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { juteCodec, record } from "../wire/zookeeper/jute.ts";
import { acl, fileHeader, statPersisted } from "../wire/zookeeper/records.ts";
import { OPEN_ACL_NUMBER } from "./acl_cache.ts";
import { nameOfZxid } from "./txn_log.ts";
import { DIGEST_VERSION, emptyZnode, type Znode } from "./znode.ts";
import { childPath, parentOf, ROOT } from "./znode_path.ts";
import { ZnodeTree } from "./znode_tree.ts";

const MAGIC = 0x5a4b534e;
const VERSION = 2;
/** How many znodes are written before others get their turn. */
const NODES_PER_TURN = 500;
/** Parts below this size are not worth a turn of their own. */
const TURN_BYTES = 4 * KIB;

const aclList = record("AclList", { number: "long", list: { vector: acl } });
const sessionRow = record("SessionRow", { id: "long", timeoutMs: "int" });
const zxidDigest = record("ZxidDigest", {
  zxid: "long",
  version: "int",
  digest: "long",
});
const nodeRow = record("NodeRow", {
  path: "ustring",
  data: "buffer",
  aclNumber: "long",
  stat: statPersisted,
});

/** What a snapshot gives back. */
export interface SnapshotContents {
  readonly tree: ZnodeTree;
  /** The digest when the snapshot was finished, after `zxid`; null in older files. */
  readonly digest: { readonly zxid: bigint; readonly digest: bigint } | null;
}

/**
 * Encodes the state in parts, so that the caller may let others go on between
 * them; each part is the receiver's own.
 *
 * @param isExact Whether the tree is that of its zxid, so that its digest says
 * something. One that came from another server has later changes in it already.
 */
export function* encodeSnapshot(
  tree: ZnodeTree,
  isExact = true,
): Generator<Uint8Array> {
  let checksum = 1;
  const summed = (bytes: Uint8Array) => {
    checksum = adler32(bytes, checksum);
    return bytes;
  };
  const header = new Writer();
  juteCodec(fileHeader).encode(header, {
    magic: MAGIC,
    version: VERSION,
    dbid: -1n,
  });
  yield summed(header.written());
  for (const bytes of encodeState(tree)) yield summed(bytes);
  yield* encodeSeal(checksum, summed);
  if (!isExact) return;
  const digest = new Writer();
  juteCodec(zxidDigest).encode(digest, {
    zxid: tree.lastZxid,
    version: DIGEST_VERSION,
    digest: tree.digest,
  });
  yield summed(digest.written());
  yield* encodeSeal(checksum, () => {});
}

/**
 * Sessions, access control lists and znodes, as a snapshot has them between its
 * header and its checksum, and as a leader sends them; in parts, as `encodeSnapshot`.
 */
export function* encodeState(tree: ZnodeTree): Generator<Uint8Array> {
  const startZxid = tree.lastZxid;
  let writer = new Writer();
  const part = () => {
    const bytes = writer.written();
    writer = new Writer();
    return bytes;
  };
  writer.int32(tree.sessions.size);
  for (const [id, timeoutMs] of tree.sessions) {
    juteCodec(sessionRow).encode(writer, { id, timeoutMs });
  }
  writer.int32(tree.acls.size);
  for (const [number, list] of tree.acls.entries()) {
    juteCodec(aclList).encode(writer, { number, list });
  }
  const known = new Set([...tree.acls.entries()].map(([number]) => number));
  let count = 0;
  for (const [path, node] of nodesUntil(tree, startZxid)) {
    encodeNode(writer, path, node, known);
    if (++count % NODES_PER_TURN === 0) yield part();
  }
  encodeEnd(writer);
  yield part();
}

function* encodeSeal(
  checksum: number,
  sealed: (bytes: Uint8Array) => void,
): Generator<Uint8Array> {
  const writer = new Writer();
  writer.bigInt64(BigInt(checksum));
  encodeEnd(writer);
  sealed(writer.written());
  yield writer.written();
}

function encodeEnd(writer: Writer): void {
  writer.int32(1);
  writer.int8(0x2f);
}

/** Znodes made no later than a transaction, parents first; newer ones the log brings back. */
function* nodesUntil(
  tree: ZnodeTree,
  zxid: bigint,
): Generator<[string, Readonly<Znode>]> {
  const waiting = [ROOT];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const node = tree.get(path);
    // It may have been deleted, or deleted and made again, since it was listed.
    if (node === null || node.czxid > zxid) continue;
    yield [path, node];
    for (const name of node.children ?? []) waiting.push(childPath(path, name));
  }
}

function encodeNode(
  writer: Writer,
  path: string,
  node: Readonly<Znode>,
  knownAcls: ReadonlySet<bigint>,
): void {
  juteCodec(nodeRow).encode(writer, {
    path: path === ROOT ? "" : path,
    data: node.data,
    // A list that came while this is written is set again by its transaction.
    aclNumber: knownAcls.has(node.aclNumber) ? node.aclNumber : OPEN_ACL_NUMBER,
    stat: {
      czxid: node.czxid,
      mzxid: node.mzxid,
      ctime: BigInt(node.ctimeMs),
      mtime: BigInt(node.mtimeMs),
      version: node.version,
      cversion: node.creations,
      aversion: node.aversion,
      ephemeralOwner: node.ephemeralOwner,
      pzxid: node.pzxid,
    },
  });
}

/**
 * Decodes a snapshot.
 *
 * @param zxid From the file's name.
 * @throws {DecodeError} Where the file is cut short or does not match its checksums.
 */
export function decodeSnapshot(
  bytes: Uint8Array,
  zxid: bigint,
): SnapshotContents {
  const reader = new Reader(bytes, { elementCountMax: Infinity });
  const header = juteCodec(fileHeader).decode(reader);
  if (header.magic !== MAGIC || header.version !== VERSION) {
    throw new DecodeError("not a snapshot of version 2", 0);
  }
  const tree = new ZnodeTree();
  for (let left = reader.int32(); left > 0; left--) decodeSession(reader, tree);
  for (let left = reader.int32(); left > 0; left--) decodeAcl(reader, tree);
  while (decodeNode(reader, tree));
  checkSeal(reader, bytes);
  let digest: SnapshotContents["digest"] = null;
  if (reader.remaining > 0) {
    const row = juteCodec(zxidDigest).decode(reader);
    checkSeal(reader, bytes);
    // ZooKeeper has 0 for the state before the first transaction.
    if (row.version === DIGEST_VERSION && row.digest !== 0n) digest = row;
  }
  if (digest?.zxid === zxid && digest.digest !== tree.digest) {
    throw new DecodeError("snapshot does not match its digest", 0);
  }
  tree.restoreZxid(zxid);
  return { tree, digest };
}

/** Reads a session of a snapshot into a tree. @throws {DecodeError} */
export function decodeSession(reader: Reader, tree: ZnodeTree): void {
  const { id, timeoutMs } = juteCodec(sessionRow).decode(reader);
  tree.sessions.set(id, timeoutMs);
}

/** Reads an access control list of a snapshot into a tree. @throws {DecodeError} */
export function decodeAcl(reader: Reader, tree: ZnodeTree): void {
  const { number, list } = juteCodec(aclList).decode(reader);
  tree.acls.restore(number, list);
}

/**
 * Reads a znode of a snapshot into a tree.
 *
 * @returns False where the znodes end here.
 * @throws {DecodeError} Where the bytes end early, or make no tree.
 */
export function decodeNode(reader: Reader, tree: ZnodeTree): boolean {
  const position = reader.position;
  if (reader.utf8(reader.int32()) === ROOT) return false;
  reader.position = position;
  const row = juteCodec(nodeRow).decode(reader);
  const { stat } = row;
  if (tree.acls.listOf(row.aclNumber) === null) {
    throw new DecodeError(`no access control list ${row.aclNumber}`, position);
  }
  const node = emptyZnode();
  node.data = row.data?.slice() ?? null;
  node.aclNumber = row.aclNumber;
  node.czxid = stat.czxid;
  node.mzxid = stat.mzxid;
  node.pzxid = stat.pzxid;
  node.ctimeMs = Number(stat.ctime);
  node.mtimeMs = Number(stat.mtime);
  node.version = stat.version;
  node.creations = stat.cversion;
  node.aversion = stat.aversion;
  node.ephemeralOwner = stat.ephemeralOwner;
  const path = row.path === "" ? ROOT : row.path;
  if (path !== ROOT && tree.get(parentOf(path)) === null) {
    throw new DecodeError(`znode ${path} before its parent`, position);
  }
  tree.restore(path, node);
  return true;
}

function checkSeal(reader: Reader, bytes: Uint8Array): void {
  const position = reader.position;
  const checksum = adler32(bytes.subarray(0, position));
  const stored = reader.bigInt64();
  if (stored !== BigInt(checksum) || reader.utf8(reader.int32()) !== ROOT) {
    throw new DecodeError("snapshot does not match its checksum", position);
  }
}

/**
 * Writes a snapshot file beside the log, a part at a time, and makes it durable.
 *
 * @param isExact As for `encodeSnapshot`.
 * @returns Its zxid: everything after that is still needed from the log.
 */
export async function writeSnapshot(
  { disk, clock }: { disk: Disk; clock: Clock },
  directory: string,
  tree: ZnodeTree,
  isExact = true,
): Promise<bigint> {
  const zxid = tree.lastZxid;
  const path = `${directory}/${nameOfZxid("snapshot", zxid)}`;
  const temporary = `${path}.tmp`;
  const file = disk.open(temporary, "create");
  try {
    file.truncate(0);
    let position = 0;
    for (const bytes of encodeSnapshot(tree, isExact)) {
      if (bytes.length >= TURN_BYTES) await sleep(clock, 0);
      file.writeAt(bytes, position);
      position += bytes.length;
    }
    await file.sync();
  } finally {
    file.close();
  }
  disk.rename(temporary, path);
  await disk.syncDirectory(directory);
  return zxid;
}
