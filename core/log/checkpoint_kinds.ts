// Names of what a log directory keeps beside its logs.

/** The file that is locked while somebody has the directory. */
export const LOCK_FILE = ".lock";

/** Which checkpoint: what of each log it keeps. */
export type CheckpointKind =
  | "recoveryPoint"
  | "logStart"
  | "highWatermark"
  | "cleaned";

/** Their names in the directory. */
export const CHECKPOINT_FILES: { readonly [kind in CheckpointKind]: string } = {
  recoveryPoint: "recovery-point-offset-checkpoint",
  logStart: "log-start-offset-checkpoint",
  highWatermark: "replication-offset-checkpoint",
  cleaned: "cleaner-offset-checkpoint",
};
