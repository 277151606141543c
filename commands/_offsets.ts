// Offset expressions of many partitions at once, in as few requests as they need.

import {
  type OffsetExpression,
  resolveOffset,
} from "../core/cli/offset_expression.ts";
import type { Admin } from "../core/client/admin.ts";
import { type IsolationLevel, OffsetAt } from "../core/client/list_offsets.ts";
import type { TopicPartition } from "../core/client/metadata.ts";

export interface ResolveOptions {
  readonly isolationLevel: IsolationLevel;
  /** Where the group stands; -1 where it has never been. */
  readonly stored?: (
    partitions: readonly TopicPartition[],
  ) => Promise<number[]>;
}

const NEEDS_EARLIEST = ["earliest", "beforeEnd", "afterStart", "stored"];
const NEEDS_LATEST = ["latest", "beforeEnd", "afterStart", "time"];

/**
 * The offset that an expression means for each partition, in their order.
 *
 * @throws {KafkaError} What a leader said of any of them.
 */
export async function resolveOffsets(
  admin: Admin,
  partitions: readonly TopicPartition[],
  expression: OffsetExpression,
  { isolationLevel, stored }: ResolveOptions,
): Promise<number[]> {
  const at = async (isNeeded: boolean, timestampMs: number) => {
    if (!isNeeded) return [];
    const queries = partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      timestampMs,
    }));
    const results = await admin.listOffsets(queries, { isolationLevel });
    return results.map(({ error, value }) => {
      if (error !== null) throw error;
      return value!.offset;
    });
  };
  const { kind } = expression;
  const [earliest, latest, atTime, committed] = await Promise.all([
    at(NEEDS_EARLIEST.includes(kind), OffsetAt.earliest),
    at(NEEDS_LATEST.includes(kind), OffsetAt.latest),
    at(kind === "time", kind === "time" ? expression.timestampMs : 0),
    kind === "stored" && stored !== undefined ? stored(partitions) : [],
  ]);
  const orNone = (offset: number | undefined) =>
    offset === undefined || offset < 0 ? null : offset;
  return await Promise.all(
    partitions.map((_, index) =>
      resolveOffset(expression, {
        earliest: () => Promise.resolve(earliest[index]),
        latest: () => Promise.resolve(latest[index]),
        atTime: () => Promise.resolve(orNone(atTime[index])),
        stored: () => Promise.resolve(orNone(committed[index])),
      })
    ),
  );
}
