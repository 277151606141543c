// Which servers of an ensemble a command asks: what was typed, what a zoo.cfg says,
// or what the environment says.

import type { CommandContext } from "../core/cli/command.ts";
import type { FlagRows } from "../core/cli/flags.ts";
import { readWholeFile } from "../core/cli/read_whole_file.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import {
  parseConnectString,
  serverText,
} from "../core/client/zookeeper/connect_string.ts";
import { ConfigError } from "../core/config/config_error.ts";
import { loadCoordinatorConfig } from "../core/config/coordinator_config_load.ts";
import { parseMember } from "../core/ensemble/quorum/quorum_config.ts";
import {
  otherMembers,
  type ServerStatus,
  serverStatus,
} from "../core/ensemble/server_status.ts";
import { type Address, HostError } from "../core/host/host.ts";

const DEFAULT_SERVER = "127.0.0.1:2181";
const DEFAULT_TIMEOUT_MS = 5000;

export const serversArgument = {
  name: "HOST:PORT,…",
  doc: `Servers to ask (KQ_ZOOKEEPER; default ${DEFAULT_SERVER})`,
  optional: true,
} as const;

export const serversFlags = {
  zookeeper: {
    kind: "text",
    short: "z",
    value: "HOST:PORT,…",
    doc: "The same as the argument",
  },
  config: {
    kind: "text",
    short: "c",
    value: "FILE",
    doc: "A zoo.cfg that names the servers, in place of HOST:PORT",
  },
  timeout: {
    kind: "duration",
    value: "TIME",
    doc: "Longest wait for one server, as 500ms or 10s (default 5s)",
  },
} as const satisfies FlagRows;

export interface ServersFlags {
  readonly zookeeper: string | undefined;
  readonly config: string | undefined;
  readonly timeout: number | undefined;
}

/** Asks all of them at once, and then those that they name besides. */
export async function askServers(
  context: CommandContext,
  argument: string | undefined,
  flags: ServersFlags,
): Promise<ServerStatus[]> {
  if (argument !== undefined && flags.zookeeper !== undefined) {
    throw new UsageError("the servers are given twice");
  }
  const connect = argument ?? flags.zookeeper;
  const { host } = context;
  const timeoutMs = flags.timeout ?? DEFAULT_TIMEOUT_MS;
  const ask = (addresses: readonly Address[]) =>
    Promise.all(
      addresses.map((address) => serverStatus(host, address, timeoutMs)),
    );
  const asked = await ask(addressesOf(context, connect, flags));
  const known = new Set(asked.map(({ address }) => serverText(address)));
  const others = otherMembers(asked).filter((address) =>
    !known.has(serverText(address))
  );
  return [...asked, ...await ask(others)].sort((a, b) =>
    (a.id ?? Infinity) - (b.id ?? Infinity) || 0
  );
}

function addressesOf(
  context: CommandContext,
  connect: string | undefined,
  { config }: ServersFlags,
): readonly Address[] {
  if (config === undefined) {
    const text = connect ?? context.process.env("KQ_ZOOKEEPER") ??
      DEFAULT_SERVER;
    try {
      return parseConnectString(text).servers;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new UsageError(error.reason.replace(/^zookeeper\.connect: /, ""));
    }
  }
  if (connect !== undefined) {
    throw new UsageError("--config and HOST:PORT both name the servers");
  }
  return addressesOfFile(context, config);
}

/** Servers have their clients' port in their lines, or all the same one. */
function addressesOfFile(
  { host }: CommandContext,
  path: string,
): readonly Address[] {
  const read = (name: string) => {
    try {
      return { name, bytes: readWholeFile(host, name) };
    } catch (error) {
      if (error instanceof HostError) throw new UsageError(error.message);
      throw error;
    }
  };
  const { config, servers } = loadCoordinatorConfig({
    file: read(path),
    readDynamic: read,
  });
  const port = config.clientPort;
  const addresses = new Map(servers.flatMap(({ id, text }) => {
    const { client, quorum } = parseMember(id, text);
    const own = client?.port ?? port;
    if (own === null) return [];
    const address = { host: quorum.host, port: own };
    return [[serverText(address), address] as const];
  }));
  if (addresses.size > 0) return [...addresses.values()];
  if (port === null) throw new UsageError(`${path} names no clientPort`);
  return [{ host: config.clientPortAddress ?? "127.0.0.1", port }];
}
