// Requests that only look, answered from the tree of this server.
//
// What is asked with a watch sets it where ZooKeeper does: on a znode that is not
// there only by `exists`.
//
// Source: ZooKeeper's published jute files (3.8); observed on ZooKeeper 3.8.

import { type Reader } from "../../wire/reader.ts";
import { ZkError } from "../../wire/zookeeper/errors.ts";
import { juteCodec } from "../../wire/zookeeper/jute.ts";
import {
  type Acl,
  checkWatchesRequest,
  getAclResponse,
  multiHeader,
  OpCode,
  setWatches,
  setWatches2,
} from "../../wire/zookeeper/records.ts";
import type { Writer } from "../../wire/writer.ts";
import { type Identity, isPermitted, maskDigests } from "../access.ts";
import { Permission } from "../acl_cache.ts";
import { statOf, type Znode } from "../znode.ts";
import { childPath, ROOT } from "../znode_path.ts";
import type { ZnodeTree } from "../znode_tree.ts";
import {
  writeBuffer,
  writeMultiHeader,
  writeStatOf,
  writeText,
} from "./answer_bytes.ts";
import type { WatcherType, WatchMode, WatchTable } from "../watch_table.ts";
import { rearmWatches } from "./rearm_watches.ts";

const READS: ReadonlySet<number> = new Set([
  OpCode.exists,
  OpCode.getData,
  OpCode.getChildren,
  OpCode.getChildren2,
  OpCode.getAcl,
  OpCode.multiRead,
  OpCode.getEphemerals,
  OpCode.getAllChildrenNumber,
  OpCode.addWatch,
  OpCode.checkWatches,
  OpCode.removeWatches,
  OpCode.setWatches,
  OpCode.setWatches2,
  OpCode.whoAmI,
]);

/** Whether a request is one of these. */
export function isRead(opCode: number): boolean {
  return READS.has(opCode);
}

/** Who asks, and what of. */
export interface ReadContext<W> {
  readonly tree: ZnodeTree;
  readonly watches: WatchTable<W>;
  readonly watcher: W;
  readonly sessionId: bigint;
  readonly identities: readonly Identity[];
  /** Everybody may do everything. */
  readonly skipsAcl?: boolean;
}

/**
 * Writes the answer's body; what was written before a refusal is to be taken back.
 *
 * @throws {DecodeError} Where the bytes are not such a request.
 * @throws {ZkError} NO_NODE, NO_AUTH, NO_WATCHER, BAD_ARGUMENTS; UNIMPLEMENTED for
 * an operation that is none of these.
 */
export function answerRead<
  W extends { event(type: number, path: string): void },
>(
  opCode: number,
  reader: Reader,
  context: ReadContext<W>,
  writer: Writer,
): void {
  const { tree } = context;
  switch (opCode) {
    case OpCode.exists: {
      const path = readPath(reader);
      const isWatched = reader.bool();
      if (path.includes("\0")) throw new ZkError("BAD_ARGUMENTS", path);
      // Who may not read a znode does not learn that it is there.
      const node = tree.get(inTree(path));
      if (node !== null) permit(context, node, Permission.read, path);
      if (isWatched) watch("data", path, context);
      return writeStatOf(writer, nodeAt(tree, path));
    }
    case OpCode.getData:
      return getData(readPath(reader), reader.bool(), context, writer);
    case OpCode.getChildren:
    case OpCode.getChildren2: {
      const path = readPath(reader);
      const node = getChildren(path, reader.bool(), context, writer);
      if (opCode === OpCode.getChildren2) writeStatOf(writer, node);
      return;
    }
    case OpCode.getAcl:
      return getAcl(readPath(reader), context, writer);
    case OpCode.multiRead:
      return multiRead(reader, context, writer);
    case OpCode.getEphemerals:
      return getEphemerals(readPath(reader), context, writer);
    case OpCode.getAllChildrenNumber: {
      const path = readPath(reader);
      const node = nodeAt(tree, path);
      permit(context, node, Permission.read, path);
      return writer.int32(descendantCount(tree, path, node));
    }
    case OpCode.addWatch:
      return addWatch(readPath(reader), reader.int32(), context, writer);
    case OpCode.checkWatches:
    case OpCode.removeWatches:
      return watchesOf(opCode, reader, context);
    case OpCode.setWatches:
      return rearmWatches(juteCodec(setWatches).decode(reader), context);
    case OpCode.setWatches2:
      return rearmWatches(juteCodec(setWatches2).decode(reader), context);
    case OpCode.whoAmI:
      return whoAmI(context, writer);
    default:
      throw new ZkError("UNIMPLEMENTED", `operation ${opCode}`);
  }
}

function readPath(reader: Reader): string {
  return reader.utf8(reader.int32());
}

/** @throws {ZkError} NO_NODE. */
function nodeAt(tree: ZnodeTree, path: string): Readonly<Znode> {
  const node = tree.get(inTree(path));
  if (node === null) throw new ZkError("NO_NODE", path);
  return node;
}

/** The root has no name, so nothing means it, too. */
function inTree(path: string): string {
  return path === "" ? ROOT : path;
}

