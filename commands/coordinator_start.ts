// kq coordinator start: one server of the coordinator, alone or in an ensemble, or
// with --ensemble a whole one on this machine.

import { buildInfo } from "../core/cli/build_info.ts";
import { command, type CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import type { FlagRows } from "../core/cli/flags.ts";
import { readWholeFile } from "../core/cli/read_whole_file.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import { coordinatorRowsUsed } from "../core/config/coordinator_config.ts";
import {
  type ConfigFile,
  loadCoordinatorConfig,
  type LoadedCoordinatorConfig,
  type Setting,
} from "../core/config/coordinator_config_load.ts";
import {
  type RunningCoordinator,
  startCoordinator,
} from "../core/ensemble/coordinator_server.ts";
import {
  type Membership,
  membershipOf,
  noteMyid,
} from "../core/ensemble/membership.ts";
import type { ConfigRow } from "../core/config/table.ts";
import { HostError } from "../core/host/host.ts";
import { coordinatorStartError } from "./_start_error.ts";

const DEFAULT_DATA = "./kq-coordinator";
const DEFAULT_CLIENT_PORT = "2181";
const LOOPBACK = "127.0.0.1";

/** The flag of each key is the key itself; those without effect are arguments only. */
const keyFlags: FlagRows = Object.fromEntries(
  Object.entries<ConfigRow>(coordinatorRowsUsed).filter(([, row]) =>
    row.effect !== "none"
  ).map(([key, row]) => [
    key,
    { kind: "text", value: row.type.toUpperCase(), doc: row.doc } as const,
  ]),
);

const ownFlags = {
  id: {
    kind: "whole",
    min: 0,
    max: 255,
    value: "N",
    doc: "Number of this server; must agree with the data's myid",
  },
  server: {
    kind: "text",
    many: true,
    value: "N=HOST:PORT:PORT",
    doc: "A server of the ensemble, as server.N of zoo.cfg (:observer, ;PORT)",
  },
  data: {
    kind: "text",
    value: "DIR",
    doc: `Folder of the data (default ${DEFAULT_DATA})`,
  },
  "client-port": {
    kind: "whole",
    short: "p",
    min: 0,
    max: 65535,
    value: "PORT",
    doc: `Port for clients, 0 for a free one (default ${DEFAULT_CLIENT_PORT})`,
  },
  ensemble: {
    kind: "whole",
    min: 1,
    max: 15,
    value: "N",
    doc: "Start so many servers here, as processes of their own, to try it",
  },
} as const satisfies FlagRows;

export default command({
  details:
    "Serves ZooKeeper's clients, and stands in one ensemble with ZooKeeper 3.8 servers.\n" +
    "Reads a zoo.cfg; every key of it is a flag as well, and KEY=VALUE arguments do the\n" +
    "same. Without any: one server on 127.0.0.1:2181, its data in " +
    `${DEFAULT_DATA}.\n` +
    "SIGTERM and Ctrl-C stop it cleanly.",
  args: [{
    name: "FILE|KEY=VALUE",
    doc: "A zoo.cfg; keys that win over it",
    optional: true,
    many: true,
  }],
  flags: { ...ownFlags, ...keyFlags },
  examples: [
    "kq coordinator start",
    "kq coordinator start zoo.cfg snapCount=50000",
    "kq coordinator start --id 1 --server 1=a:2888:3888 --server 2=b:2888:3888 --server 3=c:2888:3888",
    "kq coordinator start --ensemble 3 --data /tmp/zk",
  ],
  finishesItself: true,
  run: async (context, { flags, args }) => {
    const given = flags as GivenFlags;
    const settings = settingsOf(given, args);
    if (given.ensemble !== undefined) {
      const { runLocalEnsemble } = await import("./_local_ensemble.ts");
      return await runLocalEnsemble(context, {
        count: given.ensemble,
        directory: given.data ?? DEFAULT_DATA,
        clientPort: given["client-port"] ?? 0,
        keys: settings.overrides.filter(({ key }) =>
          key !== "dataDir" && key !== "clientPort"
        ),
      });
    }
    const loaded = load(context, settings);
    for (const line of remarks(loaded)) context.note(line);
    const { disk } = context.host;
    const membership = membershipOf({
      disk,
      config: loaded.config,
      servers: loaded.servers,
      id: given.id,
      path: absolutePath(context, settings.file),
    });
    const server = await start(context, loaded, membership);
    context.note(readyLine(server, loaded, membership));
    return await untilStopped(context, server);
  },
});

interface GivenFlags {
  readonly [key: string]: unknown;
  readonly id?: number;
  readonly server: readonly string[];
  readonly data?: string;
  readonly "client-port"?: number;
  readonly ensemble?: number;
}

interface Settings {
  readonly file: string | undefined;
  readonly overrides: readonly Setting[];
}

function settingsOf(flags: GivenFlags, args: readonly string[]): Settings {
  const overrides: Setting[] = [];
  let file: string | undefined;
  for (const arg of args) {
    const key = /^([A-Za-z0-9][\w.-]*)=/.exec(arg)?.[1];
    if (key !== undefined) {
      const text = arg.slice(key.length + 1);
      overrides.push({ key, text, source: "KEY=VALUE" });
    } else if (file === undefined) file = arg;
    else throw new UsageError("the configuration file is given twice");
  }
  for (const key of Object.keys(coordinatorRowsUsed)) {
    const text = flags[key];
    if (typeof text === "string") {
      overrides.push({ key, text, source: `--${key}` });
    }
  }
  for (const line of flags.server) {
    const separator = line.indexOf("=");
    if (separator < 1) {
      throw new UsageError(
        `--server: expected N=HOST:PORT:PORT, got ${JSON.stringify(line)}`,
      );
    }
    overrides.push({
      key: `server.${line.slice(0, separator)}`,
      text: line.slice(separator + 1),
      source: "--server",
    });
  }
  const { data, "client-port": port } = flags;
  if (data !== undefined) {
    overrides.push({ key: "dataDir", text: data, source: "--data" });
  }
  if (port !== undefined) {
    const text = String(port);
    overrides.push({ key: "clientPort", text, source: "--client-port" });
  }
  return { file, overrides };
}

/** Without a file or servers it is somebody who tries it: nobody else should reach it. */
function load(
  { host }: CommandContext,
  { file, overrides }: Settings,
): LoadedCoordinatorConfig {
  const isNamed = (key: string) =>
    overrides.some((setting) => setting.key === key);
  const isTrial = file === undefined &&
    !overrides.some(({ key }) =>
      key.startsWith("server.") || key === "dynamicConfigFile"
    );
  const fallbacks = new Map<string, string>();
  if (file === undefined) {
    fallbacks.set("dataDir", DEFAULT_DATA);
    // A server line may have the clients' port.
    const isInLine = overrides.some(({ key, text }) =>
      key === "dynamicConfigFile" ||
      (key.startsWith("server.") && text.includes(";"))
    );
    if (!isInLine) fallbacks.set("clientPort", DEFAULT_CLIENT_PORT);
  }
  if (isTrial && !isNamed("clientPortAddress")) {
    fallbacks.set("clientPortAddress", LOOPBACK);
  }
  return loadCoordinatorConfig({
    file: file === undefined ? undefined : readFile(host, file),
    overrides,
    fallbacks,
    readDynamic: (path) => readFile(host, path),
  });
}

function readFile(host: CommandContext["host"], path: string): ConfigFile {
  try {
    return { name: path, bytes: readWholeFile(host, path) };
  } catch (error) {
    if (error instanceof HostError) throw new UsageError(error.message);
    throw error;
  }
}

/** @returns `null` without a file. */
function absolutePath(
  context: CommandContext,
  path: string | undefined,
): string | null {
  if (path === undefined) return null;
  return path.startsWith("/")
    ? path
    : `${context.process.workingDirectory}/${path}`;
}

function remarks(
  { withoutEffect, doubts }: LoadedCoordinatorConfig,
): string[] {
  const lines = [...doubts];
  if (withoutEffect.length > 0) {
    lines.push(`without effect in kq: ${withoutEffect.join(", ")}`);
  }
  return lines;
}

async function start(
  context: CommandContext,
  { config }: LoadedCoordinatorConfig,
  membership: Membership | null,
): Promise<RunningCoordinator> {
  const { host } = context;
  try {
    const server = await startCoordinator({
      host,
      config,
      membership,
      release: buildInfo().version,
      residentBytes: () => context.process.residentBytes(),
      trace: context.note,
    });
    if (membership !== null) {
      await noteMyid(host.disk, config.dataDir!, membership.selfId);
    }
    return server;
  } catch (error) {
    throw coordinatorStartError(error);
  }
}

function readyLine(
  { clientAddress, adminAddress }: RunningCoordinator,
  { config }: LoadedCoordinatorConfig,
  membership: Membership | null,
): string {
  const { version } = buildInfo();
  const who = membership === null
    ? "coordinator"
    : `coordinator ${membership.selfId} of ${membership.members.members.size}`;
  const clients = clientAddress === null
    ? "without clients"
    : `ready on ${addressText(clientAddress)}`;
  const admin = adminAddress === null
    ? ""
    : `, http://${addressText(adminAddress)}${config["admin.commandURL"]}`;
  return `kq ${version}: ${who} ${clients}${admin}, data in ${config.dataDir}`;
}

function addressText({ host, port }: { host: string; port: number }): string {
  const name = host === "" ? "0.0.0.0" : host;
  return name.includes(":") ? `[${name}]:${port}` : `${name}:${port}`;
}

async function untilStopped(
  { interrupted, note }: CommandContext,
  server: RunningCoordinator,
): Promise<number> {
  const asked = new Promise<null>((done) => {
    if (interrupted.aborted) done(null);
    interrupted.addEventListener("abort", () => done(null));
  });
  const failure = await Promise.race([asked, server.failed]);
  try {
    await server.shutdown();
  } catch (error) {
    // Its first failure is the one to tell.
    if (failure === null) throw error;
  }
  if (failure !== null) {
    throw new ExitError(ExitCode.FAILED, failure.message);
  }
  note("coordinator stopped");
  return interrupted.reason === "SIGINT" ? ExitCode.INTERRUPTED : ExitCode.DONE;
}
