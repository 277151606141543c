// A simulated disk as one life of a process sees it: the calls of `Disk` and
// `File`, each counted, and refused once that life is over.

import {
  type Disk,
  type File,
  type FileInfo,
  HostError,
  type OpenMode,
} from "../host/host.ts";
import type { SimDisk } from "./sim_disk.ts";
import type { DiskAction } from "./sim_disk_faults.ts";
import { SimCrash, type SimLife } from "./sim_life.ts";
import {
  refusal,
  SimDirectory,
  SimFileNode,
  type SimNode,
} from "./sim_tree.ts";

export class SimMount implements Disk {
  readonly #disk: SimDisk;
  readonly #life: SimLife;

  constructor(disk: SimDisk, life: SimLife) {
    this.#disk = disk;
    this.#life = life;
  }

  open(path: string, mode: OpenMode): File {
    this.#enter("open", path);
    const place = this.#disk.tree.place(path);
    let { node } = place;
    if (node?.kind === "directory") {
      throw refusal("other", path, "is a directory");
    }
    if (node === undefined) {
      if (mode !== "create") throw refusal("notFound", path, "no such file");
      node = new SimFileNode(this.#disk.nowMs());
      this.#disk.tree.put(place, node);
    }
    return new SimFile(this.#disk, this.#life, {
      path,
      node,
      isWritable: mode !== "read",
    });
  }

  stat(path: string): FileInfo | null {
    this.#enter("stat", path);
    const node = this.#disk.tree.find(path);
    if (node === undefined) return null;
    const isDirectory = node.kind === "directory";
    return {
      sizeBytes: isDirectory ? 0 : node.content.sizeBytes,
      isDirectory,
      modifiedMs: node.modifiedMs,
    };
  }

  setModified(path: string, modifiedMs: number): void {
    this.#enter("setModified", path);
    const node = this.#disk.tree.find(path);
    if (node === undefined) throw refusal("notFound", path, "not there");
    node.modifiedMs = modifiedMs;
  }

  rename(from: string, to: string): void {
    this.#enter("rename", from);
    const { tree } = this.#disk;
    const replaced = tree.find(to);
    const isSame = replaced === tree.find(from);
    tree.rename(from, to);
    if (!isSame) this.#release(replaced);
  }

  remove(path: string): void {
    this.#enter("remove", path);
    const place = this.#disk.tree.place(path);
    const { node } = place;
    if (node === undefined) throw refusal("notFound", path, "not there");
    if (node.kind === "directory" && node.entries.size > 0) {
      throw refusal("other", path, "directory not empty");
    }
    this.#disk.tree.put(place, undefined);
    this.#release(node);
  }

  // deno-lint-ignore require-await -- a fault of it comes by the promise
  async unlink(path: string): Promise<void> {
    this.remove(path);
  }

  removeTree(path: string): void {
    this.#enter("removeTree", path);
    const node = this.#disk.tree.find(path);
    if (node === undefined) return;
    if (node.kind === "directory") {
      // Each name goes by itself, so a crash may leave some.
      for (const name of [...node.entries.keys()]) {
        this.removeTree(`${path}/${name}`);
      }
    }
    this.#disk.tree.put(this.#disk.tree.place(path), undefined);
    this.#release(node);
  }

