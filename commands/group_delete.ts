// kq group delete

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { errorField, isConfirmed, reportItems, withAdmin } from "./_admin.ts";
import { chosenGroups, groupFlags, isActive, memberLabel } from "./_groups.ts";

export default command({
  details:
    "Deletes groups with their offsets. A group that has members is refused.\n" +
    "Asks first on a terminal, and needs --yes elsewhere.",
  args: [{
    name: "GROUP",
    doc: "A group; with --regex, a pattern",
    optional: true,
    many: true,
  }],
  flags: {
    ...groupFlags,
    yes: { kind: "switch", short: "y", doc: "Do not ask" },
    "if-exists": { kind: "switch", doc: "A group that is missing is no error" },
    "dry-run": { kind: "switch", doc: "Show what would be deleted" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq group delete billing --yes",
    "kq group delete -r 'test-.*' --dry-run",
  ],
  run: (context, { flags, args }) =>
    withAdmin(context, flags, async (admin) => {
      const names = await chosenGroups(admin, args, flags);
      const described = names.length === 0
        ? []
        : await admin.describeGroups(names);
      const held = new Map(described.map(({ group, value }) => [
        group,
        value !== null && isActive(value)
          ? `: ${value.members.map(memberLabel).join(", ") || value.state}`
          : "",
      ]));
      if (names.length > 0 && !flags["dry-run"]) {
        const list = names.length > 5
          ? `${names.length} groups`
          : names.join(", ");
        const question = `Delete ${list} with all offsets?`;
        if (!await isConfirmed(context, flags.yes, question)) return 0;
      }
      const results = names.length === 0 || flags["dry-run"]
        ? described
        : await admin.deleteGroups(names);
      const items = results
        .map(({ group, error }) => ({ name: group, error }))
        .filter(({ error }) => !flags["if-exists"] || !isMissing(error));
      await printRows(context.out, flags.output, {
        columns: [{ field: "group" }, { field: "deleted" }],
        nameField: "group",
        rows: items.map(({ name, error }) => ({
          group: name,
          deleted: error === null && !flags["dry-run"],
          ...errorField(error),
        })),
      });
      for (const { name, error } of items) {
        if (error === null || held.get(name) === "") continue;
        context.note(`${name} has members${held.get(name)}`);
      }
      return reportItems(context, items);
    }),
});

function isMissing(error: Error | null): boolean {
  return error !== null && "errorName" in error &&
    error.errorName === "GROUP_ID_NOT_FOUND";
}
