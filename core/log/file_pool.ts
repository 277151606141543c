// Files of segments, open only while they are in use.
//
// A broker of 2,000 partitions has more than 6,000 segment files, and a process
// may be allowed 1,024. So the pool keeps at most `capacity` of them open, and
// closes the one that was idle longest (second chance, as a clock does it) to
// open another. A file's place moves when its folder is renamed; since no path
// is kept, whoever still reads it goes on reading the same file.

import { type Disk, type File, HostError } from "../host/host.ts";
import { finalSync } from "./final_sync.ts";

/** A folder that may be renamed while files in it are in use. */
export interface Place {
  path: string;
}

/** The open files of one node's logs. */
export class FilePool {
  readonly disk: Disk;
  #capacity: number;
  readonly #open: PooledFile[] = [];
  #hand = 0;

  /** @param capacity Files open at most, unless more are being synced at once. */
  constructor(disk: Disk, capacity: number) {
    this.disk = disk;
    this.#capacity = Math.max(8, capacity);
  }

  get openCount(): number {
    return this.#open.length;
  }

  /** Opens a file for its `PooledFile`, closing idle ones to stay within the limit. */
  openFor(owner: PooledFile, mode: "write" | "create"): File {
    while (this.#open.length >= this.#capacity && this.#closeIdle());
    for (;;) {
      try {
        const file = this.disk.open(owner.path, mode);
        this.#open.push(owner);
        return file;
      } catch (error) {
        const mayRetry = error instanceof HostError &&
          error.kind === "tooManyFiles" && this.#closeIdle();
        if (!mayRetry) throw error;
        // The system allows fewer than was thought: stay below from now on.
        this.#capacity = Math.max(8, this.#open.length);
      }
    }
  }

  forget(owner: PooledFile): void {
    const index = this.#open.indexOf(owner);
    if (index === -1) return;
    const last = this.#open.pop()!;
    if (last !== owner) this.#open[index] = last;
  }

  #closeIdle(): boolean {
    // Two rounds: the first takes the second chance away from those in use.
    for (let step = this.#open.length * 2; step > 0; step--) {
      if (this.#hand >= this.#open.length) this.#hand = 0;
      const candidate = this.#open[this.#hand];
      if (candidate.mayClose()) {
        candidate.close();
        return true;
      }
      this.#hand++;
    }
    return false;
  }
}

/** One file of a segment, opened when it is used. */
export class PooledFile {
  readonly #pool: FilePool;
  readonly #place: Place;
  #name: string;
  #file: File | null = null;
  #wasUsed = false;
  #syncsUnderWay = 0;
  #closeAfterSync = false;
  #isRemoved = false;

  constructor(pool: FilePool, place: Place, name: string) {
    this.#pool = pool;
    this.#place = place;
    this.#name = name;
  }

  get path(): string {
    return `${this.#place.path}/${this.#name}`;
  }

  get name(): string {
    return this.#name;
  }

  /** Makes the file where it is missing. */
  create(): void {
    this.#file ??= this.#pool.openFor(this, "create");
  }

  /** Opens a file that is on disk, if it is not open. */
  open(): void {
    this.#opened();
  }

  /** Whether the file is on disk. */
  exists(): boolean {
    return this.#file !== null || this.#pool.disk.stat(this.path) !== null;
  }

  /** Size in bytes; 0 where the file is missing. */
  size(): number {
    if (this.#file !== null) return this.#file.size();
    return this.#pool.disk.stat(this.path)?.sizeBytes ?? 0;
  }

  /** @returns Bytes read; less than asked only at the end of the file. */
  readAt(target: Uint8Array, position: number): number {
    return this.#opened().readAt(target, position);
  }

  /** Writes all, or throws having written any part of it. */
  writeAt(source: Uint8Array, position: number): void {
    this.#opened().writeAt(source, position);
  }

  truncate(sizeBytes: number): void {
    this.#opened().truncate(sizeBytes);
  }

  /** Makes the writes so far survive a crash. A failure is final. */
  async sync(): Promise<void> {
    const file = this.#opened();
    this.#syncsUnderWay++;
    try {
      await finalSync(() => file.sync());
    } finally {
      this.#syncsUnderWay--;
      if (this.#closeAfterSync && this.#syncsUnderWay === 0) this.close();
    }
  }

  /** Gives the handle back; the next use opens the file again. */
  close(): void {
    if (this.#file === null) return;
    if (this.#syncsUnderWay > 0) {
      this.#closeAfterSync = true;
      return;
    }
    this.#closeAfterSync = false;
    this.#pool.forget(this);
    const file = this.#file;
    this.#file = null;
    file.close();
  }

  /** Its name with a suffix, and a number before that where the name is taken. */
  freeName(suffix: string): string {
    let name = this.#name + suffix;
    for (
      let i = 1;
      this.#pool.disk.stat(`${this.#place.path}/${name}`) !== null;
      i++
    ) name = `${this.#name}.${i}${suffix}`;
    return name;
  }

  /** Gives the file, and the place of one that is missing, another name. */
  rename(name: string): void {
    if (this.exists()) {
      this.#pool.disk.rename(this.path, `${this.#place.path}/${name}`);
    }
    this.#name = name;
  }

  /** Whether it was unlinked: those who still mean to read it come too late. */
  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  /** Closes and unlinks the file; one that is missing is fine. */
  remove(): void {
    this.close();
    this.#isRemoved = true;
    if (this.#pool.disk.stat(this.path) !== null) {
      this.#pool.disk.remove(this.path);
    }
  }

  /** The same, off the event loop. */
  async unlink(): Promise<void> {
    this.close();
    this.#isRemoved = true;
    if (this.#pool.disk.stat(this.path) !== null) {
      await this.#pool.disk.unlink(this.path);
    }
  }

  /** Asked by the pool: false while in use, and once more after each use. */
  mayClose(): boolean {
    if (this.#syncsUnderWay > 0) return false;
    const wasUsed = this.#wasUsed;
    this.#wasUsed = false;
    return !wasUsed;
  }

  #opened(): File {
    this.#wasUsed = true;
    return this.#file ??= this.#pool.openFor(this, "write");
  }
}

/**
 * Closes and unlinks files.
 *
 * @throws {HostError} Of a kind that does not pass: something may be left.
 */
export function removeAll(files: Iterable<PooledFile>): void {
  try {
    for (const file of files) file.remove();
  } catch (error) {
    throw lasting(error);
  }
}

/** The same, off the event loop. */
export async function unlinkAll(files: Iterable<PooledFile>): Promise<void> {
  try {
    for (const file of files) await file.unlink();
  } catch (error) {
    throw lasting(error);
  }
}

function lasting(error: unknown): unknown {
  if (!(error instanceof HostError)) return error;
  return new HostError("io", error.message, { cause: error });
}
