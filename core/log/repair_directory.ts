// Mends what `verify_directory.ts` found, as far as the log tells how: everything
// beside a `.log` is made again and written durably, what a stop left half-way is
// finished or removed, and in the end the directory is marked as cleanly closed,
// so that a broker starts without reading the logs again.
//
// A `.log` is cut only where that is asked for, and only where a start after a
// crash would cut it: at or above the recovery point. The directory must be
// locked meanwhile.

import type { Disk } from "../host/host.ts";
import {
  formatOffsetCheckpoint,
  readOffsetCheckpoint,
} from "./checkpoint_file.ts";
import { CHECKPOINT_FILES, type CheckpointKind } from "./checkpoint_kinds.ts";
import { writeCleanShutdown } from "./clean_shutdown.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import { finalSync } from "./final_sync.ts";
import { forgetKernelLife } from "./kernel_life.ts";
import { rebuildPartition } from "./rebuild_partition.ts";
import { folderOf, replaceFile } from "./replace_file.ts";
import { parseFileOffset } from "./partition_files.ts";
import { LOG_SUFFIX, SNAPSHOT_SUFFIX } from "./segment.ts";
import { sweepFolder } from "./sweep_folder.ts";
import type { Finding, Verified } from "./verify.ts";
import { type VerifiedDirectory, verifyDirectory } from "./verify_directory.ts";

export interface RepairOptions {
  /** Folders of partitions; all where left out, and then the directory's own files too. */
  readonly names?: readonly string[];
  readonly withRecords?: boolean;
  /** Cuts tails of logs that were never synced and do not check. */
  readonly truncateTail: boolean;
  /** Told of each `.log` that is cut, in one line. */
  readonly report: (text: string) => void;
}

/** What a repair found, and what it left. */
export interface Repaired {
  readonly before: VerifiedDirectory;
  readonly after: VerifiedDirectory;
}

/**
 * Repairs a directory.
 *
 * @throws {HostError} Where the disk failed; what was done until then is whole.
 */
export async function repairDirectory(
  disk: Disk,
  directory: string,
  options: RepairOptions,
): Promise<Repaired> {
  const { withRecords, names } = options;
  const verify = (known?: ReadonlyMap<string, Verified>) =>
    verifyDirectory(disk, directory, { withRecords, names, known });
  forgetKernelLife(disk, directory);
  const before = verify();
  const sound = new Map(before.partitions);
  for (const [name, { findings }] of before.partitions) {
    if (findings.length > 0) sound.delete(name);
    if (!findings.some(({ repair }) => repair === "remove")) continue;
    sweepFolder(disk, `${directory}/${name}`);
    await syncDirectory(disk, `${directory}/${name}`);
  }
  const swept = sound.size === before.partitions.size ? before : verify(sound);
  for (const name of swept.partitions.keys()) {
    if (!sound.has(name)) await repairPartition(disk, name, swept, options);
  }
  const mended = verify(sound);
  if (names !== undefined) return { before, after: mended };
  await repairOwnFiles(disk, mended);
  const after = verify(mended.partitions);
  if (after.findings.length > 0 || after.isMarkedClean) {
    return { before, after };
  }
  await markClean(disk, after);
  return { before, after: verify(after.partitions) };
}

