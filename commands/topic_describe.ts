// kq topic describe

import { command, type CommandContext } from "../core/cli/command.ts";
import {
  connectionFlags,
  outputFlags,
  type OutputFormat,
} from "../core/cli/flags.ts";
import { printRows, type Row } from "../core/cli/rows.ts";
import type { DescribedPartition } from "../core/client/admin_types.ts";
import { chosenTopics, errorField, reportItems, withAdmin } from "./_admin.ts";
import { describeWhole, type WholeTopic } from "./_whole_topic.ts";

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
      return names.length === 0
        ? []
        : await describeWhole(admin, names, isShown);
    });
    await print(context, flags.output, topics);
    return reportItems(context, topics);
  },
});

async function print(
  { out }: CommandContext,
  format: OutputFormat,
  topics: readonly WholeTopic[],
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
  if (found.length > 0) await out.line("");
  await printRows(out, format, {
    columns,
    nameField: "topic",
    rows: partitionRows,
  });
}
