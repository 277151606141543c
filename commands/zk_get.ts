// kq zk get

import { command } from "../core/cli/command.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printDocument } from "../core/cli/rows.ts";
import {
  checkPath,
  dataFields,
  statFields,
  withZooKeeper,
  zkFlags,
} from "./_zk.ts";

const NEWLINE = new TextEncoder().encode("\n");

export default command({
  details:
    "Prints the data as it is; on a terminal, a line ends behind it. The other forms\n" +
    "of output have the znode's bookkeeping, too.",
  args: [{ name: "PATH", doc: "A znode" }],
  flags: { ...outputFlags, ...zkFlags },
  examples: ["kq zk get /cluster/id", "kq zk get /brokers/ids/1 -o json"],
  run: (context, { flags, args }) => {
    const path = checkPath(args[0]);
    return withZooKeeper(context, flags, async (client) => {
      const { data, stat } = await client.get(path);
      if (flags.output === "table") {
        await context.out.bytes(data);
        if (context.out.isTerminal) await context.out.bytes(NEWLINE);
        return;
      }
      await printDocument(context.out, flags.output, {
        path,
        ...dataFields(data),
        ...statFields(stat),
      });
    });
  },
});
