// What the commands share that look at groups: which ones are meant, how far
// they are behind.

import { UsageError } from "../core/cli/usage_error.ts";
import type {
  Admin,
  GroupDescription,
  GroupMemberDescription,
} from "../core/client/admin.ts";
import { OffsetAt } from "../core/client/list_offsets.ts";
import { partitionKey, type TopicPartition } from "../core/client/metadata.ts";
import { topicPattern } from "./_admin.ts";

/** How groups are named: the flags of every command that takes several. */
export const groupFlags = {
  group: { kind: "text", many: true, doc: "A group; the same as GROUP" },
  regex: { kind: "switch", short: "r", doc: "The names are patterns" },
  "all-groups": { kind: "switch", doc: "All groups" },
} as const;

/** States of a group that holds no partitions, in lower case. */
const IDLE_STATES = ["empty", "dead"];

/** True while a group has members, so that its offsets are theirs. */
export function isActive(group: GroupDescription): boolean {
  return group.members.length > 0 ||
    !IDLE_STATES.includes(group.state.toLowerCase());
}

/** How a member is told from others: client and host, and its fixed name. */
export function memberLabel(member: GroupMemberDescription): string {
  const { clientId, host, instanceId, memberId } = member;
  const name = instanceId ?? (clientId === "" ? memberId : clientId);
  return `${name}${host}`;
}

/**
 * The groups meant: as they stand, all whose whole name a pattern matches, or all.
 *
 * @throws {UsageError} Where none are named, or a pattern is none.
 */
export async function chosenGroups(
  admin: Admin,
  args: readonly string[],
  flags: {
    readonly group: readonly string[];
    readonly regex: boolean;
    readonly "all-groups": boolean;
  },
): Promise<string[]> {
  const names = [...args, ...flags.group];
  if (flags["all-groups"] && names.length > 0) {
    throw new UsageError("name groups, or give --all-groups");
  }
  if (names.length === 0 && !flags["all-groups"]) {
    throw new UsageError("GROUP is missing: name groups, or give --all-groups");
  }
  if (!flags.regex && !flags["all-groups"]) return [...new Set(names)];
  const patterns = names.map((text) => topicPattern(text));
  const groups = await admin.listGroups();
  return groups.map(({ group }) => group).filter((name) =>
    flags["all-groups"] || patterns.some((pattern) => pattern.test(name))
  );
}

/** A partition of a group: where it stands, how far that is from the end. */
export interface PartitionLag extends TopicPartition {
  /** `null` where nothing is committed. */
  readonly committed: number | null;
  readonly metadata: string;
  /** First offset there is; `null` where the leader did not tell. */
  readonly start: number | null;
  readonly end: number | null;
  /** Records to the end; `null` where either is not known. */
  readonly lag: number | null;
  readonly member: GroupMemberDescription | null;
}

export interface GroupLag {
  readonly group: GroupDescription;
  readonly error: null;
  readonly partitions: readonly PartitionLag[];
}

/** A group that could not be looked at. */
export interface FailedGroup {
  readonly name: string;
  readonly error: Error;
}

/** Groups with their members and how far they are behind, in as few requests as may be. */
export async function groupLags(
  admin: Admin,
  names: readonly string[],
): Promise<(GroupLag | FailedGroup)[]> {
  if (names.length === 0) return [];
  const [described, offsets] = await Promise.all([
    admin.describeGroups(names),
    admin.listGroupOffsets(
      names.map((group) => ({ group, partitions: null })),
    ),
  ]);
  const places = new Map<string, TopicPartition>();
  const wholes = described.map(({ value, error }, index) => {
    const failure = error ?? offsets[index].error;
    if (failure !== null) return { name: names[index], error: failure };
    const rows = new Map<string, PartitionLag>();
    const add = (row: PartitionLag) => {
      rows.set(partitionKey(row), row);
      places.set(partitionKey(row), row);
    };
    const nothing = { metadata: "", start: null, end: null, lag: null };
    for (
      const { topic, partition, offset, metadata } of offsets[index].value!
    ) {
      const committed = offset < 0 ? null : offset;
      add({ ...nothing, topic, partition, committed, metadata, member: null });
    }
    for (const member of value!.members) {
      for (const place of member.partitions) {
        const row = rows.get(partitionKey(place)) ??
          { ...nothing, ...place, committed: null };
        add({ ...row, member });
      }
    }
    return { group: value!, rows };
  });
  const bounds = await boundsOf(admin, [...places.values()]);
  return wholes.map((whole): GroupLag | FailedGroup => {
    if (whole.rows === undefined) return whole;
    const partitions = [...whole.rows.values()].map((row): PartitionLag => {
      const { start, end } = bounds.get(partitionKey(row))!;
      const lag = row.committed === null || end === null
        ? null
        : Math.max(end - Math.max(row.committed, start ?? 0), 0);
      return { ...row, start, end, lag };
    });
    return {
      group: whole.group,
      error: null,
      partitions: partitions.sort((a, b) =>
        a.topic === b.topic
          ? a.partition - b.partition
          : a.topic < b.topic
          ? -1
          : 1
      ),
    };
  });
}

export interface Bounds {
  readonly start: number | null;
  readonly end: number | null;
}

/** First and last offsets by `partitionKey`; `null` for what is not there any more. */
export async function boundsOf(
  admin: Admin,
  partitions: readonly TopicPartition[],
): Promise<Map<string, Bounds>> {
  if (partitions.length === 0) return new Map();
  const queries = [OffsetAt.earliest, OffsetAt.latest].flatMap((timestampMs) =>
    partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      timestampMs,
    }))
  );
  const found = await admin.listOffsets(queries);
  return new Map(partitions.map((place, index) => [
    partitionKey(place),
    {
      start: found[index].value?.offset ?? null,
      end: found[partitions.length + index].value?.offset ?? null,
    },
  ]));
}

/** Sums what is known; `null` where nothing is. */
export function sumOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0
    ? null
    : known.reduce((sum, value) => sum + value, 0);
}
