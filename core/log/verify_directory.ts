// Checks a log directory, or the folder of one partition in it, while no broker
// runs: the partitions' folders, the checkpoints that speak of them, and what a
// stop left behind. Reads only.

import type { Disk } from "../host/host.ts";
import { ConfigError } from "../config/config_error.ts";
import { readOffsetCheckpoint } from "./checkpoint_file.ts";
import { CLEAN_SHUTDOWN, readCleanShutdown } from "./clean_shutdown.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import { CHECKPOINT_FILES, type CheckpointKind } from "./checkpoint_kinds.ts";
import { META_PROPERTIES, readMetaProperties } from "./meta_properties.ts";
import { DELETE_SUFFIX, parsePartitionName } from "./partition_files.ts";
import { isRenewed } from "./renewed_logs.ts";
import { TEMPORARY_SUFFIX } from "./replace_file.ts";
import {
  examinePartition,
  type Finding,
  type Repair,
  type Verified,
} from "./verify.ts";

/** The offsets that a directory's checkpoints keep, by partition; `null` for one that makes no sense. */
export type Checkpoints = {
  readonly [kind in CheckpointKind]: ReadonlyMap<string, number> | null;
};

/** What was found in a directory. */
export interface VerifiedDirectory {
  readonly directory: string;
  readonly findings: readonly Finding[];
  readonly checkpoints: Checkpoints;
  /** By the folder's name. */
  readonly partitions: ReadonlyMap<string, Verified>;
  /** Whether a start may trust the files as they are. */
  readonly isMarkedClean: boolean;
  /** Bytes of logs that the next start reads, for want of a mark of a clean stop, and to mend what is wrong. */
  readonly startBytes: number;
}

export interface VerifyDirectoryOptions {
  /** Unpacks every batch too. */
  readonly withRecords?: boolean;
  /** Folders of partitions; all where left out, and then checkpoints and leftovers are checked too. */
  readonly names?: readonly string[];
  /** Partitions that need not be read again. */
  readonly known?: ReadonlyMap<string, Verified>;
}

/**
 * Checks a log directory.
 *
 * @throws {HostError} Where a file cannot be read.
 */
export function verifyDirectory(
  disk: Disk,
  directory: string,
  options: VerifyDirectoryOptions = {},
): VerifiedDirectory {
  const findings: Finding[] = [];
  const find = (name: string, text: string, repair: Repair) =>
    findings.push({
      path: `${directory}/${name}`,
      position: null,
      text,
      repair,
      rebuildBytes: 0,
    });
  const isWhole = options.names === undefined;
  const names = options.names ?? partitionNames(disk, directory);
  const checkpoints = readCheckpoints(disk, directory, (name, reason) => {
    if (isWhole) find(name, reason, "rebuild");
  });
  const renewed = new Set(
    names.filter((name) => isRenewed(disk, `${directory}/${name}`)),
  );
  const partitions = new Map<string, Verified>();
  for (const name of names) {
    partitions.set(
      name,
      options.known?.get(name) ??
        examinePartition(disk, `${directory}/${name}`, {
          withRecords: options.withRecords,
          recoveryPoint: renewed.has(name)
            ? 0
            : checkpoints.recoveryPoint?.get(name) ?? 0,
        }),
    );
  }
  for (const kind of CHECKPOINT_KINDS) {
    for (const [name, offset] of checkpoints[kind] ?? []) {
      if (renewed.has(name)) continue; // It is said of another log.
      const partition = partitions.get(name);
      if (partition === undefined || offset <= partition.endOffset) continue;
      find(
        CHECKPOINT_FILES[kind],
        `${name} is said to ${
          SAYS[kind]
        } ${offset}, its log ends at ${partition.endOffset}`,
        // Nobody but an operator knows whether records were deleted that far.
        kind === "logStart" ? "none" : "rebuild",
      );
    }
  }
  if (isWhole) verifyDirectoryFiles(disk, directory, find);
  const isMarkedClean = readCleanShutdown(disk, directory) !== null;
  for (const { findings: found } of partitions.values()) {
    for (const finding of found) findings.push(finding);
  }
  const startBytes = [...partitions.values()].reduce(
    (sum, partition) =>
      sum + (isMarkedClean ? mendedBytes(partition) : partition.recoveryBytes),
    0,
  );
  return {
    directory,
    findings,
    checkpoints,
    partitions,
    isMarkedClean,
    startBytes,
  };
}

/** Names of the folders of partitions, sorted. */
export function partitionNames(disk: Disk, directory: string): string[] {
  return disk.list(directory).filter((name) =>
    parsePartitionName(name) !== null &&
    disk.stat(`${directory}/${name}`)?.isDirectory === true
  );
}

const CHECKPOINT_KINDS: readonly CheckpointKind[] = [
  "recoveryPoint",
  "logStart",
  "highWatermark",
  "cleaned",
];

const SAYS: { readonly [kind in CheckpointKind]: string } = {
  recoveryPoint: "be synced up to",
  logStart: "start at",
  highWatermark: "be replicated up to",
  cleaned: "be cleaned up to",
};

function readCheckpoints(
  disk: Disk,
  directory: string,
  onFault: (name: string, reason: string) => void,
): Checkpoints {
  const read = (kind: CheckpointKind) => {
    const name = CHECKPOINT_FILES[kind];
    try {
      return readOffsetCheckpoint(disk, `${directory}/${name}`);
    } catch (error) {
      if (!(error instanceof CorruptFileError)) throw error;
      onFault(name, error.reason);
      return null;
    }
  };
  return {
    recoveryPoint: read("recoveryPoint"),
    logStart: read("logStart"),
    highWatermark: read("highWatermark"),
    cleaned: read("cleaned"),
  };
}

function verifyDirectoryFiles(
  disk: Disk,
  directory: string,
  find: (name: string, text: string, repair: Repair) => void,
): void {
  for (const name of disk.list(directory)) {
    if (name.endsWith(TEMPORARY_SUFFIX)) {
      find(name, "is left over", "remove");
    } else if (
      name.endsWith(DELETE_SUFFIX) && parsePartitionName(name) === null
    ) {
      find(name, "is left over of a partition that was deleted", "remove");
    }
  }
  try {
    readMetaProperties(disk, directory);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    find(META_PROPERTIES, error.message, "none");
  }
  const mark = disk.stat(`${directory}/${CLEAN_SHUTDOWN}`);
  if (mark !== null && readCleanShutdown(disk, directory) === null) {
    find(CLEAN_SHUTDOWN, "makes no sense: a start recovers", "rebuild");
  }
}

function mendedBytes({ findings }: Verified): number {
  return findings.reduce((sum, { rebuildBytes }) => sum + rebuildBytes, 0);
}
