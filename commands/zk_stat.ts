// kq zk stat

import { command } from "../core/cli/command.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printDocument } from "../core/cli/rows.ts";
import { ZkError } from "../core/wire/zookeeper/errors.ts";
import { checkPath, statFields, withZooKeeper, zkFlags } from "./_zk.ts";

export default command({
  args: [{ name: "PATH", doc: "A znode" }],
  flags: { ...outputFlags, ...zkFlags },
  examples: ["kq zk stat /controller", "kq zk stat /brokers/ids/1 -o json"],
  run: (context, { flags, args }) => {
    const path = checkPath(args[0]);
    return withZooKeeper(context, flags, async (client) => {
      const stat = await client.exists(path);
      if (stat === null) throw new ZkError("NO_NODE", path);
      await printDocument(context.out, flags.output, {
        path,
        ...statFields(stat),
      });
    });
  },
});
