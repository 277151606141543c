// The same loads on kq and on Apache Kafka in one run: see scripts/bench.
//
// Producers are Apache Kafka's ProducerPerformance, the consumer is kcat. In
// each of three rounds both brokers start anew and get a warm-up, then the
// measured loads in turn, so that both meet the same machine; a figure is the
// median of its rounds. Figures are compared as ratios; the machine's own are in
// them.

import { type Broker, startKafka, startKq, stop } from "./bench_brokers.ts";
import { cpuSeconds, memoryMb, timed, timedSilently } from "./bench_probe.ts";
import { middle, printTable, type Row } from "./bench_table.ts";
import { kafkaClassPath, toolArgs } from "./conformance/apache_kafka.ts";

interface Load {
  readonly throughput: number;
  readonly p99Ms: number;
  readonly cpuSeconds: number;
}

const KQ_PORT = 29292;
const KAFKA_PORT = 29392;
const TOPIC = "bench";
const ROUNDS = 3;
const IDLE_CONNECTIONS = 10_000;
const WIDE_PARTITIONS = 2_000;

const kq = Deno.args[0] ?? "dist/kq";
const found = await kafkaClassPath();
if (found === null) {
  console.error("bench: Apache Kafka cannot be had here: it takes Java, Maven");
  Deno.exit(1);
}
const classPath = found;
const work = await Deno.makeTempDir({ prefix: "kq-bench-" });

async function kqCommand(broker: Broker, ...args: string[]): Promise<number> {
  const { ms } = await timed(kq, [...args, "-b", `127.0.0.1:${broker.port}`]);
  return ms;
}

/** One run of ProducerPerformance at full speed, with acks=1. */
async function produce(
  broker: Broker,
  records: number,
  sizeBytes: number,
  ...properties: string[]
): Promise<Load> {
  const before = cpuSeconds(broker.process.pid);
  const { stdout } = await timed(
    "java",
    toolArgs(classPath, "org.apache.kafka.tools.ProducerPerformance", [
      ...["--topic", TOPIC, "--num-records", String(records)],
      ...["--record-size", String(sizeBytes), "--throughput", "-1"],
      "--producer-props",
      `bootstrap.servers=127.0.0.1:${broker.port}`,
      "acks=1",
      ...properties,
    ]),
  );
  const line = stdout.trim().split("\n").at(-1)!;
  const match = line.match(/\(([\d.]+) MB\/sec\).* (\d+) ms 99th/);
  if (match === null) throw new Error(`No figures in: ${line}`);
  return {
    throughput: Number(match[1]),
    p99Ms: Number(match[2]),
    cpuSeconds: cpuSeconds(broker.process.pid) - before,
  };
}

async function consume(broker: Broker, records: number) {
  const before = cpuSeconds(broker.process.pid);
  const ms = await timedSilently("kcat", [
    ...["-C", "-q", "-b", `127.0.0.1:${broker.port}`, "-t", TOPIC],
    ...["-p", "0", "-o", "0", "-c", String(records)],
  ]);
  return {
    seconds: ms / 1000,
    cpuSeconds: cpuSeconds(broker.process.pid) - before,
  };
}

/** The middle of an odd count of runs. */
async function median(count: number, run: () => Promise<number>) {
  const values: number[] = [];
  for (let i = 0; i < count; i++) values.push(await run());
  return middle(values);
}

function listWithKafkaTool(broker: Broker): Promise<number> {
  const tool = "org.apache.kafka.tools.TopicCommand";
  const server = `127.0.0.1:${broker.port}`;
  return timed(
    "java",
    toolArgs(classPath, tool, ["--bootstrap-server", server, "--list"]),
  ).then(({ ms }) => ms);
}

/** Memory of kq, in MB, with many partitions and many idle connections. */
async function crowd(broker: Broker): Promise<number> {
  await kqCommand(
    broker,
    ...["topic", "create", "wide", "--partitions", String(WIDE_PARTITIONS)],
  );
  const connections: Deno.TcpConn[] = [];
  for (let i = 0; i < IDLE_CONNECTIONS; i++) {
    connections.push(
      await Deno.connect({ hostname: "127.0.0.1", port: broker.port }),
    );
  }
  await new Promise((done) => setTimeout(done, 2000));
  const used = memoryMb(broker.process.pid, "VmRSS");
  for (const connection of connections) connection.close();
  return used;
}

