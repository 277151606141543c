// A client that has changed servers brings its watches along, and the last zxid
// that it has seen: what has changed since is told at once, the rest is watched.
//
// Source: ZooKeeper documentation, "ZooKeeper Watches"; observed on ZooKeeper 3.8.

import { EventType } from "./event_type.ts";
import type { ReadContext } from "./read_request.ts";

/** Paths by what the client wants to hear of them. */
export interface BroughtWatches {
  readonly relativeZxid: bigint;
  readonly dataWatches: readonly string[];
  readonly existWatches: readonly string[];
  readonly childWatches: readonly string[];
  readonly persistentWatches?: readonly string[];
  readonly persistentRecursiveWatches?: readonly string[];
}

/** Sets watches anew; events of what was missed go out before the answer. */
export function rearmWatches<
  W extends { event(type: number, path: string): void },
>(
  brought: BroughtWatches,
  { tree, watches, watcher }: ReadContext<W>,
): void {
  const { relativeZxid } = brought;
  for (const path of brought.dataWatches) {
    const node = tree.get(path);
    if (node === null) watcher.event(EventType.deleted, path);
    else if (node.mzxid > relativeZxid) {
      watcher.event(EventType.dataChanged, path);
    } else watches.add("data", path, watcher);
  }
  for (const path of brought.existWatches) {
    if (tree.get(path) !== null) watcher.event(EventType.created, path);
    else watches.add("data", path, watcher);
  }
  for (const path of brought.childWatches) {
    const node = tree.get(path);
    if (node === null) watcher.event(EventType.deleted, path);
    else if (node.pzxid > relativeZxid) {
      watcher.event(EventType.childrenChanged, path);
    } else watches.add("child", path, watcher);
  }
  for (const path of brought.persistentWatches ?? []) {
    watches.addLasting(path, watcher, "persistent");
  }
  for (const path of brought.persistentRecursiveWatches ?? []) {
    watches.addLasting(path, watcher, "recursive");
  }
}
