// kq offset export

import { command } from "../core/cli/command.ts";
import { connectionFlags } from "../core/cli/flags.ts";
import { reportItems, withAdmin } from "./_admin.ts";
import { committedOf, topicFilter } from "./_committed.ts";
import { chosenGroups, groupFlags } from "./_groups.ts";
import { offsetCsv } from "./_offset_csv.ts";

export default command({
  details:
    "Prints GROUP,TOPIC,PARTITION,OFFSET lines, which kq offset import and Kafka's\n" +
    "own --from-file read; of one group TOPIC,PARTITION,OFFSET.",
  args: [{
    name: "GROUP",
    doc: "A group; with --regex, a pattern",
    optional: true,
    many: true,
  }],
  flags: {
    ...groupFlags,
    "with-group": { kind: "switch", doc: "Name the group of one group too" },
    topic: {
      kind: "text",
      many: true,
      doc: "Only this topic, or partitions of it as in orders:0,2",
    },
    ...connectionFlags,
  },
  examples: [
    "kq offset export billing > offsets.csv",
    "kq offset export --all-groups > offsets.csv",
  ],
  run: (context, { flags, args }) =>
    withAdmin(context, flags, async (admin) => {
      const isAsked = topicFilter(flags.topic);
      const names = await chosenGroups(admin, args, flags);
      const { offsets, items } = await committedOf(admin, names);
      await offsetCsv(context.out, offsets.filter(isAsked), {
        namesGroup: flags["with-group"] || names.length > 1 ||
          flags.regex || flags["all-groups"],
      });
      return reportItems(context, items);
    }),
});
