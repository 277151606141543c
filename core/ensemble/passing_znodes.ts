// Znodes that go by themselves: a container once its last child has gone, one
// with a time to live once nothing has changed in it for so long and it has no
// children. Whoever orders changes asks for that now and then.
//
// A container that never had a child stays.
//
// Source: ZooKeeper documentation, "Container Nodes", "TTL Nodes".

import type { Clock } from "../host/host.ts";
import { CONTAINER_OWNER, ttlOf, type Znode } from "./znode.ts";
import type { ZnodeTree } from "./znode_tree.ts";

/** How many are asked for at once: the rest waits for the next time. */
const REMOVALS_MAX = 1000;

/** Paths whose time has come. */
export function passedZnodes(tree: ZnodeTree, wallMs: number): string[] {
  const paths: string[] = [];
  for (const path of tree.passing()) {
    const node = tree.get(path);
    if (node !== null && hasPassed(node, wallMs)) paths.push(path);
    if (paths.length >= REMOVALS_MAX) break;
  }
  return paths;
}

function hasPassed(node: Readonly<Znode>, wallMs: number): boolean {
  if ((node.children?.size ?? 0) > 0) return false;
  if (node.ephemeralOwner === CONTAINER_OWNER) return node.creations > 0;
  const ttlMs = ttlOf(node.ephemeralOwner);
  return ttlMs !== null && wallMs - node.mtimeMs > ttlMs;
}

/**
 * Looks through them again and again.
 *
 * @returns How to stop.
 */
export function goneByThemselves(options: {
  readonly clock: Clock;
  readonly tree: ZnodeTree;
  readonly intervalMs: number;
  readonly remove: (path: string) => void;
}): () => void {
  const { clock, tree, intervalMs, remove } = options;
  let cancel = () => {};
  const schedule = () => {
    cancel = clock.after(intervalMs, () => {
      for (const path of passedZnodes(tree, clock.wallMs())) remove(path);
      schedule();
    });
  };
  schedule();
  return () => cancel();
}
