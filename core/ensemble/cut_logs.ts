// Takes back what was logged but is not part of the ensemble's history: log
// entries after a transaction, and snapshots that hold any of them.
//
// The newest go first, so that a crash in between leaves a shorter history, never
// one with a hole.

import type { Disk } from "../host/host.ts";
import { logZxids, snapshotZxids } from "./recovery.ts";
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
  directory: string,
  zxid: bigint,
): Promise<void> {
  const names = disk.list(directory);
  for (const each of snapshotZxids(names).reverse()) {
    if (each > zxid) {
      disk.remove(`${directory}/${nameOfZxid("snapshot", each)}`);
    }
  }
  for (const each of logZxids(names).reverse()) {
    const path = `${directory}/${nameOfZxid("log", each)}`;
    if (each > zxid) disk.remove(path);
    else {
      // Else newer logs could come back behind one that is shorter already.
      await disk.syncDirectory(directory);
      await cutLog(disk, path, zxid);
      break;
    }
  }
  await disk.syncDirectory(directory);
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
  directory: string,
  snapshotZxid: bigint,
): Promise<void> {
  const names = disk.list(directory);
  for (const each of logZxids(names).reverse()) {
    disk.remove(`${directory}/${nameOfZxid("log", each)}`);
  }
  for (const each of snapshotZxids(names).reverse()) {
    if (each !== snapshotZxid) {
      disk.remove(`${directory}/${nameOfZxid("snapshot", each)}`);
    }
  }
  await disk.syncDirectory(directory);
}
