// A whole ensemble on this machine, to try it: one process a server, started
// together and stopped together.
//
//   DIR/1/zoo.cfg, DIR/1/version-2 …   each server's configuration and data
//
// The files stay as they are, so that the same ensemble starts again in the same
// directory, and one of its servers can be killed and started again by its zoo.cfg.

import { encodeUtf8 } from "../core/base/bytes.ts";
import type { CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { readWholeFile } from "../core/cli/read_whole_file.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import {
  loadCoordinatorConfig,
  type Setting,
} from "../core/config/coordinator_config_load.ts";
import { answerFields, askWord } from "../core/ensemble/ask_word.ts";
import { parseMember } from "../core/ensemble/quorum/quorum_config.ts";
import {
  type ChildProcess,
  type Disk,
  type Host,
  HostError,
  sleep,
} from "../core/host/host.ts";

export interface LocalEnsemble {
  readonly count: number;
  readonly directory: string;
  /** The first server's; the others have those after it. 0: any free ones. */
  readonly clientPort: number;
  /** Keys for all of them. */
  readonly keys: readonly Setting[];
}

const LOOPBACK = "127.0.0.1";
const READY_MS = 30_000;
const LOOK_EVERY_MS = 50;
const STOP_MS = 5_000;

/** Runs it until it is told to stop. @returns The exit code. */
export async function runLocalEnsemble(
  context: CommandContext,
  ensemble: LocalEnsemble,
): Promise<number> {
  const { host, note, interrupted } = context;
  const ports = await configure(host, ensemble);
  const children = ports.map((_, index) => startOne(context, ensemble, index));
  const allEnded = Promise.all(children.map(({ ended }) => ended));
  const stopped = new Promise<null>((done) => {
    if (interrupted.aborted) done(null);
    interrupted.addEventListener("abort", () => done(null));
  });
  const tell = async () => {
    const isReady = await waitForLeader(host, ports, interrupted);
    if (!isReady) return note(`no leader within ${READY_MS} ms`);
    await context.out.line(ports.map((port) => `${LOOPBACK}:${port}`).join());
    await context.out.flush();
  };
  tell().catch((error) => note(String(error)));
  const codes = await Promise.race([stopped, allEnded]);
  if (codes !== null) {
    throw new ExitError(
      ExitCode.FAILED,
      `all servers have ended, with ${codes.join(", ")}`,
    );
  }
  await stopAll(host, children, allEnded);
  note("ensemble stopped");
  return interrupted.reason === "SIGINT" ? ExitCode.INTERRUPTED : ExitCode.DONE;
}

function startOne(
  context: CommandContext,
  { directory }: LocalEnsemble,
  index: number,
): ChildProcess {
  const { note, interrupted } = context;
  const id = index + 1;
  const file = configPath(directory, id);
  const child = context.process.startAnother(
    ["coordinator", "start", file, "--id", String(id)],
    (line) => note(`${id}: ${line}`),
  );
  child.ended.then((code) => {
    if (interrupted.aborted && code === 0) return;
    note(`${id}: ended with ${code}; kq coordinator start ${file} starts it`);
  });
  return child;
}

async function stopAll(
  { clock }: Host,
  children: readonly ChildProcess[],
  allEnded: Promise<unknown>,
): Promise<void> {
  for (const child of children) child.signal("SIGTERM");
  const giveUp = clock.after(STOP_MS, () => {
    for (const child of children) child.signal("SIGKILL");
  });
  await allEnded;
  giveUp();
}

/** @returns Whether there is a leader, or a server that is alone, in time. */
async function waitForLeader(
  host: Host,
  ports: readonly number[],
  interrupted: AbortSignal,
): Promise<boolean> {
  const deadlineMs = host.clock.monotonicMs() + READY_MS;
  while (host.clock.monotonicMs() < deadlineMs && !interrupted.aborted) {
    const modes = await Promise.all(ports.map((port) => modeAt(host, port)));
    if (modes.some((mode) => mode === "leader" || mode === "standalone")) {
      return true;
    }
    await sleep(host.clock, LOOK_EVERY_MS);
  }
  return false;
}

