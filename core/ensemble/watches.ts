// One-shot watches: who hears of the next change to a znode.
//
// A data watch (get, exists) hears that the znode was created, changed or
// deleted; a child watch (children) that it was deleted or that its children
// changed. Somebody who watches both ways hears of a deletion once.
//
// Source: ZooKeeper documentation, "ZooKeeper Watches".

import type { ZnodeEvent } from "../coordination/znode_client.ts";

export type WatchKind = "data" | "child";

/** Watches of `W`, which is who wants to hear. */
export class Watches<W> {
  readonly #byPath = {
    data: new Map<string, Set<W>>(),
    child: new Map<string, Set<W>>(),
  };

  /** Adds a watch; the same watcher at the same place hears once. */
  add(kind: WatchKind, path: string, watcher: W): void {
    const paths = this.#byPath[kind];
    const watchers = paths.get(path);
    if (watchers === undefined) paths.set(path, new Set([watcher]));
    else watchers.add(watcher);
  }

  /** Takes those who must hear of an event, in the order in which they came. */
  take(event: ZnodeEvent): W[] {
    const { path } = event;
    switch (event.type) {
      case "created":
      case "dataChanged":
        return this.#takeAll("data", path);
      case "childrenChanged":
        return this.#takeAll("child", path);
      case "deleted":
        return [
          ...new Set([
            ...this.#takeAll("data", path),
            ...this.#takeAll("child", path),
          ]),
        ];
    }
  }

  /** Forgets every watch of those whom `gone` names. */
  removeWhere(gone: (watcher: W) => boolean): void {
    for (const paths of Object.values(this.#byPath)) {
      for (const [path, watchers] of paths) {
        for (const watcher of watchers) {
          if (gone(watcher)) watchers.delete(watcher);
        }
        if (watchers.size === 0) paths.delete(path);
      }
    }
  }

  /** How many are waiting. */
  get count(): number {
    let count = 0;
    for (const paths of Object.values(this.#byPath)) {
      for (const watchers of paths.values()) count += watchers.size;
    }
    return count;
  }

  #takeAll(kind: WatchKind, path: string): W[] {
    const watchers = this.#byPath[kind].get(path);
    if (watchers === undefined) return [];
    this.#byPath[kind].delete(path);
    return [...watchers];
  }
}
