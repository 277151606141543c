// The whole tree as one server has it, and where two servers have another one.

import { hex, ZnodeSession } from "./znode_session.ts";
import type { Tree, ZnodeSeen } from "./znode_load.ts";

/** Each server makes it for itself when it starts, and notes when. */
const CONFIG_PATH = "/zookeeper/config";

/** Reads everything from one server, once that has what the leader has. */
export async function dumpTree(port: number): Promise<Tree> {
  const session = new ZnodeSession({
    ports: [port],
    timeoutMs: 20_000,
    problem: (text) => {
      throw new Error(text);
    },
  });
  try {
    await session.sync();
    const tree = new Map<string, ZnodeSeen>();
    const read = async (path: string): Promise<void> => {
      const [{ data, stat }, acl, names] = await Promise.all([
        session.get(path),
        session.acl(path),
        session.children(path),
      ]);
      tree.set(path, { data, stat, acl });
      const below = path === "/" ? "" : path;
      await Promise.all(names.map((name) => read(`${below}/${name}`)));
    };
    await read("/");
    return tree;
  } finally {
    await session.close();
  }
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
