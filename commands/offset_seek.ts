// kq offset seek

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { parseOffset } from "../core/cli/offset_expression.ts";
import { parseTopicSpec } from "../core/cli/topic_spec.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { withAdmin } from "./_admin.ts";
import { changeFlags, changeOffsets } from "./_offset_changes.ts";
import { planOffsets } from "./_offset_plan.ts";
import { partitionsOf } from "./_topic_partitions.ts";

export default command({
  details:
    "Sets a group's offset in named partitions. Shows old and new, and changes\n" +
    "nothing without --execute.",
  args: [
    { name: "GROUP", doc: "A group" },
    {
      name: "TOPIC",
      doc: "A topic, or some of its partitions as in orders:0,2",
    },
    {
      name: "OFFSET",
      doc:
        "The next record to read: N, +N, earliest, latest, @TIME; -N after a --",
    },
  ],
  flags: { ...changeFlags, ...outputFlags, ...connectionFlags },
  examples: [
    "kq offset seek billing orders:0 2 --execute",
    "kq offset seek billing orders @-1h",
  ],
  run: async (context, { flags, args: [group, topic, text] }) => {
    const expression = parseOffset(text, context.host.clock.wallMs());
    if (expression.kind === "stored") {
      throw new UsageError("a group stands at its stored offset already");
    }
    const spec = parseTopicSpec(topic);
    return await withAdmin(context, flags, async (admin) => {
      const partitions = await partitionsOf(admin, [spec]);
      const changes = await planOffsets(admin, [{ group, partitions }], {
        kind: "expression",
        expression,
      });
      return await changeOffsets(context, admin, changes, flags);
    });
  },
});
