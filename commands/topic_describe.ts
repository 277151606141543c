// kq topic describe

import { command, type CommandContext } from "../core/cli/command.ts";
import {
  connectionFlags,
  outputFlags,
  type OutputFormat,
} from "../core/cli/flags.ts";
import { printRows, type Row } from "../core/cli/rows.ts";
import type { Admin } from "../core/client/admin.ts";
import {
  ConfigResourceType,
  ConfigSource,
  type DescribedPartition,
} from "../core/client/admin_types.ts";
import { OffsetAt } from "../core/client/list_offsets.ts";
import { chosenTopics, errorField, reportItems, withAdmin } from "./_admin.ts";

interface Topic {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  /** What the topic itself sets. */
  readonly configs: { readonly [key: string]: string | null };
  readonly partitions: readonly Row[];
  readonly error: Error | null;
}

export default command({
  args: [{
    name: "TOPIC",
    doc: "A topic; with --regex, a pattern",
    many: true,
  }],
  flags: {
    regex: { kind: "switch", short: "r", doc: "The names are patterns" },
    "under-replicated-partitions": {
      kind: "switch",
      doc: "Only partitions with a replica that is not in sync",
    },
    "unavailable-partitions": {
      kind: "switch",
      doc: "Only partitions without a leader",
    },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq topic describe orders",
    "kq topic describe -r '.*' --under-replicated-partitions -o json",
  ],
  run: async (context, { flags, args }) => {
    const isShown = (partition: DescribedPartition) =>
      (!flags["under-replicated-partitions"] ||
        partition.isr.length < partition.replicas.length) &&
      (!flags["unavailable-partitions"] || partition.leader < 0);
    const topics = await withAdmin(context, flags, async (admin) => {
      const names = await chosenTopics(admin, args, flags.regex);
      return names.length === 0 ? [] : await describe(admin, names, isShown);
    });
    await print(context, flags.output, topics);
    return reportItems(context, topics);
  },
});

async function describe(
  admin: Admin,
  names: readonly string[],
  isShown: (partition: DescribedPartition) => boolean,
): Promise<Topic[]> {
  const [described, configs] = await Promise.all([
    admin.describeTopics(names),
    topicConfigs(admin, names),
  ]);
  const shown = described.map((topic) => topic.partitions.filter(isShown));
  const offsets = await endOffsets(admin, shown.flat());
  return described.map((topic, index) => ({
    name: topic.name,
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    configs: configs.get(topic.name) ?? {},
    partitions: shown[index].map((partition) => ({
      partition: partition.partition,
      leader: partition.leader,
      leaderEpoch: partition.leaderEpoch,
      replicas: partition.replicas,
      isr: partition.isr,
      offlineReplicas: partition.offlineReplicas,
      ...offsets.get(`${partition.topic}:${partition.partition}`),
      ...errorField(partition.error),
    })),
    error: topic.error,
  }));
}

/** What the topics themselves set; brokers that may not tell leave it empty. */
async function topicConfigs(admin: Admin, names: readonly string[]) {
  const type = ConfigResourceType.topic;
  const resources = names.map((name) => ({ type, name }));
  const described = await admin.describeConfigs(resources);
  return new Map(described.map(({ resource, entries }) => [
    resource.name,
    Object.fromEntries(
      entries.filter(({ source }) => source === ConfigSource.dynamicTopic)
        .map(({ name, value }) => [name, value]),
    ),
  ]));
}

async function endOffsets(
  admin: Admin,
  partitions: readonly DescribedPartition[],
) {
  const led = partitions.filter(({ leader }) => leader >= 0);
  const at = (timestampMs: number) =>
    admin.listOffsets(led.map(({ topic, partition }) => ({
      topic,
      partition,
      timestampMs,
    })));
  if (led.length === 0) return new Map();
  const [earliest, latest] = await Promise.all([
    at(OffsetAt.earliest),
    at(OffsetAt.latest),
  ]);
  return new Map(led.map(({ topic, partition }, index) => [
    `${topic}:${partition}`,
    {
      earliestOffset: earliest[index].value?.offset ?? null,
      latestOffset: latest[index].value?.offset ?? null,
    },
  ]));
}

async function print(
  { out }: CommandContext,
  format: OutputFormat,
  topics: readonly Topic[],
): Promise<void> {
  const documents = topics.map(({ error, ...topic }) => ({
    ...topic,
    ...errorField(error),
  }));
  const found = topics.filter(({ error }) => error === null);
  const partitionRows = found.flatMap(({ name, partitions }) =>
    partitions.map((partition): Row => ({ topic: name, ...partition }))
  );
  const columns = [
    { field: "topic" },
    { field: "partition" },
    { field: "leader" },
    { field: "leaderEpoch", wide: true as const },
    { field: "replicas" },
    { field: "isr" },
    { field: "offlineReplicas", wide: true as const },
    { field: "earliestOffset" },
    { field: "latestOffset" },
  ];
  if (format !== "table" && format !== "wide") {
    const rows = format === "csv" ? partitionRows : documents;
    const nameField = "name";
    return await printRows(out, format, { columns, nameField, rows });
  }
  await printRows(out, format, {
    columns: [
      { field: "name" },
      { field: "partitionCount" },
      { field: "replicationFactor" },
      { field: "topicId", wide: true },
      { field: "configs" },
    ],
    nameField: "name",
    rows: found.map(({ name, topicId, configs, partitions }) => ({
      name,
      partitionCount: partitions.length,
      replicationFactor: (partitions[0]?.replicas as number[])?.length ?? 0,
      topicId,
      configs: Object.entries(configs).map(([key, value]) => `${key}=${value}`),
    })),
  });
  await out.line("");
  await printRows(out, format, {
    columns,
    nameField: "topic",
    rows: partitionRows,
  });
}
