// How small files are written anew: a crash at any point leaves the old file or
// the new one, never a mixture (reliability: tmp, fsync, rename, fsync folder).

import { type Disk, type File, HostError } from "../host/host.ts";
import { finalSync } from "./final_sync.ts";

/** At the end of a file's name while it is being written. */
export const TEMPORARY_SUFFIX = ".tmp";
/** A synced and an unsynced writing of one file may overlap: they use two names. */
const UNSYNCED_SUFFIX = ".unsynced" + TEMPORARY_SUFFIX;

/**
 * Replaces a file's content; when this resolves, the new one survives a crash.
 * One replacement of a path at a time.
 */
export async function replaceFile(
  disk: Disk,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const temporary = path + TEMPORARY_SUFFIX;
  const file = writeWhole(disk, temporary, bytes);
  try {
    await finalSync(() => file.sync());
  } finally {
    file.close();
  }
  disk.rename(temporary, path);
  await finalSync(() => disk.syncDirectory(folderOf(path)));
}

/** Replaces a file's content at once; a crash may still bring back the old one, or an empty one. */
export function replaceFileUnsynced(
  disk: Disk,
  path: string,
  bytes: Uint8Array,
): void {
  const temporary = path + UNSYNCED_SUFFIX;
  writeWhole(disk, temporary, bytes).close();
  disk.rename(temporary, path);
}

/** Writes a file at once; a crash may leave any part of it. */
export function writeFileUnsynced(
  disk: Disk,
  path: string,
  bytes: Uint8Array,
): void {
  writeWhole(disk, path, bytes).close();
}

/** The whole of a small file; `null` where it is missing, or a directory. */
export function readWhole(disk: Disk, path: string): Uint8Array | null {
  let file: File;
  try {
    file = disk.open(path, "read");
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    if (error.kind === "notFound" || disk.stat(path)?.isDirectory === true) {
      return null;
    }
    throw error;
  }
  try {
    const bytes = new Uint8Array(file.size());
    const count = file.readAt(bytes, 0);
    return bytes.subarray(0, count);
  } finally {
    file.close();
  }
}

/** Makes a folder and those above it: one whose name a crash may forget takes all in it along. */
export async function makeDirectoryDurably(
  disk: Disk,
  path: string,
): Promise<void> {
  const made: string[] = [];
  for (
    let missing = path;
    disk.stat(missing) === null;
    missing = folderOf(missing)
  ) made.push(missing);
  disk.makeDirectory(path);
  for (const each of made.reverse()) await disk.syncDirectory(folderOf(each));
}

/** The folder that a path is in. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? "." : slash === 0 ? "/" : path.slice(0, slash);
}

function writeWhole(disk: Disk, path: string, bytes: Uint8Array): File {
  const file = disk.open(path, "create");
  try {
    // Of an empty file a file system would take it as "write this out soon".
    if (file.size() > 0) file.truncate(0);
    file.writeAt(bytes, 0);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}
