// Runs the suite on kq and on Apache Kafka: see scripts/conformance/run.

import { parseArgs } from "node:util";
import { untilMetadata } from "../bench_probe.ts";
import { kafkaClassPath, startApacheKafka } from "./apache_kafka.ts";
import type { ClientKind } from "./client.ts";
import { clientKinds } from "./client_kinds.ts";
import { javaTools } from "./java_client.ts";
import { matrixLines } from "./matrix.ts";
import { type Par, parOf, reportLines } from "./report.ts";
import { checkSegments } from "./segments.ts";
import { type Cell, Suite } from "./suite.ts";

/** Lets values of 10 MiB in. */
const MESSAGE_MAX_BYTES = "12582912";
/** Both protocols of groups, and timers as short as both brokers let them be. */
const GROUP_SETTINGS: Readonly<Record<string, string>> = {
  "group.coordinator.rebalance.protocols": "classic,consumer",
  "group.initial.rebalance.delay.ms": "0",
  "group.consumer.min.session.timeout.ms": "6000",
  "group.consumer.session.timeout.ms": "6000",
  "group.consumer.min.heartbeat.interval.ms": "500",
  "group.consumer.heartbeat.interval.ms": "500",
};
const PAR_FILE = new URL(
  "../../testdata/conformance/par.json",
  import.meta.url,
);
const KAFKA = "Apache Kafka 3.9.1";

interface RunningBroker {
  readonly port: number;
  readonly dataDirectory: string;
  stop(): Promise<void>;
}

function say(text: string): void {
  console.error(text);
}

/**
 * A port with a free one after it (Kafka's controller takes that), below those
 * that the system gives to clients.
 */
function freePort(): number {
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

async function startKq(work: string): Promise<RunningBroker> {
  const port = freePort();
  const dataDirectory = `${work}/kq`;
  const command = Deno.env.get("KQ") ?? "scripts/kq";
  const overrides = {
    "listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "log.dirs": dataDirectory,
    "message.max.bytes": MESSAGE_MAX_BYTES,
    ...GROUP_SETTINGS,
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

async function startKafka(work: string): Promise<RunningBroker> {
  const classPath = await kafkaClassPath();
  if (classPath === null) {
    throw new Error(
      "Cannot have Apache Kafka here: it takes Java and Maven; --quick leaves it out",
    );
  }
  const port = freePort();
  const directory = `${work}/kafka`;
  const child = await startApacheKafka({
    classPath,
    port,
    directory,
    properties: { "message.max.bytes": MESSAGE_MAX_BYTES, ...GROUP_SETTINGS },
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

async function runOn(
  name: string,
  start: (work: string) => Promise<RunningBroker>,
  kinds: readonly ClientKind[],
  work: string,
): Promise<Cell[]> {
  say(`== ${name}`);
  const startMs = performance.now();
  const suite = new Suite(say);
  const broker = await start(work);
  try {
    await suite.run(kinds, `127.0.0.1:${broker.port}`);
  } finally {
    await broker.stop();
  }
  const cells = [...suite.cells];
  if (kinds.includes(javaTools)) {
    cells.push(...await checkSegments(broker.dataDirectory));
  }
  say(`== ${name}: ${Math.round((performance.now() - startMs) / 1000)} s`);
  return cells;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      markdown: { type: "boolean", default: false },
      broker: { type: "string" },
      client: { type: "string", multiple: true, default: [] },
    },
  });
  const asked = values.client.map((name) => name.toLowerCase());
  const kinds = clientKinds.filter(({ name }) =>
    asked.length === 0 ||
    asked.some((text) => name.toLowerCase().includes(text))
  );
  const work = await Deno.makeTempDir({ prefix: "kq-conformance-" });
  try {
    let par: Par = JSON.parse(
      await Deno.readTextFile(PAR_FILE).catch(() =>
        JSON.stringify({ broker: KAFKA, cells: {} })
      ),
    );
    if (!values.quick && values.broker !== "kq") {
      par = parOf(KAFKA, await runOn(KAFKA, startKafka, kinds, work));
      if (asked.length === 0) {
        const text = JSON.stringify(par, null, 1) + "\n";
        await Deno.writeTextFile(PAR_FILE, text);
      }
    }
    const cells = values.broker === "kafka"
      ? []
      : await runOn("kq", startKq, kinds, work);
    const { lines, failed } = values.broker === "kafka"
      ? { lines: parLines(par), failed: 0 }
      : reportLines(cells, par);
    if (values.markdown) {
      for (const line of matrixLines(cells, par)) console.log(line);
    }
    for (const line of lines) console.log(line);
    return failed === 0 ? 0 : 1;
  } finally {
    if (values.keep) say(`The work directory is ${work}`);
    else await Deno.remove(work, { recursive: true });
  }
}

/** Kafka's column alone. */
function parLines(par: Par): string[] {
  return Object.entries(par.cells).flatMap(([client, features]) =>
    Object.entries(features).map(([feature, outcome]) =>
      `${client}: ${feature}: ${outcome}`
    )
  );
}

Deno.exit(await main());
