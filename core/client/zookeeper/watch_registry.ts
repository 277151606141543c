// What a client watches: to tell the right ones of an event, and to say it all
// again to another server.
//
//   kind        set by                 told of
//   data        get, exists            created, dataChanged, deleted; once
//   exist       exists of nothing      created; once
//   child       children               childrenChanged, deleted; once
//   persistent  addWatch               all of these at its path, every time
//   recursive   addWatch               all but childrenChanged at its path and below
//
// Source: ZooKeeper documentation, "ZooKeeper Watches".

import type { ZnodeEventType } from "../../coordination/znode_client.ts";
import { utf8Size } from "../../wire/writer.ts";

/** What a server tells of: `path` as the server has it. */
export interface WatchEvent {
  readonly type: ZnodeEventType;
  readonly path: string;
}

export type WatchRun = (event: WatchEvent) => void;
export type OneShotKind = "data" | "exist" | "child";
export type LastingKind = "persistent" | "recursive";
export type WatchKind = OneShotKind | LastingKind;

/** Paths by kind, as one setWatches request brings them. */
export type BroughtPaths = { readonly [K in WatchKind]: readonly string[] };

const KINDS: readonly WatchKind[] = [
  "data",
  "exist",
  "child",
  "persistent",
  "recursive",
];

/** Kinds of one-shot watches that an event ends. */
const ENDED: { readonly [T in ZnodeEventType]: readonly OneShotKind[] } = {
  created: ["data", "exist"],
  dataChanged: ["data", "exist"],
  deleted: ["data", "exist", "child"],
  childrenChanged: ["child"],
};

/** Far below any server's limit of a request. */
const BATCH_MAX_BYTES = 128 * 1024;

/** See the file's header. */
export class WatchRegistry {
  readonly #byKind: { readonly [K in WatchKind]: Map<string, Set<WatchRun>> } =
    {
      data: new Map(),
      exist: new Map(),
      child: new Map(),
      persistent: new Map(),
      recursive: new Map(),
    };

  /** Adds a watch; the same function at the same place is one. */
  add(kind: WatchKind, path: string, run: WatchRun): void {
    const paths = this.#byKind[kind];
    const runs = paths.get(path);
    if (runs === undefined) paths.set(path, new Set([run]));
    else runs.add(run);
  }

  /** @returns Whether it was the last of its kind at the path. */
  remove(kind: WatchKind, path: string, run: WatchRun): boolean {
    const runs = this.#byKind[kind].get(path);
    if (runs === undefined || !runs.delete(run)) return false;
    if (runs.size > 0) return false;
    this.#byKind[kind].delete(path);
    return true;
  }

  /** Whether anybody watches exactly this path, in whatever way. */
  has(path: string): boolean {
    return KINDS.some((kind) => this.#byKind[kind].has(path));
  }

  /** Those who have to hear of an event, each once; one-shot watches end. */
  take({ type, path }: WatchEvent): Set<WatchRun> {
    const told = new Set<WatchRun>();
    for (const kind of ENDED[type]) {
      for (const run of this.#byKind[kind].get(path) ?? []) told.add(run);
      this.#byKind[kind].delete(path);
    }
    for (const run of this.#byKind.persistent.get(path) ?? []) told.add(run);
    if (type === "childrenChanged" || this.#byKind.recursive.size === 0) {
      return told;
    }
    for (let at: string | null = path; at !== null; at = above(at)) {
      for (const run of this.#byKind.recursive.get(at) ?? []) told.add(run);
    }
    return told;
  }

  /** Everything that is watched, in portions that a server takes as one request. */
  *portions(): Iterable<BroughtPaths> {
    let portion = emptyPortion();
    let sizeBytes = 0;
    for (const kind of KINDS) {
      for (const path of this.#byKind[kind].keys()) {
        const pathBytes = 4 + utf8Size(path);
        if (sizeBytes > 0 && sizeBytes + pathBytes > BATCH_MAX_BYTES) {
          yield portion;
          portion = emptyPortion();
          sizeBytes = 0;
        }
        portion[kind].push(path);
        sizeBytes += pathBytes;
      }
    }
    if (sizeBytes > 0) yield portion;
  }

  /** Forgets all: the session has ended. */
  clear(): void {
    for (const kind of KINDS) this.#byKind[kind].clear();
  }
}

function emptyPortion(): { [K in WatchKind]: string[] } {
  return { data: [], exist: [], child: [], persistent: [], recursive: [] };
}

function above(path: string): string | null {
  if (path === "/") return null;
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
