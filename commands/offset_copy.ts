// kq offset copy

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { withAdmin } from "./_admin.ts";
import { committedOf, topicFilter } from "./_committed.ts";
import { changeFlags, changeOffsets } from "./_offset_changes.ts";
import { planGiven } from "./_offset_file.ts";

export default command({
  details:
    "Sets a group's offsets to those of another. Shows old and new, and changes\n" +
    "nothing without --execute.",
  args: [],
  flags: {
    from: { kind: "text", value: "GROUP", doc: "The group to copy from" },
    to: { kind: "text", value: "GROUP", doc: "The group to set" },
    topic: {
      kind: "text",
      many: true,
      doc: "Only this topic, or partitions of it as in orders:0,2",
    },
    ...changeFlags,
    ...outputFlags,
    ...connectionFlags,
  },
  examples: ["kq offset copy --from billing --to billing-2 --execute"],
  run: async (context, { flags }) => {
    const { from, to } = flags;
    if (from === undefined || to === undefined) {
      throw new UsageError("name both groups: --from GROUP --to GROUP");
    }
    const isAsked = topicFilter(flags.topic);
    return await withAdmin(context, flags, async (admin) => {
      const { offsets, items: [{ error }] } = await committedOf(admin, [from]);
      if (error !== null) throw error;
      const wanted = offsets.filter(isAsked).map((offset) => ({
        ...offset,
        group: to,
      }));
      const changes = await planGiven(admin, wanted);
      return await changeOffsets(context, admin, changes, flags);
    });
  },
});
