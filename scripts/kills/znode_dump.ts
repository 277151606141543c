// The whole tree as one server has it, and where two servers have another one.

import { pause } from "./kq_process.ts";
import {
  hex,
  RequestFailure,
  type Stat,
  ZnodeSession,
} from "./znode_session.ts";
import type { Tree, ZnodeSeen } from "./znode_load.ts";

const NOT_PERMITTED = "(not permitted)";
/** Of what nobody may look at. */
const NO_STAT: Stat = {
  czxid: 0n,
  mzxid: 0n,
  ctime: 0n,
  mtime: 0n,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
  pzxid: 0n,
};
/** Each server makes it for itself when it starts, and notes when. */
const CONFIG_PATH = "/zookeeper/config";

/** Reads everything from one server, once that has what the leader has. */
export async function dumpTree(port: number): Promise<Tree> {
  const session = readerOf(port);
  try {
    await session.sync();
    return await read(session);
  } finally {
    await session.close();
  }
}

/**
 * Reads everything from all servers, as of one transaction: reads again where
 * something has changed meanwhile, as sessions end.
 */
export async function dumpTrees(
  ports: readonly number[],
  limitMs: number,
): Promise<Tree[]> {
  const sessions = ports.map(readerOf);
  const zxids = async () => {
    const seen: bigint[] = [];
    for (const session of sessions) {
      await session.sync();
      await session.exists("/");
      seen.push(session.lastZxid);
    }
    return new Set(seen);
  };
  try {
    const untilMs = performance.now() + limitMs;
    for (;;) {
      const before = await zxids();
      try {
        const trees: Tree[] = [];
        for (const session of sessions) trees.push(await read(session));
        const after = await zxids();
        if (before.union(after).size === 1) return trees;
      } catch (error) {
        const isGone = error instanceof RequestFailure &&
          error.failure === "NO_NODE";
        if (!isGone) throw error;
      }
      if (performance.now() > untilMs) {
        throw new Error(
          `the servers do not come to rest: ${[...before].map(hex).join(", ")}`,
        );
      }
      await pause(300);
    }
  } finally {
    await Promise.all(sessions.map((session) => session.close()));
  }
}

function readerOf(port: number): ZnodeSession {
  return new ZnodeSession({
    ports: [port],
    timeoutMs: 20_000,
    problem: (text) => {
      throw new Error(text);
    },
  });
}

async function read(session: ZnodeSession): Promise<Tree> {
  const tree = new Map<string, ZnodeSeen>();
  const readBelow = async (path: string): Promise<void> => {
    const [{ data, stat }, acl, names] = await Promise.all([
      session.get(path).catch((error) => {
        if (!isRefused(error)) throw error;
        return { data: NOT_PERMITTED, stat: NO_STAT };
      }),
      session.acl(path).catch((error) => {
        if (!isRefused(error)) throw error;
        return NOT_PERMITTED;
      }),
      session.children(path).catch((error) => {
        if (!isRefused(error)) throw error;
        return [];
      }),
    ]);
    tree.set(path, { data, stat, acl });
    const below = path === "/" ? "" : path;
    await Promise.all(names.map((name) => readBelow(`${below}/${name}`)));
  };
  await readBelow("/");
  return tree;
}

function isRefused(error: unknown): boolean {
  return error instanceof RequestFailure && error.failure === "NO_AUTH";
}

/** One line for each znode that is not the same in both. */
export function differences(a: Tree, b: Tree): string[] {
  const lines: string[] = [];
  for (const path of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const [left, right] = [describe(a, path), describe(b, path)];
    if (left !== right) lines.push(`${path}: ${left} | ${right}`);
  }
  return lines;
}

function describe(tree: Tree, path: string): string {
  const node = tree.get(path);
  if (node === undefined) return "none";
  const stat = Object.entries(node.stat).filter(([name]) =>
    path !== CONFIG_PATH || name !== "mtime"
  ).map(([name, value]) =>
    `${name}=${typeof value === "bigint" ? hex(value) : value}`
  );
  return `${JSON.stringify(node.data)} ${node.acl} ${stat.join(" ")}`;
}
