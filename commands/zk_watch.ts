// kq zk watch

import { command, type CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import type { OutputFormat } from "../core/cli/flags.ts";
import { type Cell, csvLine, printable, toYaml } from "../core/cli/rows.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import type { ZooKeeperClient } from "../core/client/zookeeper/zookeeper_client.ts";
import type { ZnodeEvent } from "../core/coordination/znode_client.ts";
import { checkPath, dataFields, withZooKeeper, zkFlags } from "./_zk.ts";
import { isZkError } from "../core/wire/zookeeper/errors.ts";

const FORMATS = ["table", "ndjson", "json", "yaml", "csv", "name"] as const;
const COLUMNS = [{ field: "time" }, { field: "event" }, { field: "path" }];
const SILENCE: ZnodeEvent["type"][] = ["deleted", "childrenChanged"];

export default command({
  details:
    "Prints each change as it comes, until it is stopped. Of a znode itself: created,\n" +
    "dataChanged, deleted, childrenChanged; with -r of all below it, too, where a\n" +
    "change of children shows as what became of the child.",
  args: [{ name: "PATH", doc: "A znode; it may be missing yet" }],
  flags: {
    recursive: { kind: "switch", short: "r", doc: "And all that is below it" },
    data: {
      kind: "switch",
      doc: "With the data as it is when the change has come here (JSON forms)",
    },
    count: {
      kind: "whole",
      short: "n",
      min: 1,
      value: "N",
      doc: "Stop after N changes",
    },
    output: {
      kind: "choice",
      short: "o",
      of: FORMATS,
      default: "table",
      value: "FORMAT",
      doc: "How to print",
    },
    ...zkFlags,
  },
  examples: [
    "kq zk watch /controller",
    "kq zk watch -r /brokers -o ndjson --data",
  ],
  finishesItself: true,
  run: (context, { flags, args }) => {
    const path = checkPath(args[0]);
    return withZooKeeper(
      context,
      flags,
      (client) => new Watching(context, client, flags).run(path),
    );
  },
});

interface WatchFlags {
  readonly recursive: boolean;
  readonly data: boolean;
  readonly count: number | undefined;
  readonly output: (typeof FORMATS)[number];
}

class Watching {
  readonly #context: CommandContext;
  readonly #client: ZooKeeperClient;
  readonly #flags: WatchFlags;
  readonly #done = Promise.withResolvers<number>();
  #printed: Promise<void> = Promise.resolve();
  #eventCount = 0;

  constructor(
    context: CommandContext,
    client: ZooKeeperClient,
    flags: WatchFlags,
  ) {
    this.#context = context;
    this.#client = client;
    this.#flags = flags;
  }

  async run(path: string): Promise<number> {
    const { interrupted, note, out } = this.#context;
    const { recursive, output } = this.#flags;
    this.#client.onState((state) => {
      if (state === "disconnected") note("the connection was lost");
      if (state === "connected") note("connected again");
      if (state === "expired") {
        this.#done.reject(
          new ExitError(
            ExitCode.UNREACHABLE,
            "the session has expired: changes may have been missed",
          ),
        );
      }
    });
    const stop = () =>
      this.#done.resolve(
        interrupted.reason === "SIGINT" ? ExitCode.INTERRUPTED : ExitCode.DONE,
      );
    interrupted.addEventListener("abort", stop);
    if (interrupted.aborted) stop();
    if (output === "csv") {
      await out.line(COLUMNS.map(({ field }) => field).join(","));
    }
    await this.#client.addWatch(
      path,
      { isRecursive: recursive },
      (event) => this.#seen(event),
    );
    note(`watching ${path}`);
    const exitCode = await this.#done.promise;
    await this.#printed;
    return exitCode;
  }

  #seen(event: ZnodeEvent): void {
    const { count } = this.#flags;
    if (count !== undefined && this.#eventCount >= count) return;
    const isLast = ++this.#eventCount === count;
    const time = new Date(this.#context.host.clock.wallMs()).toISOString();
    // Asked now, printed in turn.
    const data = this.#dataOf(event);
    this.#printed = this.#printed.then(async () => {
      await this.#print(time, event, await data);
      if (isLast) this.#done.resolve(ExitCode.DONE);
    });
    this.#printed.catch((error) => this.#done.reject(error));
  }

  async #dataOf({ type, path }: ZnodeEvent) {
    if (!this.#flags.data || SILENCE.includes(type)) return {};
    try {
      const { data, stat } = await this.#client.get(path);
      return { ...dataFields(data), version: stat.version };
    } catch (error) {
      if (isZkError(error, "NO_NODE", "NO_AUTH")) return {};
      throw error;
    }
  }

  async #print(
    time: string,
    { type, path }: ZnodeEvent,
    data: { readonly [name: string]: Cell },
  ): Promise<void> {
    const { out } = this.#context;
    const row = { time, event: type, path, ...data };
    await out.text(await textOf(this.#flags.output, row));
    await out.flush();
  }
}

async function textOf(
  output: OutputFormat,
  row: { readonly [name: string]: Cell } & {
    readonly time: string;
    readonly event: string;
    readonly path: string;
  },
): Promise<string> {
  switch (output) {
    case "json":
    case "ndjson":
      return `${JSON.stringify(row)}\n`;
    case "yaml":
      return `---\n${await toYaml(row)}`;
    case "csv":
      return `${csvLine(row, COLUMNS)}\n`;
    case "name":
      return `${row.path}\n`;
    default: {
      const path = printable(row.path);
      return `${row.time}  ${row.event.padEnd(15)}  ${path}\n`;
    }
  }
}
