// kq zk acl

import { command } from "../core/cli/command.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { aclText, checkPath, parseAcl, withZooKeeper, zkFlags } from "./_zk.ts";

const ANY_VERSION = -1;

export default command({
  details:
    "Permissions are letters: create, delete, read, write (of children, the znode and its\n" +
    "data), administer (this list). `auth::cdrwa` is whoever --auth proves to be.",
  args: [{ name: "PATH", doc: "A znode" }],
  flags: {
    set: {
      kind: "text",
      many: true,
      value: "SCHEME:ID:cdrwa",
      doc: "Replace the list: one entry each time",
    },
    version: {
      kind: "whole",
      min: 0,
      value: "N",
      doc: "Replace it only where the list has this version",
    },
    ...outputFlags,
    ...zkFlags,
  },
  examples: [
    "kq zk acl /brokers/ids",
    "kq zk acl /app --set auth::cdrwa --set world:anyone:r --auth ann:secret",
  ],
  run: (context, { flags, args }) => {
    const path = checkPath(args[0]);
    const wanted = parseAcl("--set", flags.set);
    return withZooKeeper(context, flags, async (client) => {
      if (wanted.length > 0) {
        await client.setAcl(path, wanted, flags.version ?? ANY_VERSION);
      }
      const { acl } = await client.getAcl(path);
      await printRows(context.out, flags.output, {
        columns: [
          { field: "scheme" },
          { field: "id" },
          { field: "permissions" },
        ],
        nameField: "entry",
        rows: acl.map((entry) => {
          const text = aclText(entry);
          return {
            entry: text,
            scheme: entry.id.scheme,
            id: entry.id.id,
            permissions: text.slice(text.lastIndexOf(":") + 1),
          };
        }),
      });
    });
  },
});
