// kq log dirs

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows, type Row } from "../core/cli/rows.ts";
import { parseTopicSpec } from "../core/cli/topic_spec.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { BrokerLogDirs } from "../core/client/admin_types.ts";
import { errorField, reportItems, withAdmin } from "./_admin.ts";

export default command({
  args: [{
    name: "TOPIC",
    doc: "Only these topics, or partitions as in orders:0,2",
    optional: true,
    many: true,
  }],
  flags: {
    "broker-list": {
      kind: "text",
      value: "ID,…",
      doc: "Only these brokers",
    },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: ["kq log dirs", "kq log dirs orders -o json"],
  run: async (context, { flags, args }) => {
    const specs = args.map((text) => parseTopicSpec(text));
    const brokers = await withAdmin(
      context,
      flags,
      (admin) =>
        admin.describeLogDirs({ brokers: brokerIds(flags["broker-list"]) }),
    );
    const isShown = (topic: string, partition: number) =>
      specs.length === 0 ||
      specs.some((spec) =>
        spec.topic === topic && (spec.partitions?.includes(partition) ?? true)
      );
    await printRows(context.out, flags.output, {
      columns: [
        { field: "broker" },
        { field: "directory" },
        { field: "topic" },
        { field: "partition" },
        { field: "sizeBytes" },
        { field: "offsetLag", wide: true },
        { field: "isFuture", wide: true },
      ],
      nameField: "directory",
      rows: brokers.flatMap((broker) => rowsOf(broker, isShown)),
    });
    return reportItems(context, brokers.flatMap(itemsOf));
  },
});

function brokerIds(text: string | undefined): number[] | undefined {
  return text?.split(",").map((id) => {
    if (!/^\d{1,9}$/.test(id.trim())) {
      throw new UsageError(
        `--broker-list: expected broker ids by comma, got ${
          JSON.stringify(text)
        }`,
      );
    }
    return Number(id);
  });
}

function rowsOf(
  { brokerId, directories }: BrokerLogDirs,
  isShown: (topic: string, partition: number) => boolean,
): Row[] {
  return directories.flatMap(({ path, replicas, error }): Row[] => {
    const where = { broker: brokerId, directory: path };
    if (error !== null) return [{ ...where, ...errorField(error) }];
    return replicas.filter(({ topic, partition }) => isShown(topic, partition))
      .map((replica) => ({ ...where, ...replica }));
  });
}

function itemsOf({ brokerId, error, directories }: BrokerLogDirs) {
  return [
    { name: `broker ${brokerId}`, error },
    ...directories.map(({ path, error }) => ({
      name: `broker ${brokerId}, ${path}`,
      error,
    })),
  ];
}
