// kq topic list

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { reportItems, topicPattern, withAdmin } from "./_admin.ts";

export default command({
  args: [{
    name: "TOPIC",
    doc: "Only these topics; with --regex, patterns",
    optional: true,
    many: true,
  }],
  flags: {
    regex: { kind: "switch", short: "r", doc: "The names are patterns" },
    internal: { kind: "switch", short: "i", doc: "Show internal topics too" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: ["kq topic list", "kq topic list -r 'orders-.*' -o name"],
  run: async (context, { flags, args }) => {
    if (flags.regex && args.length === 0) {
      throw new UsageError("--regex needs a pattern");
    }
    const patterns = args.map((text) =>
      topicPattern(
        flags.regex ? text : text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"),
      )
    );
    const all = await withAdmin(
      context,
      flags,
      (admin) =>
        admin.listTopics({
          includeInternal: flags.internal || args.length > 0,
        }),
    );
    const topics = all.filter(({ name }) =>
      patterns.length === 0 || patterns.some((pattern) => pattern.test(name))
    );
    await printRows(context.out, flags.output, {
      columns: [
        { field: "name" },
        { field: "partitionCount" },
        { field: "replicationFactor" },
        { field: "isInternal", wide: true },
        { field: "topicId", wide: true },
      ],
      nameField: "name",
      rows: topics.map(({ error, ...topic }) => ({
        ...topic,
        ...(error === null ? {} : { error: error.message }),
      })),
    });
    return reportItems(context, topics);
  },
});