/** @throws {ZkError} NO_AUTH. */
function permit<W>(
  { tree, identities, skipsAcl }: ReadContext<W>,
  { aclNumber }: Readonly<Znode>,
  permission: number,
  path: string,
): void {
  if (skipsAcl) return;
  if (!isPermitted(tree.acls.listOf(aclNumber), permission, identities)) {
    throw new ZkError("NO_AUTH", path);
  }
}

function watch<W>(
  subject: "data" | "child",
  path: string,
  { watches, watcher }: ReadContext<W>,
): void {
  watches.add(subject, path, watcher);
}

function getData<W>(
  path: string,
  isWatched: boolean,
  context: ReadContext<W>,
  writer: Writer,
): void {
  const node = nodeAt(context.tree, path);
  permit(context, node, Permission.read, path);
  if (isWatched) watch("data", path, context);
  writeBuffer(writer, node.data);
  writeStatOf(writer, node);
}

function getChildren<W>(
  path: string,
  isWatched: boolean,
  context: ReadContext<W>,
  writer: Writer,
): Readonly<Znode> {
  const node = nodeAt(context.tree, path);
  permit(context, node, Permission.read, path);
  if (isWatched) watch("child", path, context);
  writer.int32(node.children?.size ?? 0);
  for (const name of node.children ?? []) writeText(writer, name);
  return node;
}

function getAcl<W>(
  path: string,
  context: ReadContext<W>,
  writer: Writer,
): void {
  const node = nodeAt(context.tree, path);
  permit(context, node, Permission.read | Permission.admin, path);
  const acl: readonly Acl[] = context.tree.acls.listOf(node.aclNumber) ?? [];
  const { ctimeMs, mtimeMs, ...stat } = statOf(node);
  juteCodec(getAclResponse).encode(writer, {
    acl: maskDigests(acl, context.identities),
    stat: { ...stat, ctime: BigInt(ctimeMs), mtime: BigInt(mtimeMs) },
  });
}

/** Reads of data and children together; each fails for itself. */
function multiRead<W>(
  reader: Reader,
  context: ReadContext<W>,
  writer: Writer,
): void {
  for (;;) {
    const { type, done } = juteCodec(multiHeader).decode(reader);
    if (done) break;
    const path = readPath(reader);
    // A watch that is asked for in here is not set.
    reader.bool();
    const before = writer.position;
    try {
      writeMultiHeader(writer, type, false, 0);
      if (type === OpCode.getData) getData(path, false, context, writer);
      else if (type === OpCode.getChildren) {
        getChildren(path, false, context, writer);
      } else throw new ZkError("UNIMPLEMENTED", `operation ${type}`);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      writer.position = before;
      writeMultiHeader(writer, OpCode.error, false, error.code);
      writer.int32(error.code);
    }
  }
  writeMultiHeader(writer, -1, true, -1);
}

function getEphemerals<W>(
  prefix: string,
  { tree, sessionId }: ReadContext<W>,
  writer: Writer,
): void {
  const isAll = prefix.trim() === "" || prefix.trim() === ROOT;
  const paths = tree.ephemerals(sessionId).filter((path) =>
    isAll || path.startsWith(prefix)
  );
  writer.int32(paths.length);
  for (const path of paths) writeText(writer, path);
}

function descendantCount(
  tree: ZnodeTree,
  path: string,
  node: Readonly<Znode>,
): number {
  if (inTree(path) === ROOT) return tree.nodeCount - 1;
  let count = 0;
  const waiting: [string, Readonly<Znode>][] = [[path, node]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [at, { children }] = next;
    for (const name of children ?? []) {
      count++;
      const child = childPath(at, name);
      waiting.push([child, nodeAt(tree, child)]);
    }
  }
  return count;
}

/** Modes by the number that clients send. */
const LASTING_MODES: readonly Exclude<WatchMode, "standard">[] = [
  "persistent",
  "recursive",
];

function addWatch<W>(
  path: string,
  mode: number,
  { watches, watcher }: ReadContext<W>,
  writer: Writer,
): void {
  if (LASTING_MODES[mode] === undefined) {
    throw new ZkError("MARSHALLING_ERROR", `${path}: watch of mode ${mode}`);
  }
  watches.addLasting(path, watcher, LASTING_MODES[mode]);
  writer.int32(0);
}

/** Types by the number that clients send. */
const WATCHER_TYPES: readonly (WatcherType | undefined)[] = [
  undefined,
  "child",
  "data",
  "any",
];

function watchesOf<W>(
  opCode: number,
  reader: Reader,
  { watches, watcher }: ReadContext<W>,
): void {
  const { path, type } = juteCodec(checkWatchesRequest).decode(reader);
  const watcherType = WATCHER_TYPES[type];
  if (watcherType === undefined) {
    throw new ZkError("MARSHALLING_ERROR", `watches of type ${type}`);
  }
  const isThere = opCode === OpCode.removeWatches
    ? watches.remove(watcherType, path, watcher)
    : watches.has(watcherType, path, watcher);
  if (!isThere) throw new ZkError("NO_WATCHER", path);
}

/** Every identity, without what proves it. */
function whoAmI<W>({ identities }: ReadContext<W>, writer: Writer): void {
  writer.int32(identities.length);
  for (const { scheme, id } of identities) {
    writeText(writer, scheme);
    writeText(writer, scheme === "digest" ? id.split(":", 1)[0] : id);
  }
}
