// The two brokers that the benchmarks compare, on loopback, and how they start
// and stop.

import { startApacheKafka } from "./conformance/apache_kafka.ts";
import { untilMetadata } from "./bench_probe.ts";

export interface Broker {
  readonly name: "kq" | "kafka";
  readonly port: number;
  readonly process: Deno.ChildProcess;
  /** From the command to the first answer. */
  readonly startMs: number;
  /** Of `performance.now()`: when the command was given. */
  readonly startedAtMs: number;
}

/** Lines of `server.properties`. */
export type Properties = Readonly<Record<string, string>>;

/** Starts kq with its data in `directory`; resolves when it answers. */
export async function startKq(
  kq: string,
  port: number,
  directory: string,
  properties: Properties = {},
): Promise<Broker> {
  const all: Properties = {
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    "log.dirs": directory,
    ...properties,
  };
  const startedAtMs = performance.now();
  const process = new Deno.Command(kq, {
    args: [
      "broker",
      "start",
      ...Object.entries(all).flatMap(([key, value]) => [
        "--override",
        `${key}=${value}`,
      ]),
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const startMs = await untilMetadata(port, startedAtMs);
  return { name: "kq", port, process, startMs, startedAtMs };
}

/** Starts Apache Kafka with its data in `directory`; resolves when it answers. */
export async function startKafka(
  classPath: string,
  port: number,
  directory: string,
  properties: Properties = {},
): Promise<Broker> {
  await Deno.mkdir(directory, { recursive: true });
  // Formatting the storage is not counted as starting.
  const process = await startApacheKafka({
    classPath,
    port,
    directory,
    properties,
  });
  const startedAtMs = performance.now();
  const startMs = await untilMetadata(port, startedAtMs);
  return { name: "kafka", port, process, startMs, startedAtMs };
}

/** Stops a broker cleanly. */
export async function stop(broker: Broker): Promise<void> {
  try {
    broker.process.kill("SIGTERM");
  } catch { /* It ended by itself, and the run has failed already. */ }
  await broker.process.status;
}
