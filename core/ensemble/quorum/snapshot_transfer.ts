// A whole tree from a leader to a learner: sessions, access control lists and
// znodes as in a snapshot file, then a word that says that it is all there.
//
// Source: observed between ZooKeeper 3.8 servers; testdata/quorum/.

import { DecodeError, Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import {
  decodeAcl,
  decodeNode,
  decodeSession,
  encodeState,
} from "../snapshot.ts";
import { ZnodeTree } from "../znode_tree.ts";
import { writeText } from "../server/answer_bytes.ts";
import type { PacketStream } from "./packet_stream.ts";

const SIGNATURE = "BenWasHere";
/** A part of a snapshot is never larger: a znode is bounded by the largest request. */
const PART_BYTES_MAX = 64 * 1024 * 1024;

/** Sends a tree; changes may go on meanwhile, which the learner gets afterwards. */
export async function sendSnapshot(
  stream: PacketStream,
  tree: ZnodeTree,
): Promise<void> {
  for (const bytes of encodeState(tree)) await stream.sendBytes(bytes);
  const end = new Writer();
  writeText(end, SIGNATURE);
  await stream.sendBytes(end.written());
}

/**
 * Receives a tree.
 *
 * @throws {DecodeError} Where what comes is no tree.
 * @throws {HostError} Where the connection ends before.
 */
export async function receiveSnapshot(
  stream: PacketStream,
  zxid: bigint,
): Promise<ZnodeTree> {
  const tree = new ZnodeTree();
  for (let left = await part(stream, count); left > 0; left--) {
    await part(stream, (reader) => decodeSession(reader, tree));
  }
  for (let left = await part(stream, count); left > 0; left--) {
    await part(stream, (reader) => decodeAcl(reader, tree));
  }
  for (;;) {
    // Most are here already: no waiting between them.
    const hasMore = partNow(stream, (reader) => decodeNode(reader, tree)) ??
      await part(stream, (reader) => decodeNode(reader, tree));
    if (!hasMore) break;
  }
  const signature = await part(
    stream,
    (reader) => reader.utf8(reader.int32()),
  );
  if (signature !== SIGNATURE) {
    throw new DecodeError(`the tree ends with "${signature}"`, 0);
  }
  tree.restoreZxid(zxid);
  return tree;
}

function count(reader: Reader): number {
  return reader.int32();
}

/** Decodes the next part, waiting for it. */
async function part<T>(
  stream: PacketStream,
  decode: (reader: Reader) => T,
): Promise<T> {
  for (;;) {
    const decoded = partNow(stream, decode);
    if (decoded !== null) return decoded;
    await stream.more();
  }
}

/** `null` where the part is not all here. */
function partNow<T>(
  stream: PacketStream,
  decode: (reader: Reader) => T,
): T | null {
  const { held } = stream;
  const reader = new Reader(held, { elementCountMax: Infinity });
  try {
    const decoded = decode(reader);
    stream.skip(reader.position);
    return decoded;
  } catch (error) {
    // The bytes end early, or make no sense: time will tell which.
    if (!(error instanceof DecodeError) || held.length > PART_BYTES_MAX) {
      throw error;
    }
    return null;
  }
}
