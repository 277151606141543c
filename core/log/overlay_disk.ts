// A disk that is only looked at: what is written, cut, renamed or removed stays
// in memory, and the disk below it is as it was. So what a start would do can be
// tried, and the files that it would make be taken from here.

import {
  type Disk,
  type File,
  type FileInfo,
  HostError,
  type OpenMode,
} from "../host/host.ts";
import { folderOf } from "./replace_file.ts";

/** A file as it would be. */
class OverlayContent {
  readonly #openBase: (() => File) | null;
  #base: File | null = null;
  /** All of it, once it was written to. */
  #bytes: Uint8Array | null = null;
  #sizeBytes: number;

  /** @param openBase Opens the file below; `null` where there is none. */
  constructor(openBase: (() => File) | null, sizeBytes: number) {
    this.#openBase = openBase;
    this.#sizeBytes = sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  readAt(target: Uint8Array, position: number): number {
    const count = Math.min(
      target.length,
      Math.max(0, this.#sizeBytes - position),
    );
    if (count === 0) return 0;
    const wanted = target.subarray(0, count);
    if (this.#bytes === null) {
      this.#base ??= this.#openBase!();
      return this.#base.readAt(wanted, position);
    }
    wanted.set(this.#bytes.subarray(position, position + count));
    return count;
  }

  writeAt(source: Uint8Array, position: number): void {
    this.truncate(Math.max(this.#sizeBytes, position + source.length), true);
    this.#bytes!.set(source, position);
  }

  /** A file that is only cut is read where it is. */
  truncate(sizeBytes: number, isWritten = false): void {
    if (this.#bytes === null && !isWritten && sizeBytes <= this.#sizeBytes) {
      this.#sizeBytes = sizeBytes;
      return;
    }
    if (this.#bytes === null || this.#bytes.length < sizeBytes) {
      const grown = new Uint8Array(Math.max(64, sizeBytes * 2));
      this.readAt(grown.subarray(0, this.#sizeBytes), 0);
      this.#bytes = grown;
      this.close();
    }
    if (sizeBytes < this.#sizeBytes) {
      this.#bytes.fill(0, sizeBytes, this.#sizeBytes);
    }
    this.#sizeBytes = sizeBytes;
  }

  /** Lets go of the file below; a read opens it again. */
  close(): void {
    this.#base?.close();
    this.#base = null;
  }
}

export class OverlayDisk implements Disk {
  readonly #base: Disk;
  /** What differs from the disk below, by path; `null` for what was removed. */
  readonly #files = new Map<string, OverlayContent | null>();

  constructor(base: Disk) {
    this.#base = base;
  }

  /** The whole of a file that was opened or written here; `null` where it was not, or was removed. */
  contentOf(path: string): Uint8Array | null {
    const content = this.#files.get(path) ?? null;
    if (content === null) return null;
    const bytes = new Uint8Array(content.sizeBytes);
    content.readAt(bytes, 0);
    return bytes;
  }

  /** Lets go of all files. */
  close(): void {
    for (const content of this.#files.values()) content?.close();
    this.#files.clear();
  }

  open(path: string, mode: OpenMode): File {
    let content = this.#files.get(path);
    const below = content === undefined ? this.#base.stat(path) : null;
    if (below !== null) {
      content = new OverlayContent(
        () => this.#base.open(path, "read"),
        below.sizeBytes,
      );
    }
    if (content === undefined || content === null) {
      if (mode !== "create") {
        throw new HostError("notFound", `Cannot open "${path}": no such file`);
      }
      content = new OverlayContent(null, 0);
    }
    this.#files.set(path, content);
    const known = content;
    return {
      path,
      size: () => known.sizeBytes,
      readAt: (target, position) => known.readAt(target, position),
      writeAt: (source, position) => known.writeAt(source, position),
      truncate: (sizeBytes) => known.truncate(sizeBytes),
      sync: () => Promise.resolve(),
      close: () => known.close(),
    };
  }

  stat(path: string): FileInfo | null {
    const content = this.#files.get(path);
    if (content === undefined) return this.#base.stat(path);
    if (content === null) return null;
    const { sizeBytes } = content;
    return { sizeBytes, isDirectory: false, modifiedMs: 0 };
  }

  setModified(): void {}

  rename(from: string, to: string): void {
    this.open(from, "read");
    this.#files.get(to)?.close();
    this.#files.set(to, this.#files.get(from)!);
    this.#files.set(from, null);
  }

  remove(path: string): void {
    this.#files.get(path)?.close();
    this.#files.set(path, null);
  }

  unlink(path: string): Promise<void> {
    this.remove(path);
    return Promise.resolve();
  }

  removeTree(path: string): void {
    for (const name of this.list(path)) this.remove(`${path}/${name}`);
  }

  list(directory: string): string[] {
    const names = new Set(this.#base.list(directory));
    for (const [path, content] of this.#files) {
      if (folderOf(path) !== directory) continue;
      const name = path.slice(directory.length + 1);
      if (content === null) names.delete(name);
      else names.add(name);
    }
    return [...names].sort();
  }

  makeDirectory(): void {}

  syncDirectory(): Promise<void> {
    return Promise.resolve();
  }

  space(path: string): { totalBytes: number; freeBytes: number } {
    return this.#base.space(path);
  }

  /** What is in memory only is in no page cache. */
  cacheId(): null {
    return null;
  }

  lock(): { release(): void } {
    return { release: () => {} };
  }
}
