// Shows a plan of offsets, and does it: what `offset reset`, `seek`, `import` and
// `copy` have in common.

import type { CommandContext } from "../core/cli/command.ts";
import type { OutputFormat } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { Admin, GroupDescription } from "../core/client/admin.ts";
import { asError } from "../core/client/client_error.ts";
import type { CommitResult } from "../core/client/group_offsets.ts";
import { partitionKey } from "../core/client/metadata.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";
import { errorField, reportItems } from "./_admin.ts";
import { isActive, memberLabel } from "./_groups.ts";
import { liveOffsets } from "./_live_offsets.ts";
import { offsetCsv } from "./_offset_csv.ts";
import type { OffsetChange } from "./_offset_plan.ts";

/** The flags of every command that changes offsets. */
export const changeFlags = {
  execute: { kind: "switch", doc: "Do it, rather than show what it would do" },
  "dry-run": { kind: "switch", doc: "Show what it would do (the default)" },
  live: {
    kind: "switch",
    doc:
      "Move groups that have members too: these are fenced, and join again after it",
  },
} as const;

export interface ChangeFlags {
  readonly execute: boolean;
  readonly "dry-run": boolean;
  readonly live: boolean;
  readonly output: OutputFormat;
  /** Prints the new offsets as CSV, and changes nothing. */
  readonly export?: boolean;
}

/**
 * Prints what is planned and, with `--execute`, does it.
 *
 * @returns The exit code.
 */
export async function changeOffsets(
  context: CommandContext,
  admin: Admin,
  changes: readonly OffsetChange[],
  flags: ChangeFlags,
): Promise<number> {
  if (flags.execute && flags["dry-run"]) {
    throw new UsageError("--execute and --dry-run exclude each other");
  }
  if (flags.export) {
    const planned = changes.filter(({ error }) => error === null);
    await offsetCsv(
      context.out,
      planned.map((change) => ({ ...change, offset: change.new! })),
    );
    return reportChanges(context, changes);
  }
  const groups = [...new Set(changes.map(({ group }) => group))];
  const refusals = flags.live
    ? new Map<string, Error>()
    : await refusedGroups(admin, groups);
  const results = flags.execute
    ? await execute(admin, changes, { refusals, isLive: flags.live })
    : changes.map((change) => ({
      ...change,
      error: change.error ?? refusals.get(change.group) ?? null,
    }));
  await print(context, results, flags);
  for (const change of changes) {
    if (change.error !== null || change.wanted === change.new) continue;
    const side = change.new! > change.wanted!
      ? "before the first"
      : "after the last";
    context.note(
      `${
        label(change)
      }: ${change.wanted} is ${side} record, taken to ${change.new}`,
    );
  }
  if (!flags.execute && changes.length > 0) {
    context.note("nothing has been changed: --execute does it");
  }
  return reportChanges(context, results);
}

/** Errors of single partitions, and of whole groups once. */
function reportChanges(
  context: CommandContext,
  changes: readonly OffsetChange[],
): number {
  const told = new Set<Error>();
  const failed = changes.filter(({ error }) => {
    if (error === null || told.has(error)) return false;
    told.add(error);
    return true;
  });
  const done = changes.filter(({ error }) => error === null);
  return reportItems(context, [
    ...failed.map((change) => ({
      name: isWhole(change.error!) ? change.group : label(change),
      error: change.error,
    })),
    ...done.map((change) => ({ name: label(change), error: null })),
  ]);
}

function isWhole(error: Error): boolean {
  return error instanceof KafkaError && error.errorName === "NON_EMPTY_GROUP";
}

function label({ group, topic, partition }: OffsetChange): string {
  return `${group} ${topic}:${partition}`;
}

/** Groups that have members, and who these are. */
async function refusedGroups(
  admin: Admin,
  groups: readonly string[],
  isLive = false,
): Promise<Map<string, Error>> {
  const refusals = new Map<string, Error>();
  if (groups.length === 0) return refusals;
  for (const { group, value } of await admin.describeGroups(groups)) {
    if (value !== null && isActive(value)) {
      refusals.set(group, activeGroup(value, isLive));
    }
  }
  return refusals;
}

/** Why the offsets of a group cannot be set, and who holds it. */
function activeGroup(group: GroupDescription, isLive: boolean): KafkaError {
  const holders = group.members.map((member) => {
    const places = member.partitions.map(({ topic, partition }) =>
      `${topic}:${partition}`
    );
    const shown = places.length > 4
      ? [...places.slice(0, 3), `${places.length - 3} more`]
      : places;
    return places.length === 0
      ? memberLabel(member)
      : `${memberLabel(member)} (${shown.join(", ")})`;
  });
  const held = holders.length === 0 ? "" : `, held by ${holders.join("; ")}`;
  return new KafkaError(
    "NON_EMPTY_GROUP",
    `the group is active (${group.state})${held}; ` +
      (isLive
        ? "its members come back faster than they are removed: stop them"
        : "stop its members, or give --live"),
  );
}

async function execute(
  admin: Admin,
  changes: readonly OffsetChange[],
  options: {
    readonly refusals: ReadonlyMap<string, Error>;
    readonly isLive: boolean;
  },
): Promise<OffsetChange[]> {
  const { refusals, isLive } = options;
  const byGroup = Map.groupBy(changes, ({ group }) => group);
  const results = await Promise.all([...byGroup].map(async ([group, list]) => {
    const refusal = refusals.get(group);
    if (refusal !== undefined) {
      return list.map((change) => ({ ...change, error: refusal }));
    }
    const offsets = list.filter(({ error }) => error === null)
      .map(({ topic, partition, new: offset }) => ({
        topic,
        partition,
        offset: offset!,
      }));
    // Nobody is fenced for nothing.
    if (offsets.length === 0) return list;
    let written: CommitResult[];
    try {
      written = isLive
        ? await liveOffsets(admin, group, offsets)
        : await admin.alterGroupOffsets(group, offsets);
    } catch (error) {
      return list.map((change) => ({ ...change, error: asError(error) }));
    }
    const errors = new Map(
      written.map((result) => [partitionKey(result), result.error]),
    );
    // Members that have come since it was looked at.
    const isTaken = written.some(({ error }) =>
      error?.errorName === "UNKNOWN_MEMBER_ID"
    );
    const taken = isTaken
      ? (await refusedGroups(admin, [group], isLive)).get(group)
      : undefined;
    return list.map((change) => ({
      ...change,
      error: change.error ?? taken ?? errors.get(partitionKey(change)) ?? null,
    }));
  }));
  return results.flat();
}

async function print(
  { out }: CommandContext,
  changes: readonly OffsetChange[],
  flags: ChangeFlags,
): Promise<void> {
  await printRows(out, flags.output, {
    columns: [
      { field: "group" },
      { field: "topic" },
      { field: "partition" },
      { field: "old" },
      { field: "new" },
      { field: "difference" },
      { field: "requested", wide: true },
      { field: "changed", wide: true },
    ],
    nameField: "group",
    rows: changes.map((change) => ({
      group: change.group,
      topic: change.topic,
      partition: change.partition,
      old: change.old,
      new: change.new,
      difference: change.old === null || change.new === null
        ? null
        : change.new - change.old,
      requested: change.wanted,
      isClamped: change.wanted !== change.new,
      changed: flags.execute && change.error === null,
      ...errorField(change.error),
    })),
  });
}
