// Checks a coordinator's data directory without changing it: seals of snapshots,
// checksums of log entries, gaps between them, the tree's digest wherever the files
// say what it was, and the epochs.
//
// The logs are replayed from the oldest intact snapshot on, so that each newer one
// is compared with what the log makes of the one before.

import { type Disk, HostError } from "../host/host.ts";
import { DecodeError } from "../wire/reader.ts";
import { Epochs } from "./quorum/epochs.ts";
import { logZxids, readFile, readState, snapshotZxids } from "./recovery.ts";
import { decodeSnapshot, type SnapshotContents } from "./snapshot.ts";
import { nameOfZxid, readLog } from "./txn_log.ts";
import type { ZnodeTree } from "./znode_tree.ts";

/** One file of the directory. */
export interface CheckedFile {
  readonly name: string;
  readonly kind: "snapshot" | "log";
  readonly sizeBytes: number;
  /** Of a snapshot its own; of a log the first and the last entry's; null where there is none. */
  readonly firstZxid: bigint | null;
  readonly lastZxid: bigint | null;
  /** Znodes of a snapshot, entries of a log. */
  readonly count: number;
  /** `torn`: ends in what was never acknowledged; the next start cuts that off. */
  readonly state: "good" | "torn" | "damaged";
  /** What is wrong with it; `""` where nothing is. */
  readonly fault: string;
}

/** A directory as it was found. */
export interface CheckedFiles {
  readonly files: readonly CheckedFile[];
  /** What would keep a start from going on, or stands against what the files say. */
  readonly faults: readonly string[];
  /** What a start would serve; null where none is possible. */
  readonly state:
    | {
      readonly lastZxid: bigint;
      readonly nodeCount: number;
      readonly digest: bigint;
    }
    | null;
}

/**
 * @param files The `version-2` of a data directory.
 * @param logFiles That of `dataLogDir`, where it is another.
 * @throws {HostError} Where it cannot be read.
 */
export function verifyFiles(
  disk: Disk,
  files: string,
  logFiles = files,
): CheckedFiles {
  const snapshots = snapshotZxids(disk.list(files)).map((zxid) =>
    checkSnapshot(disk, files, zxid)
  );
  const logs = logZxids(disk.list(logFiles));
  const checkedLogs = logs.map((zxid, index) =>
    checkLog(disk, logFiles, zxid, index === logs.length - 1)
  );
  const good = snapshots.flatMap(({ contents }) => contents ?? []);
  const faults = [
    ...compareAlongLogs(disk, logFiles, good, logs),
    ...checkEpochs(disk, files),
  ];
  let state: CheckedFiles["state"] = null;
  try {
    const { tree } = readState(disk, files, logFiles);
    state = stateOf(tree);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    faults.push(error.message);
  }
  return {
    files: [...snapshots.map(({ file }) => file), ...checkedLogs],
    faults: [...new Set(faults)],
    state,
  };
}

function stateOf(tree: ZnodeTree) {
  const { lastZxid, nodeCount, digest } = tree;
  return { lastZxid, nodeCount, digest };
}

interface CheckedSnapshot {
  readonly file: CheckedFile;
  readonly contents: SnapshotContents | null;
}

function checkSnapshot(
  disk: Disk,
  files: string,
  zxid: bigint,
): CheckedSnapshot {
  const name = nameOfZxid("snapshot", zxid);
  const bytes = readFile(disk, `${files}/${name}`);
  const file = {
    name,
    kind: "snapshot",
    sizeBytes: bytes.length,
    firstZxid: zxid,
    lastZxid: zxid,
  } as const;
  try {
    const contents = decodeSnapshot(bytes, zxid);
    const count = contents.tree.nodeCount;
    return { contents, file: { ...file, count, state: "good", fault: "" } };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return {
      contents: null,
      file: { ...file, count: 0, state: "damaged", fault: error.message },
    };
  }
}

