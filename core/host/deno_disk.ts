// The file systems of this machine, through Deno's own files.
//
// Measured in Deno 2.9.6: `Deno.FsFile` needs a seek before a read or a write at
// a place of our choosing (0.4 µs), where node:fs has positional calls; but to
// load node:fs costs 25 ms and 11 MB at start. So each file remembers where its
// cursor stands, and appending, which is nearly all that a broker does, needs no
// seek. Only `space` loads node:fs, when first asked.

import { hostError } from "./deno_error.ts";
import {
  type Disk,
  type File,
  type FileInfo,
  HostError,
  type OpenMode,
} from "./host.ts";

/** Linux has a random number there that lasts until the kernel ends; other systems have not. */
const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";

/** Where the cursor stands is not known: a call failed half-way. */
const UNKNOWN_POSITION = -1;

class DenoFile implements File {
  readonly path: string;
  readonly #file: Deno.FsFile;
  /** Where the system's cursor stands, in bytes. */
  #cursor = 0;
  #isOpen = true;

  constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
  }

  size(): number {
    this.#mustBeOpen();
    try {
      return this.#cursor = this.#file.seekSync(0, Deno.SeekMode.End);
    } catch (error) {
      throw this.#failure("read the size of", error);
    }
  }

  readAt(target: Uint8Array, position: number): number {
    this.#mustBeOpen();
    try {
      this.#seek(position);
      let count = 0;
      while (count < target.length) {
        const read = this.#file.readSync(
          count === 0 ? target : target.subarray(count),
        );
        if (read === null || read === 0) break;
        count += read;
        this.#cursor += read;
      }
      return count;
    } catch (error) {
      throw this.#failure("read", error);
    }
  }

  writeAt(source: Uint8Array, position: number): void {
    this.#mustBeOpen();
    try {
      this.#seek(position);
      let count = 0;
      while (count < source.length) {
        const written = this.#file.writeSync(
          count === 0 ? source : source.subarray(count),
        );
        count += written;
        this.#cursor += written;
      }
    } catch (error) {
      throw this.#failure("write", error);
    }
  }

  truncate(sizeBytes: number): void {
    this.#mustBeOpen();
    try {
      this.#file.truncateSync(sizeBytes);
    } catch (error) {
      throw this.#failure("truncate", error);
    }
  }

  async sync(): Promise<void> {
    this.#mustBeOpen();
    try {
      await this.#file.syncData();
    } catch (error) {
      throw this.#failure("sync", error);
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#file.close();
  }

  #seek(position: number): void {
    if (position === this.#cursor) return;
    this.#cursor = UNKNOWN_POSITION;
    this.#cursor = this.#file.seekSync(position, Deno.SeekMode.Start);
  }

  #failure(action: string, error: unknown): HostError {
    this.#cursor = UNKNOWN_POSITION;
    return hostError(`${action} "${this.path}"`, error);
  }

  #mustBeOpen(): void {
    if (this.#isOpen) return;
    throw new HostError("closed", `Cannot use "${this.path}": it is closed`);
  }
}

/** The disk of the operating system. */
export class DenoDisk implements Disk {
  open(path: string, mode: OpenMode): File {
    return new DenoFile(
      path,
      attempt(`open "${path}"`, () => {
        const file = Deno.openSync(path, {
          read: true,
          write: mode !== "read",
          create: mode === "create",
        });
        // Linux opens a directory for reading, and fails only when it is read.
        if (mode === "read" && file.statSync().isDirectory) {
          file.close();
          throw new Deno.errors.IsADirectory("is a directory");
        }
        return file;
      }),
    );
  }

  stat(path: string): FileInfo | null {
    return attempt(`look at "${path}"`, () => {
      let info: Deno.FileInfo;
      try {
        info = Deno.statSync(path);
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
      return {
        sizeBytes: info.size,
        isDirectory: info.isDirectory,
        modifiedMs: info.mtime?.getTime() ?? 0,
      };
    });
  }

  setModified(path: string, modifiedMs: number): void {
    const time = new Date(modifiedMs);
    attempt(
      `set the time of "${path}"`,
      () => Deno.utimeSync(path, time, time),
    );
  }

  rename(from: string, to: string): void {
    attempt(`rename "${from}" to "${to}"`, () => Deno.renameSync(from, to));
  }

  remove(path: string): void {
    attempt(`remove "${path}"`, () => Deno.removeSync(path));
  }

  async unlink(path: string): Promise<void> {
    try {
      await Deno.remove(path);
    } catch (error) {
      throw hostError(`remove "${path}"`, error);
    }
  }

  removeTree(path: string): void {
    attempt(`remove the tree "${path}"`, () => {
      try {
        Deno.removeSync(path, { recursive: true });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
  }

  list(directory: string): string[] {
    return attempt(`list "${directory}"`, () => {
      const names: string[] = [];
      for (const entry of Deno.readDirSync(directory)) names.push(entry.name);
      return names.sort();
    });
  }

  makeDirectory(path: string): void {
    attempt(
      `make the directory "${path}"`,
      () => Deno.mkdirSync(path, { recursive: true }),
    );
  }

  async syncDirectory(path: string): Promise<void> {
    const action = `sync the directory "${path}"`;
    const directory = attempt(
      action,
      () => Deno.openSync(path, { read: true }),
    );
    try {
      await directory.sync();
    } catch (error) {
      throw hostError(action, error);
    } finally {
      directory.close();
    }
  }

  space(path: string): { totalBytes: number; freeBytes: number } {
    return attempt(`ask for the free space of "${path}"`, () => {
      const info = process.getBuiltinModule("node:fs").statfsSync(path);
      return {
        totalBytes: info.blocks * info.bsize,
        freeBytes: info.bavail * info.bsize,
      };
    });
  }

  cacheId(directory: string): string | null {
    try {
      const boot = Deno.readTextFileSync(BOOT_ID_PATH).trim();
      const { dev, ino } = Deno.statSync(directory);
      return boot === "" || ino === null ? null : `${boot} ${dev} ${ino}`;
    } catch {
      return null;
    }
  }

  lock(path: string): { release(): void } {
    return lockFile(path);
  }
}

/**
 * An advisory lock of the system (flock): it ends with the process, however that
 * ends, so a file that a killed process left behind locks nobody out. The number
 * in the file only tells the next one who holds it.
 */
function lockFile(path: string): { release(): void } {
  const file = attempt(
    `open the lock "${path}"`,
    () => Deno.openSync(path, { read: true, write: true, create: true }),
  );
  try {
    if (!file.tryLockSync(true)) {
      throw new HostError(
        "locked",
        `Cannot lock "${path}": ${holder(file)} holds it; end that one first`,
      );
    }
    file.truncateSync(0);
    file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  } catch (error) {
    file.close();
    throw hostError(`lock "${path}"`, error);
  }
  let isHeld = true;
  return {
    release() {
      if (!isHeld) return;
      isHeld = false;
      file.close();
    },
  };
}

function holder(file: Deno.FsFile): string {
  const bytes = new Uint8Array(32);
  const count = file.readSync(bytes) ?? 0;
  const text = new TextDecoder().decode(bytes.subarray(0, count)).trim();
  return /^\d+$/.test(text) ? `process ${text}` : "another process";
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory;
}

function attempt<T>(action: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw hostError(action, error);
  }
}
