// What a file beside the log is answered with when its bytes make no sense.

/**
 * A file that cannot be what its name says. Indexes, snapshots and checkpoints
 * can be made again from the log, so whoever meets this on one rebuilds it.
 */
export class CorruptFileError extends Error {
  override readonly name = "CorruptFileError";
  constructor(readonly path: string, readonly reason: string) {
    super(`Cannot use "${path}": ${reason}`);
  }
}
