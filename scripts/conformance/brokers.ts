// Starts and ends the brokers that clients are driven against.

import { untilMetadata } from "../bench_probe.ts";
import { kafkaClassPath, startApacheKafka } from "./apache_kafka.ts";

/** A broker on loopback that answers. */
export interface RunningBroker {
  readonly port: number;
  readonly dataDirectory: string;
  stop(): Promise<void>;
}

/**
 * A port with a free one after it (Kafka's controller takes that), below those
 * that the system gives to clients.
 */
export function freePort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 6000) * 2;
    try {
      for (const each of [port, port + 1]) {
        Deno.listen({ hostname: "127.0.0.1", port: each }).close();
      }
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

async function stopProcess(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGTERM");
  } catch {
    return; // It has ended by itself.
  }
  const killer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  await child.status;
  clearTimeout(killer);
}

/** Where and how to start a broker. */
export interface StartOptions {
  /** A directory for its data and its log. */
  readonly work: string;
  readonly port: number;
  /** Lines of `server.properties`. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Starts kq: the command in KQ, else the one of this project. */
export async function startKq(
  { work, port, settings }: StartOptions,
): Promise<RunningBroker> {
  const dataDirectory = `${work}/kq`;
  const command = Deno.env.get("KQ") ?? "scripts/kq";
  const overrides = {
    "listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "log.dirs": dataDirectory,
    ...settings,
  };
  const log = await Deno.open(`${work}/kq.log`, { create: true, write: true });
  const child = new Deno.Command(command, {
    args: [
      "broker",
      "start",
      ...Object.entries(overrides).flatMap(([key, value]) => [
        "--override",
        `${key}=${value}`,
      ]),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  child.stderr.pipeTo(log.writable).catch(() => {});
  await untilAnswers(child, port, `${work}/kq.log`);
  return { port, dataDirectory, stop: () => stopProcess(child) };
}

/** Starts Apache Kafka; its controller takes the port after its own. */
export async function startKafka(
  { work, port, settings }: StartOptions,
): Promise<RunningBroker> {
  const classPath = await kafkaClassPath();
  if (classPath === null) {
    throw new Error(
      "Cannot have Apache Kafka here: it takes Java and Maven; --quick leaves it out",
    );
  }
  const directory = `${work}/kafka`;
  const child = await startApacheKafka({
    classPath,
    port,
    directory,
    properties: settings,
  });
  await untilAnswers(child, port, `${directory}/server.log`);
  return {
    port,
    dataDirectory: `${directory}/data`,
    stop: () => stopProcess(child),
  };
}

/** Waits for a Metadata answer; fails at once where the process has ended. */
async function untilAnswers(
  child: Deno.ChildProcess,
  port: number,
  logFile: string,
): Promise<void> {
  const ended = child.status.then(({ code }) => {
    throw new Error(
      `The broker ended with ${code}: ${
        Deno.readTextFileSync(logFile).trim().split("\n").slice(-3).join(" | ")
      }`,
    );
  });
  // Once it answers, its end is nobody's surprise.
  ended.catch(() => {});
  await Promise.race([ended, untilMetadata(port, performance.now())]);
}
