// All that a log does on its disk, as workloads of the sweeps: each step of each
// of them is tried as the last before a crash, and as the one that fails.

import { compactionWorkload } from "./compaction_sweep.ts";
import { directoriesWorkload } from "./directories_sweep.ts";
import type { SweepWorkload } from "./disk_sweep.ts";
import { rolledWorkload, smallWorkload } from "./log_sweep.ts";
import { moveWorkload } from "./move_sweep.ts";
import { movesWorkload } from "./moves_sweep.ts";
import { retentionWorkload } from "./retention_sweep.ts";
import {
  smallTransactionsWorkload,
  transactionsWorkload,
} from "./transaction_sweep.ts";

export const DISK_WORKLOADS: readonly SweepWorkload[] = [
  rolledWorkload,
  smallWorkload,
  retentionWorkload,
  compactionWorkload,
  directoriesWorkload,
  moveWorkload,
  movesWorkload,
  transactionsWorkload,
  smallTransactionsWorkload,
];