function checkLog(
  disk: Disk,
  files: string,
  zxid: bigint,
  isLast: boolean,
): CheckedFile {
  const name = nameOfZxid("log", zxid);
  const bytes = readFile(disk, `${files}/${name}`);
  const { entries, tail, endPosition, resumesAt } = readLog(bytes);
  const first = entries[0]?.context.zxid ?? null;
  const state = tail === "clean"
    ? "good"
    : isLast && resumesAt === null
    ? "torn"
    : "damaged";
  const rest = bytes.length - endPosition;
  const faults = {
    good: first !== null && first !== zxid
      ? `its first entry is 0x${first.toString(16)}`
      : "",
    torn: `${rest} bytes behind byte ${endPosition} are no entry`,
    damaged: `the entry at byte ${endPosition} is damaged`,
  };
  return {
    name,
    kind: "log",
    sizeBytes: bytes.length,
    firstZxid: first,
    lastZxid: entries.at(-1)?.context.zxid ?? null,
    count: entries.length,
    state,
    fault: faults[state],
  };
}

/** Replays all logs over the oldest snapshot, and compares wherever a digest is known. */
function compareAlongLogs(
  disk: Disk,
  files: string,
  snapshots: readonly SnapshotContents[],
  logs: readonly bigint[],
): string[] {
  const [oldest, ...newer] = snapshots;
  if (oldest === undefined) return [];
  let { tree } = oldest;
  let exactFrom = oldest.digest?.zxid ?? null;
  const faults: string[] = [];
  const wanted = new Map(
    newer.flatMap(({ digest, tree: { lastZxid } }) =>
      digest === null
        ? []
        : [[digest.zxid, { digest: digest.digest, lastZxid }] as const]
    ),
  );
  for (const log of logs) {
    const name = nameOfZxid("log", log);
    for (const entry of readLog(readFile(disk, `${files}/${name}`)).entries) {
      const { context: { zxid }, txn, digest } = entry;
      if (zxid <= tree.lastZxid) continue;
      // A whole tree that came from another server leaves the log before it behind.
      const jump = newer.findLast(({ tree: { lastZxid } }) =>
        lastZxid > tree.lastZxid && lastZxid < zxid
      );
      if (jump !== undefined && zxid !== tree.lastZxid + 1n) {
        tree = jump.tree;
        exactFrom = jump.digest?.zxid ?? null;
      }
      const last = tree.lastZxid;
      if (zxid !== last + 1n && zxid >> 32n === last >> 32n) {
        return [
          ...faults,
          `${name}: transactions between ${hex(last)} and ${
            hex(zxid)
          } are missing`,
        ];
      }
      tree.apply(entry.context, txn);
      if (exactFrom === null || zxid < exactFrom) continue;
      const snapshot = wanted.get(zxid);
      if (snapshot !== undefined && snapshot.digest !== tree.digest) {
        const other = nameOfZxid("snapshot", snapshot.lastZxid);
        faults.push(
          `${other}: another tree than the log makes at ${hex(zxid)}`,
        );
      }
      if (digest !== null && digest.treeDigest !== tree.digest) {
        return [
          ...faults,
          `${name}: another digest than the log says after ${hex(zxid)}`,
        ];
      }
    }
  }
  return faults;
}

function checkEpochs(disk: Disk, files: string): string[] {
  try {
    Epochs.open(disk, files, 0n);
    return [];
  } catch (error) {
    if (error instanceof HostError) return [error.message];
    throw error;
  }
}

function hex(zxid: bigint): string {
  return `0x${BigInt.asUintN(64, zxid).toString(16)}`;
}

/** The folder with the files: of a data directory, or the folder itself. */
export function filesFolder(disk: Disk, directory: string): string | null {
  const inside = `${directory}/version-2`;
  if (disk.stat(inside)?.isDirectory) return inside;
  if (!disk.stat(directory)?.isDirectory) return null;
  const names = disk.list(directory);
  const isItself = snapshotZxids(names).length + logZxids(names).length > 0;
  return isItself ? directory : null;
}
