// kq zk ls

import { isZkError } from "../core/wire/zookeeper/errors.ts";
import { command } from "../core/cli/command.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import type { ZooKeeperClient } from "../core/client/zookeeper/zookeeper_client.ts";
import {
  checkPath,
  childOf,
  statFields,
  withZooKeeper,
  zkFlags,
} from "./_zk.ts";

export default command({
  details:
    "With -o wide, csv or one of the JSON forms, also what each znode is.",
  args: [{ name: "PATH", doc: "A znode (default /)", optional: true }],
  flags: { ...outputFlags, ...zkFlags },
  examples: [
    "kq zk ls /brokers/ids",
    "kq zk ls /brokers/topics -o json -z zk1:2181,zk2:2181/kafka",
  ],
  run: (context, { flags, args }) => {
    const path = checkPath(args[0] ?? "/");
    return withZooKeeper(context, flags, async (client) => {
      const { names } = await client.children(path);
      names.sort();
      const isBrief = flags.output === "table" || flags.output === "name";
      const rows = isBrief
        ? names.map((name) => ({ name, path: childOf(path, name) }))
        : await describedRows(client, path, names);
      await printRows(context.out, flags.output, {
        columns: [
          { field: "name" },
          { field: "version", wide: true },
          { field: "dataBytes", wide: true },
          { field: "childCount", wide: true },
          { field: "ephemeralOwner", wide: true },
          { field: "modified", wide: true },
        ],
        nameField: "path",
        rows,
      });
    });
  },
});

async function describedRows(
  client: ZooKeeperClient,
  path: string,
  names: readonly string[],
) {
  const rows = await Promise.all(names.map(async (name) => {
    const child = childOf(path, name);
    try {
      const stat = await client.exists(child);
      return stat === null ? null : { name, path: child, ...statFields(stat) };
    } catch (error) {
      // It may be seen, and not looked at.
      if (isZkError(error, "NO_AUTH")) return { name, path: child };
      throw error;
    }
  }));
  return rows.filter((row) => row !== null);
}
