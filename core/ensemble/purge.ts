// Removes what no recovery will read: old snapshots, and logs before the oldest
// one that is kept.

import type { Disk } from "../host/host.ts";
import { logZxids, snapshotZxids } from "./recovery.ts";
import { nameOfZxid } from "./txn_log.ts";

/** Keeps the newest `snapshotsKept` snapshots and every log needed to go on from them. */
export function purgeFiles(
  disk: Disk,
  directory: string,
  snapshotsKept: number,
): void {
  const names = disk.list(directory);
  const snapshots = snapshotZxids(names);
  const oldestKept = snapshots[snapshots.length - snapshotsKept];
  if (oldestKept === undefined) return;
  const logs = logZxids(names);
  // This one may reach beyond the snapshot; those before it end earlier.
  const firstNeeded = logs.findLastIndex((zxid) => zxid <= oldestKept + 1n);
  for (const zxid of logs.slice(0, Math.max(0, firstNeeded))) {
    disk.remove(`${directory}/${nameOfZxid("log", zxid)}`);
  }
  for (const zxid of snapshots.slice(0, -snapshotsKept)) {
    disk.remove(`${directory}/${nameOfZxid("snapshot", zxid)}`);
  }
}
