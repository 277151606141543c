// kq zk create

import { command, type CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { outputFlags } from "../core/cli/flags.ts";
import { printDocument } from "../core/cli/rows.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import type { ClientCreateMode } from "../core/client/zookeeper/operations.ts";
import type { ZooKeeperClient } from "../core/client/zookeeper/zookeeper_client.ts";
import { isZkError } from "../core/wire/zookeeper/errors.ts";
import {
  checkPath,
  dataOf,
  parseAcl,
  statFields,
  withZooKeeper,
  zkFlags,
} from "./_zk.ts";

const FLAGS = {
  stdin: { kind: "switch", doc: "Its data is what standard input gives" },
  parents: { kind: "switch", short: "p", doc: "Make what is missing above it" },
  "if-not-exists": { kind: "switch", doc: "One that is there is no error" },
  ephemeral: {
    kind: "switch",
    short: "e",
    doc: "Gone with the session: this command holds it until it is stopped",
  },
  sequential: {
    kind: "switch",
    short: "s",
    doc: "Its name ends in the parent's counter",
  },
  container: {
    kind: "switch",
    doc: "Goes by itself after its last child has gone",
  },
  ttl: {
    kind: "duration",
    value: "TIME",
    doc: "Goes by itself after it was left alone for so long",
  },
  acl: {
    kind: "text",
    many: true,
    value: "SCHEME:ID:cdrwa",
    doc: "Who may do what, instead of anyone everything",
  },
  ...outputFlags,
  ...zkFlags,
} as const;

export default command({
  details: "Prints the path as made.",
  args: [
    { name: "PATH", doc: "A znode" },
    { name: "DATA", doc: "What it shall hold", optional: true },
  ],
  flags: FLAGS,
  examples: [
    "kq zk create /app/config '{}' --parents",
    "kq zk create /app/lock- --sequential --ephemeral",
  ],
  finishesItself: true,
  run: async (context, { flags, args }) => {
    const path = flags.sequential ? args[0] : checkPath(args[0]);
    const mode = modeOf(flags);
    const acl = flags.acl.length > 0 ? parseAcl("--acl", flags.acl) : undefined;
    if (flags.stdin && args[1] !== undefined) {
      throw new UsageError(
        "the data is given twice: --stdin, and as an argument",
      );
    }
    const data = args[1] === undefined && !flags.stdin
      ? new Uint8Array(0)
      : await dataOf(context, args[1]);
    return await withZooKeeper(context, flags, async (client) => {
      if (flags.parents) await makeParents(client, path);
      try {
        const znode = { path, data, mode, acl, ttlMs: flags.ttl };
        const made = await client.create(znode);
        await print(context, flags.output, made);
      } catch (error) {
        if (!flags["if-not-exists"] || !isZkError(error, "NODE_EXISTS")) {
          throw error;
        }
        return;
      }
      if (flags.ephemeral) return await hold(context, client);
    });
  },
});

function modeOf(
  flags: {
    readonly ephemeral: boolean;
    readonly sequential: boolean;
    readonly container: boolean;
    readonly ttl: number | undefined;
  },
): ClientCreateMode {
  const kinds = [flags.ephemeral, flags.container, flags.ttl !== undefined];
  if (kinds.filter((isChosen) => isChosen).length > 1) {
    throw new UsageError("only one of --ephemeral, --container and --ttl");
  }
  if (flags.container) {
    if (!flags.sequential) return "container";
    throw new UsageError("a container is not sequential");
  }
  if (flags.ttl !== undefined) {
    return flags.sequential ? "ttlSequential" : "ttl";
  }
  if (flags.ephemeral) {
    return flags.sequential ? "ephemeralSequential" : "ephemeral";
  }
  return flags.sequential ? "persistentSequential" : "persistent";
}

async function makeParents(
  client: ZooKeeperClient,
  path: string,
): Promise<void> {
  const parts = path.slice(1).split("/").slice(0, -1);
  for (let count = 1; count <= parts.length; count++) {
    const parent = `/${parts.slice(0, count).join("/")}`;
    try {
      await client.create({ path: parent, data: null, mode: "persistent" });
    } catch (error) {
      if (!isZkError(error, "NODE_EXISTS")) throw error;
    }
  }
}

async function print(
  { out }: CommandContext,
  output: Parameters<typeof printDocument>[1],
  { path, stat }: Awaited<ReturnType<ZooKeeperClient["create"]>>,
): Promise<void> {
  if (output === "table") await out.line(path);
  else await printDocument(out, output, { path, ...statFields(stat) });
  await out.flush();
}

/** Keeps the session until somebody stops the command. */
async function hold(
  { interrupted, note }: CommandContext,
  client: ZooKeeperClient,
): Promise<number> {
  note("held until this command is stopped");
  const isExpired = await new Promise<boolean>((done) => {
    client.onState((state) => state === "expired" && done(true));
    if (interrupted.aborted) done(false);
    interrupted.addEventListener("abort", () => done(false));
  });
  if (isExpired) {
    throw new ExitError(ExitCode.UNREACHABLE, "the session has expired");
  }
  return interrupted.reason === "SIGINT" ? ExitCode.INTERRUPTED : ExitCode.DONE;
}
