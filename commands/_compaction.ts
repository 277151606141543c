// What the commands about compaction share.

import { ExitCode } from "../core/cli/exit_code.ts";
import type { Row } from "../core/cli/rows.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import {
  type CompactionOutcome,
  isNotServed,
} from "../core/client/admin_compaction.ts";

/** Passes results on. @throws {ExitError} Where a broker is no broker of kq. */
export function servedByKq<T extends { readonly error: Error | null }>(
  results: readonly T[],
): readonly T[] {
  if (!results.some(({ error }) => isNotServed(error))) return results;
  throw new ExitError(
    ExitCode.REFUSED,
    "the broker cannot be asked about compaction: it is no broker of kq " +
      "(Apache Kafka compacts only by itself)",
  );
}

/** What a run did, as fields of a row. */
export function runFields(run: CompactionOutcome | null): Row {
  return {
    bytesBefore: run?.bytesBefore ?? null,
    bytesAfter: run?.bytesAfter ?? null,
    recordsBefore: run?.recordsBefore ?? null,
    recordsAfter: run?.recordsAfter ?? null,
    elapsedMs: run?.elapsedMs ?? null,
  };
}
