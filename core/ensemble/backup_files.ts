// A copy of a coordinator's state, taken from its files while it runs, and put back
// into a data directory.
//
//   backup.json                       what the copy holds
//   version-2/snapshot.Z              the newest intact one
//   version-2/log.…                   every log from there on, as far as written
//   version-2/currentEpoch, acceptedEpoch
//
// Snapshots appear whole, and logs only grow at their end, so that a copy of the
// snapshot and then of the logs is the state at one moment. The copy is replayed
// before `backup.json` says that it is one.

import { encodeUtf8 } from "../base/bytes.ts";
import { type Disk, type Host, HostError } from "../host/host.ts";
import {
  type Folders,
  logZxids,
  readFile,
  readState,
  snapshotZxids,
} from "./recovery.ts";
import { decodeSnapshot } from "./snapshot.ts";
import { logEndAfter, nameOfZxid, readLog } from "./txn_log.ts";

const MANIFEST = "backup.json";
const FILES = "version-2";
const EPOCHS = ["currentEpoch", "acceptedEpoch"];
/** A purge may take a file away while it is copied; the next try begins later. */
const TRIES_MAX = 5;

/** What a copy holds, as `backup.json` says it. */
export interface BackupFacts {
  readonly format: 1;
  /** Milliseconds since 1970 UTC. */
  readonly takenMs: number;
  /** The last transaction, in hex with `0x`. */
  readonly zxid: string;
  /** The tree's digest at that transaction, in decimal. */
  readonly digest: string;
  readonly znodes: number;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

/**
 * Copies a data directory; a server may run on it.
 *
 * @param from The `version-2` of a data directory.
 * @param to A folder that is not there yet, or empty.
 * @param logFrom Where the logs are, if elsewhere.
 * @throws {HostError} `exists` where something is in `to`; `io` where the files are damaged.
 */
export async function backUp(
  host: Host,
  from: string,
  to: string,
  logFrom = from,
): Promise<BackupFacts> {
  const { disk, clock } = host;
  if (disk.stat(to) !== null && disk.list(to).length > 0) {
    throw new HostError("exists", `"${to}" is not empty`);
  }
  const files = `${to}/${FILES}`;
  for (let tryNumber = 1;; tryNumber++) {
    disk.makeDirectory(files);
    try {
      await copyState(disk, { snapshots: from, logs: logFrom }, files);
      break;
    } catch (error) {
      const isGone = error instanceof HostError && error.kind === "notFound";
      if (!isGone || tryNumber === TRIES_MAX) throw error;
      disk.removeTree(files);
    }
  }
  const facts = factsOf(disk, files, clock.wallMs());
  await write(
    disk,
    `${to}/${MANIFEST}`,
    encodeUtf8(`${JSON.stringify(facts, null, 2)}\n`),
  );
  await disk.syncDirectory(files);
  await disk.syncDirectory(to);
  return facts;
}

async function copyState(
  disk: Disk,
  { snapshots: from, logs: logFrom }: Folders,
  to: string,
): Promise<void> {
  const names = disk.list(from);
  const snapshot = newestIntact(disk, from, snapshotZxids(names));
  if (snapshot === null) {
    throw new HostError("io", `"${from}" has no intact snapshot`);
  }
  for (const name of EPOCHS) {
    if (!names.includes(name)) continue;
    await write(disk, `${to}/${name}`, readFile(disk, `${from}/${name}`));
  }
  await write(
    disk,
    `${to}/${nameOfZxid("snapshot", snapshot.zxid)}`,
    snapshot.bytes,
  );
  // Listed after the snapshot was read: all that it was made of is in these.
  const logs = logZxids(disk.list(logFrom));
  const first = logs.findLastIndex((zxid) => zxid <= snapshot.zxid + 1n);
  for (const zxid of logs.slice(Math.max(0, first))) {
    const name = nameOfZxid("log", zxid);
    const bytes = readFile(disk, `${logFrom}/${name}`);
    const last = readLog(bytes).entries.at(-1)?.context.zxid;
    // What was being written just then is left out, and the room ahead of it.
    const end = last === undefined ? 0 : logEndAfter(bytes, last);
    if (end > 0) await write(disk, `${to}/${name}`, bytes.subarray(0, end));
  }
}

function newestIntact(
  disk: Disk,
  from: string,
  zxids: readonly bigint[],
): { readonly zxid: bigint; readonly bytes: Uint8Array } | null {
  for (const zxid of [...zxids].reverse()) {
    const bytes = readFile(disk, `${from}/${nameOfZxid("snapshot", zxid)}`);
    try {
      decodeSnapshot(bytes, zxid);
      return { zxid, bytes };
    } catch (error) {
      if (!(error instanceof Error && error.name === "DecodeError")) {
        throw error;
      }
    }
  }
  return null;
}

function factsOf(disk: Disk, files: string, takenMs: number): BackupFacts {
  const { tree } = readState(disk, files);
  return {
    format: 1,
    takenMs,
    zxid: `0x${tree.lastZxid.toString(16)}`,
    digest: tree.digest.toString(),
    znodes: tree.nodeCount,
    files: disk.list(files).map((name) => ({
      name,
      bytes: disk.stat(`${files}/${name}`)?.sizeBytes ?? 0,
    })),
  };
}

/**
 * Reads what a backup says of itself, and replays it.
 *
 * @throws {HostError} `notFound` where there is none; `io` where it holds anything else than it says.
 */
export function readBackup(disk: Disk, directory: string): BackupFacts {
  const path = `${directory}/${MANIFEST}`;
  if (disk.stat(path) === null) {
    throw new HostError(
      "notFound",
      `"${directory}" is no backup: it has no ${MANIFEST}`,
    );
  }
  const facts = parseFacts(path, readFile(disk, path));
  const found = factsOf(disk, `${directory}/${FILES}`, facts.takenMs);
  for (const key of ["zxid", "digest", "znodes"] as const) {
    if (found[key] === facts[key]) continue;
    throw new HostError(
      "io",
      `"${directory}" is damaged: its ${key} is ${
        found[key]
      }, ${MANIFEST} says ${facts[key]}`,
    );
  }
  return facts;
}

function parseFacts(path: string, bytes: Uint8Array): BackupFacts {
  try {
    const facts = JSON.parse(new TextDecoder().decode(bytes));
    if (facts?.format === 1) return facts;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new HostError("io", `"${path}" is no description of a backup`);
}

export interface RestoreTarget {
  /** As ZooKeeper's `dataDir`. */
  readonly directory: string;
  /** As its `dataLogDir`, where that is another. */
  readonly logDirectory?: string;
  /** Where what is there goes, beside it; `null` refuses that. */
  readonly replacedName: string | null;
}

/**
 * Puts a backup into a data directory on which no server runs.
 *
 * @throws {HostError} `locked` where a server runs; `exists` where there is data already.
 */
export async function restore(
  disk: Disk,
  backup: string,
  target: RestoreTarget,
): Promise<BackupFacts> {
  const { directory, logDirectory = directory } = target;
  const facts = readBackup(disk, backup);
  disk.makeDirectory(directory);
  const lock = disk.lock(`${directory}/.lock`);
  try {
    // The logs first: a start that finds them alone refuses to go on.
    for (const folder of new Set([logDirectory, directory])) {
      setAside(disk, folder, target.replacedName);
    }
    for (const folder of new Set([logDirectory, directory])) {
      const names = facts.files.map(({ name }) => name).filter((name) =>
        (name.startsWith("log.") ? logDirectory : directory) === folder
      );
      await putFiles(disk, `${backup}/${FILES}`, folder, names);
    }
  } finally {
    lock.release();
  }
  return facts;
}

function setAside(disk: Disk, folder: string, name: string | null): void {
  const files = `${folder}/${FILES}`;
  if (disk.stat(files) === null || disk.list(files).length === 0) return;
  if (name === null) {
    throw new HostError("exists", `"${files}" has data already`);
  }
  disk.rename(files, `${folder}/${name}`);
}

/** Under another name first: a start must not find half of them. */
async function putFiles(
  disk: Disk,
  from: string,
  folder: string,
  names: readonly string[],
): Promise<void> {
  const files = `${folder}/${FILES}`;
  const making = `${files}.restoring`;
  disk.removeTree(making);
  disk.makeDirectory(making);
  for (const name of names) {
    await write(disk, `${making}/${name}`, readFile(disk, `${from}/${name}`));
  }
  await disk.syncDirectory(making);
  if (disk.stat(files) !== null) disk.remove(files);
  disk.rename(making, files);
  await disk.syncDirectory(folder);
}

async function write(
  disk: Disk,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const file = disk.open(path, "create");
  try {
    file.truncate(0);
    file.writeAt(bytes, 0);
    await file.sync();
  } finally {
    file.close();
  }
}