async function modeAt(host: Host, port: number): Promise<string | undefined> {
  try {
    const answer = await askWord(host, { host: LOOPBACK, port }, "srvr", 1000);
    return answerFields(answer).get("Mode");
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}

/**
 * Writes the configuration of each server where there is none.
 *
 * @returns The clients' ports.
 */
async function configure(
  host: Host,
  ensemble: LocalEnsemble,
): Promise<number[]> {
  const { count, directory, clientPort } = ensemble;
  const there = configuredCount(host.disk, directory);
  if (there > 0 && there !== count) {
    throw new UsageError(
      `${directory} holds an ensemble of ${there}, not of ${count}: name another --data`,
    );
  }
  if (there > 0) return clientPorts(host, ensemble);
  const free = await freePorts(host, 3 * count);
  const clients = Array.from(
    { length: count },
    (_, index) => clientPort > 0 ? clientPort + index : free[index],
  );
  const servers = Array.from(
    { length: count },
    (_, index) =>
      `server.${index + 1}=${LOOPBACK}:${free[count + index]}:${
        free[2 * count + index]
      };${LOOPBACK}:${clients[index]}`,
  );
  for (let index = 0; index < count; index++) {
    const keys = new Map([
      ["dataDir", `${directory}/${index + 1}`],
      // One of them could have the usual port: better a free one for each, or none.
      ["admin.serverPort", "0"],
      ["4lw.commands.whitelist", "*"],
    ]);
    for (const { key, text } of ensemble.keys) keys.set(key, text);
    const lines = [...keys].map(([key, text]) => `${key}=${text}`);
    writeConfig(host.disk, directory, index + 1, [...lines, ...servers]);
  }
  return clients;
}

function configPath(directory: string, id: number): string {
  return `${directory}/${id}/zoo.cfg`;
}

function configuredCount(disk: Disk, directory: string): number {
  let count = 0;
  while (disk.stat(configPath(directory, count + 1)) !== null) count++;
  return count;
}

/** As the files say, which a change of the members may have written anew. */
function clientPorts(
  host: Host,
  { directory, count, clientPort }: LocalEnsemble,
): number[] {
  const read = (name: string) => ({ name, bytes: readWholeFile(host, name) });
  return Array.from({ length: count }, (_, index) => {
    const path = configPath(directory, index + 1);
    const { servers } = loadCoordinatorConfig({
      file: read(path),
      readDynamic: read,
    });
    const id = String(index + 1);
    const line = servers.find((server) => server.id === id)?.text ?? "";
    const port = line === "" ? 0 : parseMember(id, line).client?.port ?? 0;
    if (clientPort > 0 && port !== clientPort + index) {
      throw new UsageError(
        `${path} says server.${id}=${line}: leave --client-port out, or correct the file`,
      );
    }
    return port;
  });
}

function writeConfig(
  disk: Disk,
  directory: string,
  id: number,
  lines: readonly string[],
): void {
  disk.makeDirectory(`${directory}/${id}`);
  const file = disk.open(configPath(directory, id), "create");
  try {
    file.truncate(0);
    file.writeAt(encodeUtf8(`${lines.join("\n")}\n`), 0);
  } finally {
    file.close();
  }
}

/** All at once, so that no two are the same. */
async function freePorts({ net }: Host, count: number): Promise<number[]> {
  const listeners = await Promise.all(
    Array.from(
      { length: count },
      () =>
        net.listen(
          { host: LOOPBACK, port: 0 },
          (connection) => connection.close(),
        ),
    ),
  );
  const ports = listeners.map(({ address }) => address.port);
  for (const listener of listeners) listener.close();
  return ports;
}
