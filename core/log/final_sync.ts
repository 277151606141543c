// A failed fsync is final, whatever reason the system gives: pages may be marked
// clean that never reached the disk. Where it says "no space", that must not be
// taken for a write that can be tried again.

import { HostError } from "../host/host.ts";

/**
 * Runs an fsync.
 *
 * @throws {HostError} Of no kind that could pass.
 */
export async function finalSync(sync: () => Promise<void>): Promise<void> {
  try {
    await sync();
  } catch (error) {
    if (!(error instanceof HostError) || error.kind !== "noSpace") throw error;
    throw new HostError("io", error.message, { cause: error });
  }
}
