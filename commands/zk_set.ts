// kq zk set

import { command } from "../core/cli/command.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printDocument } from "../core/cli/rows.ts";
import {
  checkPath,
  dataOf,
  statFields,
  withZooKeeper,
  zkFlags,
} from "./_zk.ts";

const ANY_VERSION = -1;

export default command({
  details: "Without DATA, it is what standard input gives.",
  args: [
    { name: "PATH", doc: "A znode" },
    { name: "DATA", doc: "What it shall hold", optional: true },
  ],
  flags: {
    version: {
      kind: "whole",
      min: 0,
      value: "N",
      doc: "Only where the data has this version (exit code 3 else)",
    },
    ...outputFlags,
    ...zkFlags,
  },
  examples: [
    "kq zk set /app/mode maintenance",
    "kq zk set /app/config --version 7 < config.json",
  ],
  run: async (context, { flags, args }) => {
    const path = checkPath(args[0]);
    const data = await dataOf(context, args[1]);
    await withZooKeeper(context, flags, async (client) => {
      const version = flags.version ?? ANY_VERSION;
      const stat = await client.set(path, data, version);
      if (flags.output === "table") {
        return context.note(`${path} has version ${stat.version}`);
      }
      await printDocument(context.out, flags.output, {
        path,
        ...statFields(stat),
      });
    });
  },
});
