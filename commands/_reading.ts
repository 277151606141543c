// What `consume` is going to read: from where to where, for each partition.

import type { CommandContext } from "../core/cli/command.ts";
import type { OffsetExpression } from "../core/cli/offset_expression.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { Admin } from "../core/client/admin.ts";
import type { IsolationLevel } from "../core/client/list_offsets.ts";
import { partitionKey, type TopicPartition } from "../core/client/metadata.ts";
import { resolveOffsets } from "./_offsets.ts";
import { storedOffsets } from "./_stored_offsets.ts";

/** One partition's part: offsets `from` up to, and without, `to`. */
export interface Reading extends TopicPartition {
  readonly from: number;
  /** Where the fetches begin: `from`, or the nearest offset that there is. */
  readonly position: number;
  /** `Infinity` goes on with what is still to be written. */
  readonly to: number;
}

export interface ReadingRequest {
  readonly partitions: readonly TopicPartition[];
  readonly from: OffsetExpression;
  readonly to: OffsetExpression | null;
  /** Stops at the end as it is now. */
  readonly untilEnd: boolean;
  readonly group: string | undefined;
  readonly isolationLevel: IsolationLevel;
}

/** @throws {UsageError} Where stored offsets are asked for without a group. */
export async function planReading(
  admin: Admin,
  request: ReadingRequest,
): Promise<Reading[]> {
  const { partitions, from, to, untilEnd, group, isolationLevel } = request;
  if ((from.kind === "stored" || to?.kind === "stored") && !group) {
    throw new UsageError("stored offsets need the name of a group: --group");
  }
  const resolve = (expression: OffsetExpression) =>
    resolveOffsets(admin, partitions, expression, {
      isolationLevel,
      stored: (asked) => storedOffsets(admin, group ?? "", asked),
    });
  const nowhere = partitions.map(() => Infinity);
  const needsBounds = from.kind === "offset" || untilEnd;
  const [starts, stops, earliest, latest] = await Promise.all([
    resolve(from),
    to === null ? nowhere : resolve(to),
    from.kind === "offset" ? resolve({ kind: "earliest" }) : [],
    needsBounds ? resolve({ kind: "latest" }) : nowhere,
  ]);
  return partitions.map((partition, index) => ({
    ...partition,
    from: starts[index],
    // What has been deleted, or is still to be written, cannot be fetched.
    position: from.kind === "offset"
      ? Math.min(Math.max(starts[index], earliest[index]), latest[index])
      : starts[index],
    to: untilEnd ? Math.min(stops[index], latest[index]) : stops[index],
  }));
}

/** Where partitions end, records of open transactions included, by `partitionKey`. */
export async function uncommittedEnds(
  admin: Admin,
  partitions: readonly TopicPartition[],
): Promise<ReadonlyMap<string, number>> {
  const ends = await resolveOffsets(admin, partitions, { kind: "latest" }, {
    isolationLevel: "read_uncommitted",
    stored: () => Promise.resolve([]),
  });
  return new Map(
    partitions.map((place, index) => [partitionKey(place), ends[index]]),
  );
}

/**
 * Says where readings end before what open transactions hold back.
 *
 * @param ends As they were before `readings` were planned, so that what has been
 * committed since then is not taken for held back.
 */
export function noteHeldBack(
  context: CommandContext,
  readings: readonly Reading[],
  ends: ReadonlyMap<string, number>,
): void {
  for (const reading of readings) {
    const heldCount = ends.get(partitionKey(reading))! - reading.to;
    if (heldCount <= 0) continue;
    context.note(
      `${reading.topic}:${reading.partition} is read up to ${reading.to}: an ` +
        `open transaction holds back ${heldCount} offset${
          heldCount === 1 ? "" : "s"
        } (kq txn list --state Ongoing)`,
    );
  }
}
