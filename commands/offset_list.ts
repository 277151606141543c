// kq offset list

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { reportItems, withAdmin } from "./_admin.ts";
import { chosenGroups, groupFlags } from "./_groups.ts";
import { committedOf, failedRows, topicFilter } from "./_committed.ts";

export default command({
  args: [{
    name: "GROUP",
    doc: "A group; with --regex, a pattern",
    optional: true,
    many: true,
  }],
  flags: {
    ...groupFlags,
    topic: {
      kind: "text",
      many: true,
      doc: "Only this topic, or partitions of it as in orders:0,2",
    },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq offset list billing",
    "kq offset list --all-groups --topic orders -o ndjson",
  ],
  run: (context, { flags, args }) =>
    withAdmin(context, flags, async (admin) => {
      const isAsked = topicFilter(flags.topic);
      const names = await chosenGroups(admin, args, flags);
      const { offsets, items } = await committedOf(admin, names);
      await printRows(context.out, flags.output, {
        columns: [
          { field: "group" },
          { field: "topic" },
          { field: "partition" },
          { field: "offset" },
          { field: "leaderEpoch", wide: true },
          { field: "metadata" },
        ],
        nameField: "group",
        rows: [
          ...offsets.filter(isAsked).map((row) => ({
            group: row.group,
            topic: row.topic,
            partition: row.partition,
            offset: row.offset,
            leaderEpoch: row.leaderEpoch,
            metadata: row.metadata,
          })),
          ...failedRows(items, flags.output),
        ],
      });
      return reportItems(context, items);
    }),
});
