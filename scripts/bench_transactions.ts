// Transactions on kq and on Apache Kafka in one run: see scripts/bench.
//
// The load is Java's producer: transactions of 100 records to one partition, one
// after the other, by one producer, then by four at once, each with an id and a
// partition of its own. It is measured with the newer clients and with those of
// Apache Kafka 3.9.1. A newer one finds transaction.version 2 on kq, so that a
// partition is added by the first produce request and each transaction has an
// epoch of its own; Apache Kafka 3.9.1 offers it version 0.
//
// In each round both brokers start anew; for each client each broker has a warm-up
// and is measured, the other one idle meanwhile. A figure is the median of its rounds.

import { fileURLToPath } from "node:url";
import { type Broker, startKafka, startKq, stop } from "./bench_brokers.ts";
import { cpuSeconds, timed } from "./bench_probe.ts";
import { middle, printTable, type Row } from "./bench_table.ts";
import {
  kafkaClassPath,
  NEWER_CLIENTS_VERSION,
  newerClientsClassPath,
} from "./conformance/apache_kafka.ts";

const KQ_PORT = 29296;
const KAFKA_PORT = 29396;
const TOPIC = "bench";
const PRODUCERS = 4;
const RECORDS = 100;

/** What one producer commits in a measured run; the warm-up is as long. */
const transactionCount = Number(
  Deno.env.get("KQ_BENCH_TRANSACTIONS") ?? "1000",
);
const roundCount = Number(Deno.env.get("KQ_BENCH_ROUNDS") ?? "3");
const kq = Deno.args[0] ?? "dist/kq";
const [found, newer] = [await kafkaClassPath(), await newerClientsClassPath()];
if (found === null || newer === null) {
  console.error("bench: Apache Kafka cannot be had here: it takes Java, Maven");
  Deno.exit(1);
}
const classPath = found;
const CLIENTS = [
  { version: NEWER_CLIENTS_VERSION, classPath: newer },
  { version: "3.9.1", classPath: found },
];
const work = await Deno.makeTempDir({ prefix: "kq-bench-" });
const brokers: Broker[] = [];

interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  /** Of the broker, for each transaction. */
  readonly cpuMs: number;
}

/** One JVM with its producers. */
class Load {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;
  readonly #broker: Broker;

  constructor(broker: Broker, clientPath: string) {
    this.#broker = broker;
    this.#process = new Deno.Command("java", {
      args: [
        "-Xmx512m",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "-cp",
        `${work}:${clientPath}`,
        "TransactionLoad",
        `127.0.0.1:${broker.port}`,
        TOPIC,
        String(PRODUCERS),
        String(RECORDS),
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#lines = linesOf(this.#process.stdout);
  }

  async ready(): Promise<void> {
    const line = await this.#line();
    if (line !== "ready") throw new Error(`The load says: ${line}`);
  }

  /** `count` transactions of each of so many producers. */
  async run(producers: number, count: number): Promise<Figures> {
    const { pid } = this.#broker.process;
    const before = cpuSeconds(pid);
    await this.#input.write(
      new TextEncoder().encode(`${producers} ${count}\n`),
    );
    const figures = JSON.parse(await this.#line());
    const cpuMs = 1000 * (cpuSeconds(pid) - before) / (producers * count);
    return { ...figures, cpuMs };
  }

  async close(): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#process.status;
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("The load has ended: see above");
    return value;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

/** One client against one broker: by one producer, then by all. */
async function measure(broker: Broker, clientPath: string): Promise<Figures[]> {
  const load = new Load(broker, clientPath);
  try {
    await load.ready();
    await load.run(1, transactionCount);
    const alone = await load.run(1, transactionCount);
    const each = Math.ceil(transactionCount / 2);
    await load.run(PRODUCERS, Math.ceil(each / 2));
    return [alone, await load.run(PRODUCERS, each)];
  } finally {
    await load.close();
  }
}

/** Figures by client, then by count of producers. */
type Round = Readonly<Record<Broker["name"], readonly Figures[][]>>;

async function round(index: number): Promise<Round> {
  brokers.push(
    await startKq(kq, KQ_PORT, `${work}/kq-${index}`),
    await startKafka(classPath, KAFKA_PORT, `${work}/kafka-${index}`),
  );
  const taken: Record<Broker["name"], Figures[][]> = { kq: [], kafka: [] };
  for (const { port } of brokers) {
    await timed(kq, [
      ...["topic", "create", TOPIC, "--partitions", String(PRODUCERS)],
      ...["-b", `127.0.0.1:${port}`],
    ]);
  }
  for (const { version, classPath } of CLIENTS) {
    // Whoever is second meets a machine that is warmer, or more tired.
    const inTurn = index % 2 === 0 ? brokers : brokers.toReversed();
    for (const broker of inTurn) {
      const figures = await measure(broker, classPath);
      console.error(
        `bench: ${broker.name}, client ${version}: ${JSON.stringify(figures)}`,
      );
      taken[broker.name].push(figures);
    }
  }
  await stopAll();
  return taken;
}

async function stopAll(): Promise<void> {
  for (const broker of brokers.splice(0)) await stop(broker);
}

function rowsOf(rounds: readonly Round[]): Row[] {
  return CLIENTS.flatMap(({ version }, client) =>
    [1, PRODUCERS].flatMap((producers, which): Row[] => {
      const row = (
        figure: string,
        field: keyof Figures,
        bound?: Row["bound"],
      ): Row => {
        const of = (name: Broker["name"]) =>
          middle(rounds.map((round) => round[name][client][which][field]));
        const who = producers === 1 ? "" : `, ${producers} producers`;
        return {
          figure: `client ${version}${who}: ${figure}`,
          kq: of("kq"),
          kafka: of("kafka"),
          bound,
        };
      };
      return [
        row("transactions/s", "perSecond", [">=", 1.5]),
        row("commit p50 ms", "p50Ms"),
        row("commit p99 ms", "p99Ms", ["<=", 1]),
        row("broker cpu ms a transaction", "cpuMs"),
      ];
    })
  );
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // No broker outlives the run.
  Deno.addSignalListener(signal, async () => {
    await stopAll();
    await Deno.remove(work, { recursive: true });
    Deno.exit(1);
  });
}
try {
  await timed("javac", [
    ...["-cp", classPath, "-d", work],
    fileURLToPath(
      new URL("./conformance/clients/TransactionLoad.java", import.meta.url),
    ),
  ]);
  // A first start unpacks what a self-extracting file holds; it is not measured.
  await timed(kq, ["version"]);
  const rounds: Round[] = [];
  for (let i = 0; i < roundCount; i++) rounds.push(await round(i));
  console.log(`\n${new Date().toISOString().slice(0, 10)}, ${kq}\n`);
  console.log(`Transactions of ${RECORDS} records to one partition:\n`);
  printTable(rowsOf(rounds));
  console.log(
    `\nThe client of ${NEWER_CLIENTS_VERSION} finds transaction.version 2 on kq, and 0 on Apache Kafka 3.9.1.`,
  );
} finally {
  await stopAll();
  await Deno.remove(work, { recursive: true });
}