  list(directory: string): string[] {
    this.#enter("list", directory);
    return [...this.#directory(directory).entries.keys()].sort();
  }

  makeDirectory(path: string): void {
    this.#enter("makeDirectory", path);
    const { tree } = this.#disk;
    let prefix = "";
    for (const name of path.split("/")) {
      prefix += `${name}/`;
      const node = tree.find(prefix);
      if (node?.kind === "file") throw refusal("exists", path, "is a file");
      if (node === undefined) {
        tree.put(tree.place(prefix), new SimDirectory(this.#disk.nowMs()));
      }
    }
  }

  async syncDirectory(path: string): Promise<void> {
    this.#enter("syncDirectory", path);
    const { tree } = this.#disk;
    const covered = tree.beginSync(this.#directory(path));
    await this.#disk.waitForSync(this.#life);
    tree.endSync(covered);
  }

  cacheId(directory: string): string | null {
    this.#life.mustGoOn();
    const node = this.#disk.tree.find(directory);
    if (node?.kind !== "directory" || this.#disk.bootId === null) return null;
    return `${this.#disk.bootId} ${this.#disk.tree.inodeOf(node)}`;
  }

  space(_path: string): { totalBytes: number; freeBytes: number } {
    this.#life.mustGoOn();
    const totalBytes = Math.min(this.#disk.capacityBytes, 2 ** 40);
    return {
      totalBytes,
      freeBytes: Math.max(0, totalBytes - this.#disk.usedBytes),
    };
  }

  lock(path: string): { release(): void } {
    this.#enter("lock", path);
    const { processId } = this.#disk;
    if (!this.#disk.takeLock(path)) {
      throw new HostError(
        "locked",
        `Cannot lock "${path}": process ${processId} holds it; end that one first`,
      );
    }
    try {
      this.open(path, "create").close();
    } catch (error) {
      this.#disk.releaseLock(path);
      throw error;
    }
    let isHeld = true;
    return {
      release: () => {
        if (isHeld && !this.#life.isOver) this.#disk.releaseLock(path);
        isHeld = false;
      },
    };
  }

  #directory(path: string): SimDirectory {
    const node = this.#disk.tree.find(path);
    if (node?.kind === "directory") return node;
    throw refusal("notFound", path, "no such directory");
  }

  #enter(action: DiskAction, path: string): void {
    this.#disk.enter(this.#life, { action, path });
  }

  #release(node: SimNode | undefined): void {
    if (node?.kind !== "file") return;
    this.#disk.release(node.content.allocatedBytes);
  }
}

class SimFile implements File {
  readonly path: string;
  readonly #disk: SimDisk;
  readonly #life: SimLife;
  readonly #node: SimFileNode;
  readonly #isWritable: boolean;
  #isOpen = true;

  constructor(
    disk: SimDisk,
    life: SimLife,
    file: { path: string; node: SimFileNode; isWritable: boolean },
  ) {
    this.#disk = disk;
    this.#life = life;
    this.path = file.path;
    this.#node = file.node;
    this.#isWritable = file.isWritable;
  }

  size(): number {
    this.#enter("size");
    return this.#node.content.sizeBytes;
  }

  readAt(target: Uint8Array, position: number): number {
    this.#enter("read");
    return this.#node.content.read(target, position);
  }

  writeAt(source: Uint8Array, position: number): void {
    const write = (bytes: Uint8Array) => {
      const { content } = this.#node;
      const growth = content.growthOf(position, bytes.length);
      this.#disk.allocate({ action: "write", path: this.path }, growth);
      content.write(bytes, position);
      this.#node.modifiedMs = this.#disk.nowMs();
    };
    this.#enter("write", () => {
      try {
        write(source.subarray(0, this.#disk.partOf(source.length)));
      } catch {
        // Not even a part fits; the call fails either way.
      }
    });
    this.#mustBeWritable("write");
    write(source);
  }

  truncate(sizeBytes: number): void {
    this.#enter("truncate");
    this.#mustBeWritable("truncate");
    const { content } = this.#node;
    const before = content.allocatedBytes;
    content.truncate(sizeBytes);
    this.#disk.release(before - content.allocatedBytes);
    this.#node.modifiedMs = this.#disk.nowMs();
  }

  // Not `async`, so that the call meets its fault at once, like any other; the
  // promise then carries it.
  sync(): Promise<void> {
    const { content } = this.#node;
    try {
      this.#enter("sync");
    } catch (error) {
      // What a failed sync had to write is forgotten; a crash decides for itself.
      if (this.#isOpen && !(error instanceof SimCrash)) {
        content.endSync(content.beginSync(), false);
      }
      return Promise.reject(error);
    }
    const mark = content.beginSync();
    return this.#disk.waitForSync(this.#life).then(() =>
      content.endSync(mark, true)
    );
  }

  close(): void {
    this.#isOpen = false;
  }

  #enter(action: DiskAction, breakOff?: () => void): void {
    if (!this.#isOpen) {
      throw new HostError("closed", `Cannot use "${this.path}": it is closed`);
    }
    this.#disk.enter(this.#life, { action, path: this.path }, breakOff);
  }

  #mustBeWritable(action: string): void {
    if (this.#isWritable) return;
    throw new HostError(
      "permission",
      `Cannot ${action} "${this.path}": it was opened for reading`,
    );
  }
}
