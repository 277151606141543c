// kq zk delete

import { command, type CommandContext } from "../core/cli/command.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { ZooKeeperClient } from "../core/client/zookeeper/zookeeper_client.ts";
import { isZkError } from "../core/wire/zookeeper/errors.ts";
import { errorField, isConfirmed, reportItems } from "./_admin.ts";
import { checkPath, walk, withZooKeeper, zkFlags } from "./_zk.ts";

const ANY_VERSION = -1;

export default command({
  details: "Asks first on a terminal, and needs --yes elsewhere.",
  args: [{ name: "PATH", doc: "A znode", many: true }],
  flags: {
    recursive: { kind: "switch", short: "r", doc: "With all that is below it" },
    version: {
      kind: "whole",
      min: 0,
      value: "N",
      doc: "Only where the data has this version (exit code 3 else)",
    },
    yes: { kind: "switch", short: "y", doc: "Do not ask" },
    "if-exists": { kind: "switch", doc: "A znode that is missing is no error" },
    "dry-run": { kind: "switch", doc: "Show what would be deleted" },
    ...outputFlags,
    ...zkFlags,
  },
  examples: [
    "kq zk delete /app/lock --yes",
    "kq zk delete -r /old --dry-run",
  ],
  run: (context, { flags, args }) => {
    const paths = args.map(checkPath);
    if (paths.includes("/")) throw new UsageError("the root cannot be deleted");
    if (flags.recursive && flags.version !== undefined) {
      throw new UsageError("--version is of one znode: not with --recursive");
    }
    return withZooKeeper(context, flags, async (client) => {
      const items = await plan(client, paths, flags);
      const found = items.filter(({ error }) => error === null);
      if (!flags["dry-run"] && found.length > 0) {
        if (!await isAgreed(context, flags.yes, found)) return 0;
        await deleteAll(client, found, flags.version ?? ANY_VERSION);
      }
      const shown = items.filter(({ error }) =>
        !(flags["if-exists"] && isZkError(error, "NO_NODE"))
      );
      await printRows(context.out, flags.output, {
        columns: [{ field: "path" }, { field: "deleted" }],
        nameField: "path",
        rows: shown.map(({ name, error }) => ({
          path: name,
          deleted: error === null && !flags["dry-run"],
          ...errorField(error),
        })),
      });
      return reportItems(context, shown);
    });
  },
});

interface Item {
  readonly name: string;
  error: Error | null;
}

/** What is to go, children before parents. */
async function plan(
  client: ZooKeeperClient,
  paths: readonly string[],
  { recursive }: { readonly recursive: boolean },
): Promise<Item[]> {
  const items = new Map<string, Item>();
  for (const path of paths) {
    try {
      const below = recursive ? await walk(client, path) : [{ path }];
      for (const { path } of below.reverse()) {
        items.set(path, { name: path, error: null });
      }
    } catch (error) {
      if (!isZkError(error, "NO_NODE", "NO_AUTH")) throw error;
      items.set(path, { name: path, error });
    }
  }
  return [...items.values()];
}

function isAgreed(
  context: CommandContext,
  yes: boolean,
  items: readonly Item[],
): Promise<boolean> {
  const list = items.length > 5
    ? `${items.length} znodes`
    : items.map(({ name }) => name).join(", ");
  return isConfirmed(context, yes, `Delete ${list}?`);
}

/** All at once: they are carried out in this order. */
async function deleteAll(
  client: ZooKeeperClient,
  items: readonly Item[],
  version: number,
): Promise<void> {
  await Promise.all(items.map(async (item) => {
    try {
      await client.delete(item.name, version);
    } catch (error) {
      const isRefusal = isZkError(
        error,
        "NO_NODE",
        "NO_AUTH",
        "NOT_EMPTY",
        "BAD_VERSION",
        "BAD_ARGUMENTS",
      );
      if (!isRefusal) throw error;
      item.error = error;
    }
  }));
}
