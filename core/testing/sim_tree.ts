// The names of a simulated file system. Making, renaming and removing a name
// are changes of directories that a crash may forget until the directory is
// synced. Within a directory the disk keeps them in order, so what a crash keeps
// is the first so many; a rename between two directories is kept or lost whole.

import { HostError, type HostErrorKind } from "../host/host.ts";
import { SimContent, type Unsynced } from "./sim_content.ts";
import type { SimRandom } from "./sim_random.ts";

export class SimFileNode {
  readonly kind = "file";
  readonly content = new SimContent();
  modifiedMs: number;
  constructor(nowMs: number) {
    this.modifiedMs = nowMs;
  }
}

export class SimDirectory {
  readonly kind = "directory";
  readonly entries = new Map<string, SimNode>();
  modifiedMs: number;
  constructor(nowMs: number) {
    this.modifiedMs = nowMs;
  }
}

export type SimNode = SimFileNode | SimDirectory;

interface Step {
  readonly directory: SimDirectory;
  readonly name: string;
  readonly before: SimNode | undefined;
  readonly after: SimNode | undefined;
}

/** Steps that a crash keeps or forgets together. */
type Change = readonly Step[];

/** A place in the tree; `node` is what is there, if anything. */
export interface Place {
  readonly directory: SimDirectory;
  readonly name: string;
  readonly node: SimNode | undefined;
}

export class SimTree {
  readonly root = new SimDirectory(0);
  #changes: Change[] = [];
  readonly #inodes = new Map<SimNode, number>();

  /** What is at a path; `undefined` where nothing is. */
  find(path: string): SimNode | undefined {
    let node: SimNode | undefined = this.root;
    for (const name of parts(path)) {
      if (node?.kind !== "directory") return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  /** A number of its own. */
  inodeOf(node: SimNode): number {
    const inode = this.#inodes.get(node) ?? this.#inodes.size + 1;
    this.#inodes.set(node, inode);
    return inode;
  }

  /** @throws {HostError} `notFound` where the directory that should hold it is missing. */
  place(path: string): Place {
    const names = parts(path);
    const name = names.pop();
    if (name === undefined) throw refusal("other", path, "it is the root");
    const directory = this.find(names.join("/"));
    if (directory?.kind !== "directory") {
      throw refusal("notFound", path, "no such directory");
    }
    return { directory, name, node: directory.entries.get(name) };
  }

  /** Puts `node` at a place, or takes away what is there. */
  put(place: Place, node: SimNode | undefined): void {
    this.#change([{ ...stepAt(place), after: node }]);
  }

  /** @throws {HostError} As rename(2): nothing to move, or a directory in the way. */
  rename(from: string, to: string): void {
    const source = this.place(from);
    const target = this.place(to);
    if (source.node === undefined) throw refusal("notFound", from, "not there");
    if (source.node === target.node) return;
    if (target.node?.kind === "directory") {
      if (source.node.kind !== "directory" || target.node.entries.size > 0) {
        throw refusal("other", to, "a directory is in the way");
      }
    } else if (target.node !== undefined && source.node.kind === "directory") {
      throw refusal("other", to, "a file is in the way");
    }
    this.#change([
      { ...stepAt(source), after: undefined },
      { ...stepAt(target), after: source.node },
    ]);
  }

  /** Which changes a sync of this directory that begins now will make durable. */
  beginSync(directory: SimDirectory): ReadonlySet<Change> {
    // A rename ties two directories together: what came before it, in either,
    // reaches the disk no later than it.
    const directories = new Set([directory]);
    const covered = new Set<Change>();
    for (const change of this.#changes.toReversed()) {
      if (!change.some((step) => directories.has(step.directory))) continue;
      covered.add(change);
      for (const step of change) directories.add(step.directory);
    }
    return covered;
  }

  endSync(covered: ReadonlySet<Change>): void {
    this.#changes = this.#changes.filter((change) => !covered.has(change));
  }

  /** Makes all names durable. */
  syncAll(): void {
    this.#changes = [];
  }

  /** Forgets names, then what was written to files, as far as the crash takes it. */
  crash(unsynced: Unsynced, random: SimRandom): void {
    if (unsynced === "kept") return; // The kernel lives on, with all it was told.
    const before = new Set(this.files());
    this.#forgetNames(unsynced, random);
    this.#changes = [];
    for (const file of before.union(new Set(this.files()))) {
      file.content.crash(unsynced, random);
    }
  }

  /** All files that have a name. */
  *files(directory: SimDirectory = this.root): Generator<SimFileNode> {
    for (const node of directory.entries.values()) {
      if (node.kind === "file") yield node;
      else yield* this.files(node);
    }
  }

  /** Bytes that all files with a name take. */
  allocatedBytes(): number {
    let sum = 0;
    for (const file of this.files()) sum += file.content.allocatedBytes;
    return sum;
  }

  /** Carries out steps that a crash will keep or forget together. */
  #change(change: Change): void {
    for (const { directory, name, after } of change) {
      if (after === undefined) directory.entries.delete(name);
      else directory.entries.set(name, after);
    }
    this.#changes.push(change);
  }

  #forgetNames(unsynced: Unsynced, random: SimRandom): void {
    const keepProbability = unsynced === "lost"
      ? 0
      : random.pick([0, 1, random.next()]);
    const stopped = new Set<SimDirectory>();
    const forgotten: Change[] = [];
    for (const change of this.#changes) {
      const isKept = change.every((step) => !stopped.has(step.directory)) &&
        random.chance(keepProbability);
      if (isKept) continue;
      for (const step of change) stopped.add(step.directory);
      forgotten.push(change);
    }
    for (const change of forgotten.toReversed()) {
      for (const { directory, name, before } of change.toReversed()) {
        if (before === undefined) directory.entries.delete(name);
        else directory.entries.set(name, before);
      }
    }
  }
}

function stepAt({ directory, name, node }: Place): Omit<Step, "after"> {
  return { directory, name, before: node };
}

/** The names along a path, with `.` and `..` resolved. */
function parts(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}

export function refusal(
  kind: HostErrorKind,
  path: string,
  reason: string,
): HostError {
  return new HostError(kind, `Cannot use "${path}": ${reason}`);
}
