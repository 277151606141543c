// kq group describe

import { command, type CommandContext } from "../core/cli/command.ts";
import { clientConfig } from "../core/cli/connection.ts";
import {
  connectionFlags,
  outputFlags,
  type OutputFormat,
} from "../core/cli/flags.ts";
import { printRows, type Row } from "../core/cli/rows.ts";
import { createAdmin } from "../core/client/admin.ts";
import { partitionKey } from "../core/client/metadata.ts";
import { errorText, reportItems } from "./_admin.ts";
import {
  chosenGroups,
  type FailedGroup,
  groupFlags,
  type GroupLag,
  groupLags,
  isActive,
  memberLabel,
  sumOf,
} from "./_groups.ts";
import { type GroupRate, groupRates, unreadAges } from "./_lag_seconds.ts";

/** How long the rates are measured, where there is something to measure. */
const SAMPLE_MS = 1000;

export default command({
  details:
    "The lag in seconds is the age of the first record that was not read. The time\n" +
    "to drain goes by what is committed and written during a short sample; members\n" +
    'that commit every 5 s need --sample 10s. "never" says that the lag does not shrink.',
  args: [{
    name: "GROUP",
    doc: "A group; with --regex, a pattern",
    optional: true,
    many: true,
  }],
  flags: {
    ...groupFlags,
    members: { kind: "switch", doc: "Show members rather than partitions" },
    state: { kind: "switch", doc: "Show the groups' state alone" },
    offsets: { kind: "switch", doc: "Show partitions alone" },
    sample: {
      kind: "duration",
      doc: "How long to measure rates for the time to drain; 0s not at all",
    },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq group describe billing",
    "kq group describe --all-groups --state -o json",
    "kq group describe billing --sample 10s",
  ],
  run: async (context, { flags, args }) => {
    const config = await clientConfig(context, flags);
    const admin = createAdmin(context.host, config);
    try {
      const names = await chosenGroups(admin, args, flags);
      const lags = await groupLags(admin, names);
      const found = lags.filter((lag) => lag.error === null);
      const sampleMs = flags.sample ?? SAMPLE_MS;
      const moving = found.filter(({ group, partitions }) =>
        flags.sample !== undefined || (isActive(group) &&
          (sumOf(partitions.map(({ lag }) => lag)) ?? 0) > 0)
      );
      const [ages, rates] = await Promise.all([
        Promise.all(
          found.map(({ partitions }) =>
            unreadAges(context.host, config, partitions)
          ),
        ),
        sampleMs === 0 || moving.length === 0
          ? new Map<string, GroupRate>()
          : groupRates(context.host, admin, moving, sampleMs),
      ]);
      const groups = found.map((lag, index) =>
        documentOf(lag, ages[index], rates.get(lag.group.group) ?? null)
      );
      const failed = lags.filter((lag) => lag.error !== null);
      await print(context, flags, { groups, failed });
      return reportItems(context, [
        ...found.map(({ group }) => ({ name: group.group, error: null })),
        ...failed,
      ]);
    } finally {
      admin.close();
    }
  },
});

type GroupDocument = Row & {
  readonly group: string;
  readonly partitions: readonly Row[];
  readonly members: readonly Row[];
};

function documentOf(
  { group, partitions }: GroupLag,
  ages: ReadonlyMap<string, number>,
  rate: GroupRate | null,
): GroupDocument {
  const ageOf = (place: GroupLag["partitions"][number]) =>
    place.lag === 0
      ? 0
      : place.lag === null
      ? null
      : rounded((ages.get(partitionKey(place)) ?? NaN) / 1000);
  const seconds = partitions.map(ageOf).filter((age) => age !== null);
  return {
    group: group.group,
    state: group.state,
    type: group.type,
    protocolType: group.protocolType,
    assignor: group.assignor,
    epoch: group.epoch,
    coordinator: group.coordinator,
    memberCount: group.members.length,
    lag: sumOf(partitions.map(({ lag }) => lag)),
    lagSeconds: seconds.length === 0 ? null : Math.max(...seconds),
    consumedPerSecond: rounded(rate?.consumedPerSecond),
    producedPerSecond: rounded(rate?.producedPerSecond),
    drainSeconds: rounded(rate?.drainSeconds),
    isDraining: rate === null ? null : rate.drainSeconds !== null,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      clientId: member.clientId,
      host: member.host,
      epoch: member.epoch,
      partitionCount: member.partitions.length,
      partitions: member.partitions.map(({ topic, partition }) =>
        `${topic}:${partition}`
      ),
    })),
    partitions: partitions.map((row) => ({
      topic: row.topic,
      partition: row.partition,
      committed: row.committed,
      start: row.start,
      end: row.end,
      lag: row.lag,
      lagSeconds: ageOf(row),
      metadata: row.metadata,
      memberId: row.member?.memberId ?? null,
      member: row.member === null ? null : memberLabel(row.member),
    })),
  };
}

