// Removes what no recovery will read: old snapshots, and logs before the oldest
// one that is kept.

import type { Disk } from "../host/host.ts";
import { type Folders, logZxids, snapshotZxids } from "./recovery.ts";
import { nameOfZxid } from "./txn_log.ts";

/** Keeps the newest `snapshotsKept` snapshots and every log needed to go on from them. */
export function purgeFiles(
  disk: Disk,
  folders: Folders,
  snapshotsKept: number,
): void {
  const snapshots = snapshotZxids(disk.list(folders.snapshots));
  const oldestKept = snapshots[snapshots.length - snapshotsKept];
  if (oldestKept === undefined) return;
  const logs = logZxids(disk.list(folders.logs));
  // This one may reach beyond the snapshot; those before it end earlier.
  const firstNeeded = logs.findLastIndex((zxid) => zxid <= oldestKept + 1n);
  for (const zxid of logs.slice(0, Math.max(0, firstNeeded))) {
    disk.remove(`${folders.logs}/${nameOfZxid("log", zxid)}`);
  }
  for (const zxid of snapshots.slice(0, -snapshotsKept)) {
    disk.remove(`${folders.snapshots}/${nameOfZxid("snapshot", zxid)}`);
  }
}
