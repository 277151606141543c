// kq group list

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { topicPattern, withAdmin } from "./_admin.ts";

export default command({
  args: [{
    name: "GROUP",
    doc: "Only these groups; with --regex, patterns",
    optional: true,
    many: true,
  }],
  flags: {
    regex: { kind: "switch", short: "r", doc: "The names are patterns" },
    state: {
      kind: "text",
      many: true,
      value: "STATE",
      doc: "Only groups in this state, such as Stable or Empty",
    },
    type: {
      kind: "choice",
      of: ["classic", "consumer"],
      many: true,
      doc: "Only groups whose members speak this protocol",
    },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: ["kq group list", "kq group list --state Empty -o name"],
  run: async (context, { flags, args }) => {
    if (flags.regex && args.length === 0) {
      throw new UsageError("--regex needs a pattern");
    }
    const patterns = args.map((text) =>
      topicPattern(
        flags.regex ? text : text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"),
      )
    );
    const states = flags.state.flatMap((text) => text.split(","));
    const groups = await withAdmin(context, flags, (admin) =>
      admin.listGroups({
        states: states.map((state) => state.trim()),
        types: flags.type,
      }));
    await printRows(context.out, flags.output, {
      columns: [
        { field: "group" },
        { field: "state" },
        { field: "type" },
        { field: "protocolType" },
        { field: "coordinator" },
      ],
      nameField: "group",
      rows: groups
        .filter(({ group }) =>
          patterns.length === 0 ||
          patterns.some((pattern) => pattern.test(group))
        )
        .map((listing) => ({ ...listing })),
    });
  },
});
