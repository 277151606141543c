// kq broker start: a broker, and where nobody names an ensemble, the coordinator
// that it needs inside the same process.

import { buildInfo } from "../core/cli/build_info.ts";
import { command, type CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { readWholeFile } from "../core/cli/read_whole_file.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import { type RunningBroker, startBroker } from "../core/broker/server.ts";
import { dataDirectories } from "../core/config/broker_checks.ts";
import type { BrokerConfig } from "../core/config/broker_config.ts";
import {
  loadBrokerConfig,
  type LoadedBrokerConfig,
} from "../core/config/broker_config_load.ts";
import { openEmbeddedCoordinator } from "../core/ensemble/embedded.ts";
import { HostError } from "../core/host/host.ts";
import { startError } from "./_start_error.ts";

const DEFAULT_DATA = "./kq-data";

/** The embedded coordinator's folder in the first data directory. */
const COORDINATOR_FOLDER = "coordinator";

export default command({
  details:
    "Without configuration: one broker on 127.0.0.1:9092 with its data in\n" +
    `${DEFAULT_DATA}, and the coordinator that it needs inside. With zookeeper.connect it\n` +
    "joins the brokers of that ensemble, kq's or ZooKeeper's. SIGTERM and Ctrl-C stop it\n" +
    "cleanly.",
  args: [{
    name: "FILE",
    doc: "Configuration: a server.properties of Kafka's form",
    optional: true,
  }],
  flags: {
    config: {
      kind: "text",
      short: "c",
      value: "FILE",
      doc: "The same as the argument",
    },
    override: {
      kind: "text",
      many: true,
      value: "KEY=VALUE",
      doc: "A configuration key, before the file's",
    },
    strict: {
      kind: "switch",
      doc: "Refuse keys that mean nothing in kq and doubtful settings",
    },
  },
  examples: [
    "kq broker start",
    "kq broker start server.properties --override log.dirs=/var/lib/kq",
    "kq broker start --override broker.id=1 --override zookeeper.connect=zk1,zk2,zk3/kafka",
  ],
  finishesItself: true,
  run: async (context, { flags, args }) => {
    const path = args[0] ?? flags.config;
    if (args[0] !== undefined && flags.config !== undefined) {
      throw new UsageError("the configuration file is given twice");
    }
    const loaded = load(context, path, flags);
    for (const line of remarks(loaded)) context.note(line);
    const { broker, close } = await start(context, loaded);
    context.note(readyLine(broker, loaded.config));
    return await untilStopped(context, broker, close);
  },
});

function load(
  { host }: CommandContext,
  path: string | undefined,
  flags: { readonly override: readonly string[]; readonly strict: boolean },
): LoadedBrokerConfig {
  const hasLogDir = flags.override.some((item) =>
    /^\s*log\.dir\s*=/.test(item)
  );
  const file = path === undefined ? undefined : readFile(host, path);
  const text = file === undefined ? "" : new TextDecoder().decode(file.bytes);
  const isDirSet = hasLogDir || /^[ \t]*log\.dir[ \t]*[=: ]/m.test(text);
  return loadBrokerConfig({
    file,
    overrides: flags.override,
    strict: flags.strict,
    fallbacks: new Map(isDirSet ? [] : [["log.dirs", DEFAULT_DATA]]),
  });
}

function readFile(host: CommandContext["host"], path: string) {
  try {
    return { name: path, bytes: readWholeFile(host, path) };
  } catch (error) {
    if (error instanceof HostError) throw new UsageError(error.message);
    throw error;
  }
}

function remarks({ withoutEffect, doubts }: LoadedBrokerConfig): string[] {
  const lines = [...doubts];
  if (withoutEffect.length > 0) {
    lines.push(`without effect in kq: ${withoutEffect.join(", ")}`);
  }
  return lines;
}

interface Started {
  readonly broker: RunningBroker;
  close(): Promise<void>;
}

async function start(
  { host, note }: CommandContext,
  { config, texts }: LoadedBrokerConfig,
): Promise<Started> {
  const [directory] = dataDirectories(config);
  let closeCoordinator = () => Promise.resolve();
  try {
    const broker = await startBroker({
      host,
      config,
      overrides: texts,
      // Only once the listeners are bound, so that a port in use leaves no trace.
      connectZnodes: async () => {
        if (config["zookeeper.connect"]) {
          const { brokerZnodes } = await import(
            "../core/client/zookeeper/broker_znodes.ts"
          );
          return await brokerZnodes(host, config, note);
        }
        const coordinator = await openEmbeddedCoordinator(
          host,
          `${directory}/${COORDINATOR_FOLDER}`,
        );
        closeCoordinator = () => coordinator.close();
        return await coordinator.connect({
          timeoutMs: config["zookeeper.session.timeout.ms"],
        });
      },
      trace: note,
    });
    return { broker, close: () => closeCoordinator() };
  } catch (error) {
    await closeCoordinator();
    throw startError(error);
  }
}

function readyLine(broker: RunningBroker, config: BrokerConfig): string {
  const addresses = broker.addresses.map(({ listener, address }) => {
    const host = address.host.includes(":")
      ? `[${address.host}]`
      : address.host;
    return `${listener}://${host}:${address.port}`;
  });
  const { version } = buildInfo();
  return `kq ${version}: broker ${broker.broker.brokerId} of cluster ` +
    `${broker.broker.clusterId} ready on ${addresses.join(", ")}, data in ` +
    dataDirectories(config).join(", ");
}

async function untilStopped(
  { interrupted, note }: CommandContext,
  broker: RunningBroker,
  closeCoordinator: () => Promise<void>,
): Promise<number> {
  const asked = new Promise<null>((done) => {
    if (interrupted.aborted) done(null);
    interrupted.addEventListener("abort", () => done(null));
  });
  const failure = await Promise.race([asked, broker.failed]);
  const isClean = await broker.shutdown();
  await closeCoordinator();
  if (failure !== null) {
    throw new ExitError(ExitCode.FAILED, failure.message);
  }
  note(
    isClean
      ? `broker ${broker.broker.brokerId} stopped`
      : `broker ${broker.broker.brokerId} stopped, and will recover its logs at the next start`,
  );
  return interrupted.reason === "SIGINT" ? ExitCode.INTERRUPTED : ExitCode.DONE;
}
