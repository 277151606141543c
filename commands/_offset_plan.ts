// What is going to become of the offsets of groups: from where, to where.
//
// Targets outside of a partition are moved to its nearest end, and said so.

import type { OffsetExpression } from "../core/cli/offset_expression.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { Admin } from "../core/client/admin.ts";
import { inOrder } from "../core/client/consumer_protocol.ts";
import { partitionKey, type TopicPartition } from "../core/client/metadata.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";
import { type Bounds, boundsOf } from "./_groups.ts";

/** Where offsets are to go. */
export type OffsetTarget =
  | { readonly kind: "expression"; readonly expression: OffsetExpression }
  /** Where they are; at the end where they are nowhere. */
  | { readonly kind: "current" }
  | { readonly kind: "shift"; readonly count: number }
  /** By group, then by `partitionKey`. */
  | {
    readonly kind: "given";
    readonly offsets: ReadonlyMap<string, ReadonlyMap<string, number>>;
  };

/** Which partitions of a group are meant; `null` for all that it has offsets of. */
export interface OffsetScope {
  readonly group: string;
  readonly partitions: readonly TopicPartition[] | null;
}

/** One offset of one group. */
export interface OffsetChange extends TopicPartition {
  readonly group: string;
  /** `null` where nothing is committed. */
  readonly old: number | null;
  /** What was asked for, which the partition may not have. */
  readonly wanted: number | null;
  /** What it comes to; `null` where it fails. */
  readonly new: number | null;
  readonly error: Error | null;
}

/** Plans a change of offsets, group by group. */
export async function planOffsets(
  admin: Admin,
  scopes: readonly OffsetScope[],
  target: OffsetTarget,
): Promise<OffsetChange[]> {
  const stored = await committedOffsets(admin, scopes);
  const places = scopes.flatMap(({ group, partitions }) => {
    const old = stored.get(group)!;
    const chosen = partitions ?? inOrder(old.values());
    return chosen.map(({ topic, partition }) => {
      const place = { topic, partition };
      const offset = old.get(partitionKey(place))?.offset ?? -1;
      return { group, ...place, old: offset < 0 ? null : offset };
    });
  });
  const unique = [
    ...new Map(places.map((place) => [partitionKey(place), place])).values(),
  ];
  const [bounds, times] = await Promise.all([
    boundsOf(admin, unique),
    offsetsAtTime(admin, unique, target),
  ]);
  return places.map((place): OffsetChange => {
    const limits = bounds.get(partitionKey(place))!;
    if (limits.start === null || limits.end === null) {
      const error = new KafkaError(
        "UNKNOWN_TOPIC_OR_PARTITION",
        `there is no partition ${place.partition} of topic ${place.topic}`,
      );
      return { ...place, wanted: null, new: null, error };
    }
    const wanted = wantedOffset(place, target, {
      start: limits.start,
      end: limits.end,
      atTime: times.get(partitionKey(place)) ?? limits.end,
    });
    if (wanted instanceof Error) {
      return { ...place, wanted: null, new: null, error: wanted };
    }
    const offset = Math.min(Math.max(wanted, limits.start), limits.end);
    return { ...place, wanted, new: offset, error: null };
  });
}

async function committedOffsets(
  admin: Admin,
  scopes: readonly OffsetScope[],
) {
  const found = await admin.listGroupOffsets(
    scopes.map(({ group }) => ({ group, partitions: null })),
  );
  return new Map(found.map(({ group, value, error }) => {
    if (error !== null) throw error;
    return [
      group,
      new Map(value!.map((offset) => [partitionKey(offset), offset])),
    ];
  }));
}

/** Where partitions are at the time asked for; -1, after all records, is left out. */
async function offsetsAtTime(
  admin: Admin,
  partitions: readonly TopicPartition[],
  target: OffsetTarget,
): Promise<Map<string, number>> {
  const offsets = new Map<string, number>();
  if (target.kind !== "expression") return offsets;
  const { expression } = target;
  if (expression.kind !== "time" || partitions.length === 0) return offsets;
  // Below zero are the names of places, such as the end.
  const timestampMs = Math.max(expression.timestampMs, 0);
  const found = await admin.listOffsets(
    partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      timestampMs,
    })),
  );
  for (const { topic, partition, value } of found) {
    if (value !== null && value.offset >= 0) {
      offsets.set(partitionKey({ topic, partition }), value.offset);
    }
  }
  return offsets;
}

function wantedOffset(
  place: TopicPartition & {
    readonly group: string;
    readonly old: number | null;
  },
  target: OffsetTarget,
  limits: Bounds & {
    readonly start: number;
    readonly end: number;
    readonly atTime: number;
  },
): number | Error {
  switch (target.kind) {
    case "current":
      return place.old ?? limits.end;
    case "shift":
      return place.old === null
        ? new UsageError("--shift-by needs an offset, and none is committed")
        : place.old + target.count;
    case "given":
      return target.offsets.get(place.group)!.get(partitionKey(place))!;
    case "expression": {
      const { expression } = target;
      switch (expression.kind) {
        case "earliest":
          return limits.start;
        case "latest":
          return limits.end;
        case "offset":
          return expression.offset;
        case "beforeEnd":
          return limits.end - expression.count;
        case "afterStart":
          return limits.start + expression.count;
        case "time":
          return limits.atTime;
        case "stored":
          return place.old ?? limits.start;
      }
    }
  }
}