interface Round {
  readonly startMs: number;
  readonly small: Load;
  readonly large: Load;
  readonly read: { readonly seconds: number; readonly cpuSeconds: number };
  readonly peakMb: number;
  readonly listMs: number;
}

/** One round: kq's figures, then Apache Kafka's. */
async function round(a: Broker, b: Broker): Promise<[Round, Round]> {
  const both = async <T>(run: (broker: Broker) => Promise<T>) =>
    [await run(a), await run(b)] as const;
  await both((broker) =>
    kqCommand(broker, "topic", "create", TOPIC, "--partitions", "1")
  );
  await both((broker) => produce(broker, 500_000, 100));
  const small = await both((broker) => produce(broker, 2_000_000, 100));
  const large = await both((broker) =>
    produce(broker, 1_000_000, 1000, "batch.size=131072", "linger.ms=5")
  );
  const read = await both((broker) => consume(broker, 3_500_000));
  const peakMb = [a, b].map(({ process }) => memoryMb(process.pid, "VmHWM"));
  const listMs = [
    await median(5, () => kqCommand(a, "topic", "list")),
    await median(3, () => listWithKafkaTool(b)),
  ];
  const figures = (i: 0 | 1): Round => ({
    startMs: [a, b][i].startMs,
    small: small[i],
    large: large[i],
    read: read[i],
    peakMb: peakMb[i],
    listMs: listMs[i],
  });
  return [figures(0), figures(1)];
}

function rowsOf(rounds: readonly [Round, Round][]): Row[] {
  const row = (
    figure: string,
    pick: (round: Round) => number,
    bound?: Row["bound"],
  ): Row => {
    const [kq, kafka] = [0, 1].map((i) =>
      middle(rounds.map((both) => pick(both[i])))
    );
    return { figure, kq, kafka, bound };
  };
  return [
    row("100 B records, MB/s", ({ small }) => small.throughput, [">=", 2]),
    row("100 B records, p99 ms", ({ small }) => small.p99Ms, ["<=", 1]),
    row("100 B records, broker cpu s", ({ small }) => small.cpuSeconds, [
      "<=",
      0.2,
    ]),
    row("1 kB in 128 KiB batches, MB/s", ({ large }) => large.throughput, [
      ">=",
      1.1,
    ]),
    row("1 kB in 128 KiB batches, p99 ms", ({ large }) => large.p99Ms, [
      "<=",
      1,
    ]),
    row(
      "1 kB in 128 KiB batches, broker cpu s",
      ({ large }) => large.cpuSeconds,
      ["<=", 0.45],
    ),
    row("consume 1.25 GB, s", ({ read }) => read.seconds, ["<=", 0.9]),
    row("consume 1.25 GB, broker cpu s", ({ read }) => read.cpuSeconds, [
      "<=",
      0.5,
    ]),
    row("peak memory, MB", ({ peakMb }) => peakMb, ["<=", 0.2]),
    row("start to first Metadata answer, ms", ({ startMs }) => startMs),
    row("topic list, whole command, ms", ({ listMs }) => listMs),
  ];
}

const brokers: Broker[] = [];
try {
  // A first start unpacks what a self-extracting file holds; it is not measured.
  await timed(kq, ["version"]);
  const rounds: [Round, Round][] = [];
  for (let i = 0; i < ROUNDS; i++) {
    brokers.push(
      await startKq(kq, KQ_PORT, `${work}/kq-${i}`),
      await startKafka(classPath, KAFKA_PORT, `${work}/kafka-${i}`),
    );
    rounds.push(await round(brokers[0], brokers[1]));
    console.error(`bench: round ${i + 1} of ${ROUNDS} is done`);
    for (const broker of brokers.splice(0)) await stop(broker);
  }
  brokers.push(await startKq(kq, KQ_PORT, `${work}/kq-${ROUNDS}`));
  const crowded = await crowd(brokers[0]);
  console.log(`\n${new Date().toISOString().slice(0, 10)}, ${kq}\n`);
  printTable(rowsOf(rounds));
  console.log(
    `\nkq with ${WIDE_PARTITIONS} partitions and ${IDLE_CONNECTIONS} idle ` +
      `connections: ${crowded.toFixed(0)} MB resident (wanted: below 1024).`,
  );
} finally {
  for (const broker of brokers) await stop(broker);
  await Deno.remove(work, { recursive: true });
}
