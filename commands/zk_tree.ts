// kq zk tree

import { command } from "../core/cli/command.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printable, printRows } from "../core/cli/rows.ts";
import {
  checkPath,
  nameOf,
  statFields,
  type VisitedZnode,
  walk,
  withZooKeeper,
  zkFlags,
} from "./_zk.ts";

export default command({
  details:
    "One line a znode, with the size of its data and whether it is ephemeral.",
  args: [{ name: "PATH", doc: "A znode (default /)", optional: true }],
  flags: {
    depth: {
      kind: "whole",
      min: 0,
      value: "N",
      doc: "How many levels below the znode (default all)",
    },
    ...outputFlags,
    ...zkFlags,
  },
  examples: ["kq zk tree /brokers --depth 2", "kq zk tree / -o ndjson"],
  run: (context, { flags, args }) => {
    const path = checkPath(args[0] ?? "/");
    return withZooKeeper(context, flags, async (client) => {
      const znodes = await walk(client, path, flags.depth);
      if (flags.output === "table") {
        for (const znode of znodes) await context.out.line(treeLine(znode));
        return;
      }
      await printRows(context.out, flags.output, {
        columns: [
          { field: "path" },
          { field: "version" },
          { field: "dataBytes" },
          { field: "childCount" },
          { field: "ephemeralOwner" },
          { field: "modified", wide: true },
        ],
        nameField: "path",
        rows: znodes.map(({ path, stat }) => ({ path, ...statFields(stat) })),
      });
    });
  },
});

function treeLine({ path, depth, stat }: VisitedZnode): string {
  const name = depth === 0 ? path : nameOf(path);
  const remarks: string[] = [];
  if (stat.dataLength > 0) remarks.push(`${stat.dataLength} bytes`);
  if (stat.ephemeralOwner !== 0n) {
    const { ephemeralOwner } = statFields(stat);
    remarks.push(`of session ${ephemeralOwner}`);
  }
  const remark = remarks.length > 0 ? `  (${remarks.join(", ")})` : "";
  return `${"  ".repeat(depth)}${printable(name)}${remark}`;
}