function rounded(value: number | null | undefined): number | null {
  return value === undefined || value === null || !Number.isFinite(value)
    ? null
    : Math.round(value * 1000) / 1000;
}

const GROUP_COLUMNS = [
  { field: "group" },
  { field: "state" },
  { field: "type", wide: true as const },
  { field: "assignor" },
  { field: "coordinator" },
  { field: "memberCount" },
  { field: "lag" },
  { field: "lagSeconds" },
  { field: "consumedPerSecond", wide: true as const },
  { field: "producedPerSecond", wide: true as const },
  { field: "drain" },
];

const MEMBER_COLUMNS = [
  { field: "group" },
  { field: "memberId" },
  { field: "instanceId" },
  { field: "clientId" },
  { field: "host" },
  { field: "partitionCount" },
  { field: "partitions" },
];

const PARTITION_COLUMNS = [
  { field: "group" },
  { field: "topic" },
  { field: "partition" },
  { field: "committed" },
  { field: "start", wide: true as const },
  { field: "end" },
  { field: "lag" },
  { field: "lagSeconds" },
  { field: "member" },
  { field: "memberId", wide: true as const },
];

async function print(
  { out }: CommandContext,
  flags: {
    readonly output: OutputFormat;
    readonly members: boolean;
    readonly state: boolean;
    readonly offsets: boolean;
  },
  found: {
    readonly groups: readonly GroupDocument[];
    readonly failed: readonly FailedGroup[];
  },
): Promise<void> {
  const { groups, failed } = found;
  const format = flags.output;
  const of = (field: "members" | "partitions") =>
    groups.flatMap((group) =>
      group[field].map((row): Row => ({ group: group.group, ...row }))
    );
  const tables = {
    state: {
      columns: GROUP_COLUMNS,
      rows: groups.map((group): Row => ({ ...group, drain: drainText(group) })),
    },
    members: { columns: MEMBER_COLUMNS, rows: of("members") },
    offsets: { columns: PARTITION_COLUMNS, rows: of("partitions") },
  };
  const nameField = "group";
  if (format === "table" || format === "wide") {
    const asked = (["state", "members", "offsets"] as const).filter((name) =>
      flags[name]
    );
    let isFirst = true;
    for (
      const name of asked.length > 0 ? asked : ["state", "offsets"] as const
    ) {
      if (tables[name].rows.length === 0) continue;
      if (!isFirst) await out.line("");
      isFirst = false;
      await printRows(out, format, { ...tables[name], nameField });
    }
    return;
  }
  if (format === "csv") {
    const name = flags.members ? "members" : flags.state ? "state" : "offsets";
    return await printRows(out, format, { ...tables[name], nameField });
  }
  await printRows(out, format, {
    columns: GROUP_COLUMNS,
    nameField,
    rows: [
      ...groups,
      ...failed.map(({ name, error }) => ({
        group: name,
        error: errorText(error),
      })),
    ],
  });
}

/** The time to drain as people read it. */
function drainText(group: Row): string {
  if (group.isDraining === null) return group.lag === 0 ? "0s" : "-";
  if (!group.isDraining) return "never";
  const seconds = Math.round(Number(group.drainSeconds));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const shown = parts.filter(([count]) => count > 0).slice(0, 2);
  return shown.map(([count, unit]) => `${count}${unit}`).join("") || "0s";
}
