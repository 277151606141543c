// Takes back what was logged but is not part of the ensemble's history: log
// entries after a transaction, and snapshots that hold any of them.
//
// The newest go first, so that a crash in between leaves a shorter history, never
// one with a hole.

import type { Disk } from "../host/host.ts";
import { type Folders, logZxids, snapshotZxids } from "./recovery.ts";
import { logEndAfter, nameOfZxid } from "./txn_log.ts";

/** Whether there is a snapshot to go on from that has nothing after a transaction. */
export function reachesBackTo(
  disk: Disk,
  directory: string,
  zxid: bigint,
): boolean {
  return snapshotZxids(disk.list(directory)).some((each) => each <= zxid);
}

/** Drops everything after a transaction; durable when this resolves. */
export async function cutLogs(
  disk: Disk,
  { snapshots, logs }: Folders,
  zxid: bigint,
): Promise<void> {
  for (const each of snapshotZxids(disk.list(snapshots)).reverse()) {
    if (each > zxid) {
      disk.remove(`${snapshots}/${nameOfZxid("snapshot", each)}`);
    }
  }
  if (logs !== snapshots) await disk.syncDirectory(snapshots);
  for (const each of logZxids(disk.list(logs)).reverse()) {
    const path = `${logs}/${nameOfZxid("log", each)}`;
    if (each > zxid) disk.remove(path);
    else {
      // Else newer logs could come back behind one that is shorter already.
      await disk.syncDirectory(logs);
      await cutLog(disk, path, zxid);
      break;
    }
  }
  await disk.syncDirectory(logs);
}

async function cutLog(disk: Disk, path: string, zxid: bigint): Promise<void> {
  const file = disk.open(path, "write");
  try {
    const bytes = new Uint8Array(file.size());
    file.readAt(bytes, 0);
    const end = logEndAfter(bytes, zxid);
    if (end >= file.size()) return;
    file.truncate(end);
    await file.sync();
  } finally {
    file.close();
  }
}

/** Drops all logs, and all snapshots but one; durable when this resolves. */
export async function removeAllBut(
  disk: Disk,
  { snapshots, logs }: Folders,
  snapshotZxid: bigint,
): Promise<void> {
  for (const each of logZxids(disk.list(logs)).reverse()) {
    disk.remove(`${logs}/${nameOfZxid("log", each)}`);
  }
  for (const each of snapshotZxids(disk.list(snapshots)).reverse()) {
    if (each !== snapshotZxid) {
      disk.remove(`${snapshots}/${nameOfZxid("snapshot", each)}`);
    }
  }
  if (logs !== snapshots) await disk.syncDirectory(logs);
  await disk.syncDirectory(snapshots);
}
