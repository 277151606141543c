// The coordinator's data directory, `<directory>/version-2`, read at start.
//
// The newest snapshot that checks is loaded, and the logs after it are replayed.
// What is torn at the end of the last log was never acknowledged and is cut. A
// missing or damaged part anywhere else would lose acknowledged changes, so it
// refuses to start: restoring a backup is a person's decision.
//
// Source: ZOOKEEPER-2325, -2332 and -1621, which are about starting without one.

import { type Disk, type File, HostError } from "../host/host.ts";
import { DecodeError } from "../wire/reader.ts";
import { decodeSnapshot, type SnapshotContents } from "./snapshot.ts";
import type { LoggedTxn } from "./txn.ts";
import {
  type LogContents,
  nameOfZxid,
  readLog,
  zxidOfName,
} from "./txn_log.ts";
import { ZnodeTree } from "./znode_tree.ts";

/** What group commits write at once at most; beyond that, no single crash tears. */
export const GROUP_BYTES_MAX = 4 * 1024 * 1024;

/** Where the files are: the same folder, where `dataLogDir` does not say otherwise. */
export interface Folders {
  /** Snapshots and epochs. */
  readonly snapshots: string;
  readonly logs: string;
}

/** The data directory as it was found. */
export interface Recovered {
  readonly tree: ZnodeTree;
  /** Nothing was there: neither snapshot nor log. */
  readonly isNew: boolean;
  /** The log file to go on with, or null where a new one has to be made. */
  readonly log: {
    readonly path: string;
    readonly endPosition: number;
    /** Something that was never acknowledged follows the end. */
    readonly isTorn: boolean;
  } | null;
  /** How many transactions were replayed. */
  readonly replayedCount: number;
  /** The last of them, of one log file at least. */
  readonly replayed: readonly LoggedTxn[];
}

/**
 * Reads a data directory; changes nothing but leftovers of unfinished snapshots.
 *
 * @throws {HostError} `io` where acknowledged changes are damaged or missing.
 */
export function recover(
  disk: Disk,
  directory: string,
  logDirectory = directory,
): Recovered {
  for (const name of disk.list(directory)) {
    if (name.endsWith(".tmp")) disk.remove(`${directory}/${name}`);
  }
  return readState(disk, directory, logDirectory);
}

/**
 * Reads a data directory, and changes nothing at all.
 *
 * @throws {HostError} `io` as `recover`.
 */
export function readState(
  disk: Disk,
  directory: string,
  logDirectory = directory,
): Recovered {
  const names = disk.list(directory);
  const snapshot = loadNewestSnapshot(disk, directory, names);
  const logs = logZxids(disk.list(logDirectory));
  if (snapshot === null) {
    refuseOrphanLogs(disk, logDirectory, logs);
    const tree = ZnodeTree.initial();
    return { tree, isNew: true, log: null, replayedCount: 0, replayed: [] };
  }
  return replay(disk, logDirectory, snapshot, logs);
}

/** Zxids of the log files, oldest first. */
export function logZxids(names: readonly string[]): bigint[] {
  return zxidsOf(names, "log");
}

/** Zxids of the snapshots, oldest first. */
export function snapshotZxids(names: readonly string[]): bigint[] {
  return zxidsOf(names, "snapshot");
}

function zxidsOf(names: readonly string[], prefix: string): bigint[] {
  const zxids = names.map((name) => zxidOfName(name, prefix));
  return zxids.filter((zxid) => zxid !== null).sort((a, b) =>
    a < b ? -1 : a > b ? 1 : 0
  );
}

function loadNewestSnapshot(
  disk: Disk,
  directory: string,
  names: readonly string[],
): SnapshotContents | null {
  let firstError: DecodeError | null = null;
  let path = "";
  for (const zxid of snapshotZxids(names).reverse()) {
    path = `${directory}/${nameOfZxid("snapshot", zxid)}`;
    try {
      return decodeSnapshot(readFile(disk, path), zxid);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      firstError ??= error;
    }
  }
  if (firstError === null) return null;
  throw new HostError(
    "io",
    `Cannot start from "${directory}": no snapshot is intact, the oldest "${path}" neither; ` +
      "restore the directory from a backup",
    { cause: firstError },
  );
}

