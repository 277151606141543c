// kq offset import

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { withAdmin } from "./_admin.ts";
import { changeFlags, changeOffsets } from "./_offset_changes.ts";
import { planGiven, readOffsetFile } from "./_offset_file.ts";

export default command({
  details:
    "Sets the offsets that kq offset export, or Kafka's own --export, has written.\n" +
    "Shows old and new, and changes nothing without --execute.",
  args: [
    { name: "FILE", doc: "CSV; - is standard input" },
    {
      name: "GROUP",
      doc: "Who is meant where the lines do not say; else only these groups",
      optional: true,
      many: true,
    },
  ],
  flags: { ...changeFlags, ...outputFlags, ...connectionFlags },
  examples: [
    "kq offset import offsets.csv billing --execute",
    "kq offset export a | kq offset import - b",
  ],
  run: async (context, { flags, args: [path, ...groups] }) => {
    const offsets = await readOffsetFile(context, path, groups);
    return await withAdmin(context, flags, async (admin) =>
      await changeOffsets(
        context,
        admin,
        await planGiven(admin, offsets),
        flags,
      ));
  },
});
