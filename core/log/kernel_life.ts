// `.kq-boot`: tells a start whether only the process ended since a directory was
// opened, and not the kernel. Then every write that was completed is in the page
// cache or on the disk, and a start need not read records to know that.
//
//   0 LF
//   <what Disk.cacheId says: boot, device and inode> LF
//
// The argument. A kill takes no write back; it cuts short at most the one that is
// under way, and of that one leaves the beginning, so the file ends inside of a
// batch, which its header tells. So the headers, read from the segment of the
// recovery point on, say all that the checksums could say; the last batch is
// verified nevertheless, and whatever is not in order has that log recovered as
// after a power cut.
//
// When it is there:
//   written   once all logs of the directory are open: what a power cut left was
//             verified, and cut, before. Where damage was found it stays away, so
//             that the next start finds it again.
//   removed   at once when the directory goes offline, by a failed write or fsync;
//             before a clean stop writes its mark; by a repair.
// Nothing of this is synced: it counts only while the page cache lives on.
//
// What the kernel cannot write back later shows in an fsync: without one the
// recovery point does not move, and one that fails takes the directory offline, and
// the file with it. A life that goes on after a kill rests on the same, since all
// that it found above the recovery point counts as not synced.
//
// A copy of a directory has another inode, and no other boot has its number. Not
// told apart is a file system that was taken away without being written out
// (forced, or once it was read-only), and mounted again in the same boot.

import { bytesEqual, encodeUtf8 } from "../base/bytes.ts";
import { type Disk, HostError } from "../host/host.ts";
import { mayPass } from "./log_directory_state.ts";
import { readWhole, writeFileUnsynced } from "./replace_file.ts";

/** The file's name. */
export const KERNEL_LIFE = ".kq-boot";

/** Whether the kernel has lived on since the directory was opened, without a failure. */
export function hasKernelLivedOn(disk: Disk, directory: string): boolean {
  const wanted = contentFor(disk, directory);
  if (wanted === null) return false;
  const found = readWhole(disk, `${directory}/${KERNEL_LIFE}`);
  return found !== null && bytesEqual(found, wanted);
}

/**
 * Writes the file, where the kernel can be told from another; a full disk is no
 * reason to refuse.
 *
 * @throws {HostError}
 */
export function noteKernelLife(disk: Disk, directory: string): void {
  const content = contentFor(disk, directory);
  if (content === null) return;
  try {
    writeFileUnsynced(disk, `${directory}/${KERNEL_LIFE}`, content);
  } catch (error) {
    if (!mayPass(error)) throw error;
  }
}

/** Removes the file: the next start verifies everything. @throws {HostError} */
export function forgetKernelLife(disk: Disk, directory: string): void {
  const path = `${directory}/${KERNEL_LIFE}`;
  if (disk.stat(path) !== null) disk.remove(path);
}

/** The same of a directory that has failed, as far as that can be done. */
export function distrustKernelLife(
  disk: Disk,
  directory: string,
  report: (text: string) => void,
): void {
  try {
    forgetKernelLife(disk, directory);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    report(
      `${error.message}; remove it before the next start, which trusts it`,
    );
  }
}

function contentFor(disk: Disk, directory: string): Uint8Array | null {
  const id = disk.cacheId(directory);
  return id === null ? null : encodeUtf8(`0\n${id}\n`);
}