function refuseOrphanLogs(
  disk: Disk,
  directory: string,
  logs: readonly bigint[],
): void {
  for (const zxid of logs) {
    const path = `${directory}/${nameOfZxid("log", zxid)}`;
    if (readLog(readFile(disk, path)).entries.length === 0) continue;
    throw new HostError(
      "io",
      `Cannot start from "${directory}": "${path}" has entries but there is no snapshot ` +
        "to begin from; restore the directory from a backup",
    );
  }
}

function replay(
  disk: Disk,
  directory: string,
  snapshot: SnapshotContents,
  logs: readonly bigint[],
): Recovered {
  const { tree } = snapshot;
  // The last log that starts at or before the next transaction, and all after it.
  const first = Math.max(0, logs.findLastIndex((z) => z <= tree.lastZxid + 1n));
  let log: Recovered["log"] = null;
  let replayedCount = 0;
  let replayed: readonly LoggedTxn[] = [];
  for (let index = first; index < logs.length; index++) {
    const path = `${directory}/${nameOfZxid("log", logs[index])}`;
    const contents = readLog(readFile(disk, path));
    const next = logs[index + 1] ?? null;
    refuseLoss(path, contents, next);
    replayedCount += replayEntries(path, contents, snapshot);
    if (contents.entries.length > 0) replayed = contents.entries;
    const last = contents.entries.at(-1);
    const goesOn = next === null && last !== undefined &&
      last.context.zxid === tree.lastZxid;
    const { endPosition, tail } = contents;
    log = goesOn ? { path, endPosition, isTorn: tail === "damaged" } : null;
  }
  return { tree, isNew: false, log, replayedCount, replayed };
}

/** @throws {HostError} `io` where the damage cannot be one torn write. */
function refuseLoss(
  path: string,
  contents: LogContents,
  nextLog: bigint | null,
): void {
  if (contents.tail === "clean") return;
  const { endPosition, resumesAt } = contents;
  const isFarBehind = resumesAt !== null &&
    resumesAt - endPosition > GROUP_BYTES_MAX;
  const last = contents.entries.at(-1)?.context.zxid;
  // A server that crashed goes on in a new file, from the torn transaction on.
  const isContinued = nextLog !== null &&
    (last === undefined || nextLog === last + 1n || isNewEpoch(nextLog, last));
  if (!isFarBehind && (nextLog === null || isContinued)) return;
  throw new HostError(
    "io",
    `Cannot replay "${path}": the entry at byte ${endPosition} is damaged and newer ones ` +
      "follow it; restore the directory from a backup",
  );
}

function isNewEpoch(zxid: bigint, last: bigint): boolean {
  return zxid >> 32n > last >> 32n;
}

function replayEntries(
  path: string,
  contents: LogContents,
  { tree, digest }: SnapshotContents,
): number {
  let count = 0;
  for (const { context, txn, digest: expected } of contents.entries) {
    const { zxid } = context;
    if (zxid <= tree.lastZxid) continue;
    const last = tree.lastZxid;
    if (zxid !== last + 1n && !isNewEpoch(zxid, last)) {
      throw new HostError(
        "io",
        `Cannot replay "${path}": transactions between 0x${
          last.toString(16)
        } and ` +
          `0x${
            zxid.toString(16)
          } are missing; restore the directory from a backup`,
      );
    }
    tree.apply(context, txn);
    count++;
    // Until the zxid at which the snapshot was finished, the state is a mixture.
    const isExact = digest !== null && zxid >= digest.zxid;
    const wanted = zxid === digest?.zxid ? digest.digest : expected?.treeDigest;
    if (isExact && wanted !== undefined && wanted !== tree.digest) {
      throw new HostError(
        "io",
        `Cannot replay "${path}": the state after transaction 0x${
          zxid.toString(16)
        } ` +
          "has another digest than the log says; restore the directory from a backup",
      );
    }
  }
  return count;
}

/** A whole file of the directory. */
export function readFile(disk: Disk, path: string): Uint8Array {
  const file: File = disk.open(path, "read");
  try {
    const bytes = new Uint8Array(file.size());
    const size = file.readAt(bytes, 0);
    return bytes.subarray(0, size);
  } finally {
    file.close();
  }
}