async function repairPartition(
  disk: Disk,
  name: string,
  found: VerifiedDirectory,
  options: RepairOptions,
): Promise<void> {
  const folder = `${found.directory}/${name}`;
  const { findings } = found.partitions.get(name)!;
  const wanted = new Set(
    findings.filter(({ repair }) => repair === "rebuild" || repair === "remove")
      .map(({ path }) => path.slice(folder.length + 1)),
  );
  const mustCut = options.truncateTail &&
    findings.some(({ repair }) => repair === "cut");
  if (wanted.size === 0 && !mustCut) return;
  const rebuilt = rebuildPartition(disk, folder, {
    recoveryPoint: found.checkpoints.recoveryPoint?.get(name) ?? 0,
    logStartOffset: found.checkpoints.logStart?.get(name) ?? 0,
    mayHaveHoles: true,
    config: { "index.interval.bytes": 4096, "segment.index.bytes": 0 },
  });
  try {
    if (mustCut) {
      for (const { path, sizeBytes, lostBytes } of rebuilt.cuts) {
        options.report(
          sizeBytes === null
            ? `Removed "${path}" of ${lostBytes} bytes: it does not follow what is before it`
            : `Cut ${lostBytes} bytes from "${path}" at position ${sizeBytes}`,
        );
        await cutLog(disk, path, sizeBytes);
      }
      // What spoke of the records that are gone.
      for (const each of disk.list(folder)) {
        const isMade = rebuilt.contentOf(each) !== null &&
          !each.endsWith(LOG_SUFFIX);
        const offset = parseFileOffset(each, SNAPSHOT_SUFFIX);
        if (isMade || (offset ?? 0) > rebuilt.endOffset) wanted.add(each);
      }
    }
    for (const each of wanted) {
      const content = rebuilt.contentOf(each);
      const path = `${folder}/${each}`;
      if (content !== null) await replaceFile(disk, path, content);
      else if (disk.stat(path) !== null) disk.remove(path);
    }
    if (mustCut) sweepFolder(disk, folder);
    await syncDirectory(disk, folder);
  } finally {
    rebuilt.close();
  }
}

async function cutLog(
  disk: Disk,
  path: string,
  sizeBytes: number | null,
): Promise<void> {
  if (sizeBytes === null) return disk.remove(path);
  const file = disk.open(path, "write");
  try {
    file.truncate(sizeBytes);
    await finalSync(() => file.sync());
  } finally {
    file.close();
  }
}

/** A checkpoint, or the mark of a clean stop. What no log tells is left out: a start then takes the safe side. */
async function repairOwnFile(
  disk: Disk,
  found: VerifiedDirectory,
  { path }: Finding,
): Promise<void> {
  const kind = CHECKPOINT_KINDS.find((each) =>
    path.endsWith(`/${CHECKPOINT_FILES[each]}`)
  );
  if (kind === undefined) {
    // One finding may be about a file that another one has mended.
    if (disk.stat(path) !== null) disk.remove(path);
    return;
  }
  const offsets = new Map<string, number>();
  for (const [name, offset] of readOr(disk, path)) {
    const partition = found.partitions.get(name);
    if (partition === undefined) continue;
    offsets.set(name, Math.min(offset, partition.endOffset));
  }
  await replaceFile(disk, path, formatOffsetCheckpoint(offsets));
}

/** Syncs all logs, writes down that they are, and marks the directory. */
async function markClean(
  disk: Disk,
  { directory, partitions, checkpoints }: VerifiedDirectory,
): Promise<void> {
  const ends = new Map<string, number>();
  for (const [name, { endOffset, startOffset }] of partitions) {
    const folder = `${directory}/${name}`;
    for (const each of disk.list(folder)) {
      const file = disk.open(`${folder}/${each}`, "write");
      try {
        await finalSync(() => file.sync());
      } finally {
        file.close();
      }
    }
    await syncDirectory(disk, folder);
    const start = checkpoints.logStart?.get(name) ?? startOffset;
    ends.set(name, Math.max(endOffset, start));
  }
  await syncDirectory(disk, directory);
  await replaceFile(
    disk,
    `${directory}/${CHECKPOINT_FILES.recoveryPoint}`,
    formatOffsetCheckpoint(ends),
  );
  await writeCleanShutdown(disk, directory, { brokerEpoch: -1 });
}

/** The files of the directory itself. */
async function repairOwnFiles(
  disk: Disk,
  found: VerifiedDirectory,
): Promise<void> {
  for (const finding of found.findings) {
    const { path, repair } = finding;
    if (folderOf(path) !== found.directory) continue;
    if (repair === "rebuild") await repairOwnFile(disk, found, finding);
    if (repair !== "remove") continue;
    if (disk.stat(path)?.isDirectory === true) disk.removeTree(path);
    else disk.remove(path);
  }
  await syncDirectory(disk, found.directory);
}

function readOr(disk: Disk, path: string): ReadonlyMap<string, number> {
  try {
    return readOffsetCheckpoint(disk, path);
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
    return new Map();
  }
}

function syncDirectory(disk: Disk, path: string): Promise<void> {
  return finalSync(() => disk.syncDirectory(path));
}

const CHECKPOINT_KINDS = Object.keys(CHECKPOINT_FILES) as CheckpointKind[];
