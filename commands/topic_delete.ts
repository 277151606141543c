// kq topic delete

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import {
  chosenTopics,
  errorField,
  isConfirmed,
  reportItems,
  withAdmin,
} from "./_admin.ts";

export default command({
  details: "Asks first on a terminal, and needs --yes elsewhere.",
  args: [{
    name: "TOPIC",
    doc: "A topic; with --regex, a pattern",
    many: true,
  }],
  flags: {
    regex: { kind: "switch", short: "r", doc: "The names are patterns" },
    yes: { kind: "switch", short: "y", doc: "Do not ask" },
    "if-exists": { kind: "switch", doc: "A topic that is missing is no error" },
    "dry-run": { kind: "switch", doc: "Show what would be deleted" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq topic delete orders --yes",
    "kq topic delete -r 'test-.*' --dry-run",
  ],
  run: (context, { flags, args }) =>
    withAdmin(context, flags, async (admin) => {
      const names = await chosenTopics(admin, args, flags.regex);
      if (names.length > 0 && !flags["dry-run"]) {
        const list = names.length > 5
          ? `${names.length} topics`
          : names.join(", ");
        const question = `Delete ${list} with all records?`;
        if (!await isConfirmed(context, flags.yes, question)) return 0;
      }
      const results = names.length === 0
        ? []
        : flags["dry-run"]
        ? await admin.describeTopics(names)
        : await admin.deleteTopics(names);
      const items = results.filter(({ error }) =>
        !flags["if-exists"] || error?.errorName !== "UNKNOWN_TOPIC_OR_PARTITION"
      );
      await printRows(context.out, flags.output, {
        columns: [{ field: "name" }, { field: "deleted" }],
        nameField: "name",
        rows: items.map(({ name, error }) => ({
          name,
          deleted: error === null && !flags["dry-run"],
          ...errorField(error),
        })),
      });
      return reportItems(context, items);
    }),
});
