// Who of the clients hears of which change.
//
//   standard     once, of the znode itself: data watches and child watches
//   persistent   each time, of the znode itself
//   recursive    each time, of the znode and of all below it, save that children
//                changed: each child says so itself
//
// A client that watches in two ways hears of a deletion once.
//
// Source: ZooKeeper documentation, "ZooKeeper Watches"; ZOOKEEPER-1416.

import type { ZnodeEvent } from "../coordination/znode_client.ts";
import { parentOf, ROOT } from "./znode_path.ts";

/** How long a watch stays, and how far it sees. */
export type WatchMode = "standard" | "persistent" | "recursive";

/** What of a znode a watch is about: its data and being, or its children. */
export type WatchSubject = "data" | "child";

/** Which watches are meant: type 1, 2 or 3 of the wire. */
export type WatcherType = "child" | "data" | "any";

/** Watches of `W`, the clients. */
export class WatchTable<W> {
  readonly #tables = {
    data: new SubjectTable<W>(),
    child: new SubjectTable<W>(),
  };

  /** Adds a watch; the same client at the same place hears of each event once. */
  add(
    subject: WatchSubject,
    path: string,
    watcher: W,
    mode: WatchMode = "standard",
  ): void {
    this.#tables[subject].add(path, watcher, mode);
  }

  /** Adds a watch that stays. */
  addLasting(
    path: string,
    watcher: W,
    mode: "persistent" | "recursive",
  ): void {
    this.add("data", path, watcher, mode);
    this.add("child", path, watcher, mode);
  }

  /** Takes those who must hear of an event, in the order in which they came. */
  take({ type, path }: ZnodeEvent): ReadonlySet<W> {
    switch (type) {
      case "created":
      case "dataChanged":
        return this.#tables.data.take(path, true);
      case "childrenChanged":
        return this.#tables.child.take(path, false);
      case "deleted": {
        const data = this.#tables.data.take(path, true);
        const child = this.#tables.child.take(path, true);
        return child.size === 0 ? data : data.union(child);
      }
    }
  }

  /** Whether a client has such a watch. */
  has(type: WatcherType, path: string, watcher: W): boolean {
    return subjectsOf(type).some((each) =>
      this.#tables[each].has(path, watcher)
    );
  }

  /** @returns Whether there was such a watch. */
  remove(type: WatcherType, path: string, watcher: W): boolean {
    let isRemoved = false;
    for (const each of subjectsOf(type)) {
      if (this.#tables[each].remove(path, watcher)) isRemoved = true;
    }
    return isRemoved;
  }

  /** Forgets all of a client's watches. */
  forget(watcher: W): void {
    this.#tables.data.forget(watcher);
    this.#tables.child.forget(watcher);
  }

  /** Forgets all watches of those whom `gone` names. */
  forgetWhere(gone: (watcher: W) => boolean): void {
    for (const table of [this.#tables.data, this.#tables.child]) {
      for (const watcher of [...table.watchers()]) {
        if (gone(watcher)) table.forget(watcher);
      }
    }
  }

  /** How many watches there are. */
  get count(): number {
    return this.#tables.data.count + this.#tables.child.count;
  }

  /** Paths that are watched, how many clients watch. */
  get pathCount(): number {
    return this.#tables.data.pathCount + this.#tables.child.pathCount;
  }

  /** Who watches the one or the other of which path, for those who look for a cause. */
  entries(subject: WatchSubject): ReadonlyMap<string, ReadonlySet<W>> {
    const watchers = new Map<string, Set<W>>();
    for (const [path, watcher] of this.#tables[subject].pairs()) {
      let found = watchers.get(path);
      if (found === undefined) watchers.set(path, found = new Set());
      found.add(watcher);
    }
    return watchers;
  }
}

/** 1 for one that sees what is below its znode. */
function recursion(watching: number): number {
  return (watching & Watching.recursive) === 0 ? 0 : 1;
}

function subjectsOf(type: WatcherType): readonly WatchSubject[] {
  return type === "any" ? ["data", "child"] : [type];
}

const NOBODY: ReadonlySet<never> = new Set<never>();

/** What one client watches at one path, added up. */
const Watching = { standard: 1, persistent: 2, recursive: 4 } as const;

class SubjectTable<W> {
  readonly #byPath = new Map<string, Map<W, number>>();
  readonly #byWatcher = new Map<W, Set<string>>();
  /** Without any, the paths above an event need not be looked at. */
  #recursiveCount = 0;

  get count(): number {
    let count = 0;
    for (const watchers of this.#byPath.values()) count += watchers.size;
    return count;
  }

  get pathCount(): number {
    return this.#byPath.size;
  }

  watchers(): Iterable<W> {
    return this.#byWatcher.keys();
  }

  *pairs(): Iterable<[string, W]> {
    for (const [path, watchers] of this.#byPath) {
      for (const watcher of watchers.keys()) yield [path, watcher];
    }
  }

  add(path: string, watcher: W, mode: WatchMode): void {
    let watchers = this.#byPath.get(path);
    if (watchers === undefined) {
      this.#byPath.set(path, watchers = new Map());
    }
    const before = watchers.get(watcher) ?? 0;
    // The newest of those that stay counts; one that hears once is there besides.
    const kept = mode === "standard" ? before : before & Watching.standard;
    const after = kept | Watching[mode];
    this.#recursiveCount += recursion(after) - recursion(before);
    watchers.set(watcher, after);
    let paths = this.#byWatcher.get(watcher);
    if (paths === undefined) {
      this.#byWatcher.set(watcher, paths = new Set());
    }
    paths.add(path);
  }

  /** @param reachesRecursive Whether the event is one that recursive watches hear of. */
  take(path: string, reachesRecursive: boolean): ReadonlySet<W> {
    const exact = this.#byPath.get(path);
    const above = reachesRecursive && this.#recursiveCount > 0
      ? this.#recursiveAbove(path)
      : null;
    if (exact === undefined && above === null) return NOBODY;
    const taken = new Set<W>();
    for (const [watcher, watching] of exact ?? []) {
      if (watching === Watching.recursive) {
        if (reachesRecursive) taken.add(watcher);
        continue;
      }
      taken.add(watcher);
      const lasting = watching & ~Watching.standard;
      if (lasting === 0) this.#delete(path, exact!, watcher);
      else exact!.set(watcher, lasting);
    }
    for (const watcher of above ?? []) taken.add(watcher);
    return taken;
  }

  has(path: string, watcher: W): boolean {
    return this.#byPath.get(path)?.has(watcher) ?? false;
  }

  remove(path: string, watcher: W): boolean {
    const watchers = this.#byPath.get(path);
    if (watchers === undefined || !watchers.has(watcher)) return false;
    this.#delete(path, watchers, watcher);
    return true;
  }

  forget(watcher: W): void {
    for (const path of [...this.#byWatcher.get(watcher) ?? []]) {
      this.remove(path, watcher);
    }
  }

  #recursiveAbove(path: string): W[] {
    const found: W[] = [];
    for (let at = path; at !== ROOT;) {
      at = parentOf(at);
      for (const [watcher, watching] of this.#byPath.get(at) ?? []) {
        if (recursion(watching) > 0) found.push(watcher);
      }
    }
    return found;
  }

  #delete(path: string, watchers: Map<W, number>, watcher: W): void {
    this.#recursiveCount -= recursion(watchers.get(watcher) ?? 0);
    watchers.delete(watcher);
    if (watchers.size === 0) this.#byPath.delete(path);
    const paths = this.#byWatcher.get(watcher);
    if (paths?.delete(path) && paths.size === 0) {
      this.#byWatcher.delete(watcher);
    }
  }
}
