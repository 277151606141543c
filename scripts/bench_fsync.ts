// Fsync before every answer, on kq and on Apache Kafka in one run: see
// scripts/bench.
//
// Sixteen producers send records of 1 kB with acks=all, each waiting for its
// answer, to a topic with `flush.messages=1`: into one partition, then into one
// partition each. In each of three rounds both brokers start anew and get a
// warm-up; a figure is the median of its rounds.

import { type Broker, startKafka, startKq, stop } from "./bench_brokers.ts";
import { type ProduceFigures, produceOneByOne } from "./bench_fsync_load.ts";
import { cpuSeconds, timed } from "./bench_probe.ts";
import { middle, printTable, type Row } from "./bench_table.ts";
import { kafkaClassPath } from "./conformance/apache_kafka.ts";

interface Figures extends ProduceFigures {
  /** The broker's processor time, in microseconds a record. */
  readonly cpuMicroseconds: number;
}

interface Round {
  readonly one: Figures;
  readonly spread: Figures;
}

const KQ_PORT = 29292;
const KAFKA_PORT = 29392;
const ROUNDS = 3;
const PRODUCERS = 16;
const RECORD_BYTES = 1000;
const WARM_UP_SECONDS = 4;
const SECONDS = 8;

const kq = Deno.args[0] ?? "dist/kq";
const classPath = await kafkaClassPath();
if (classPath === null) {
  console.error("bench: Apache Kafka cannot be had here: it takes Java, Maven");
  Deno.exit(1);
}
const work = await Deno.makeTempDir({ prefix: "kq-bench-" });

async function produce(
  broker: Broker,
  partitionCount: number,
  seconds: number,
): Promise<Figures> {
  const before = cpuSeconds(broker.process.pid);
  const figures = await produceOneByOne({
    port: broker.port,
    topic: `synced-${partitionCount}`,
    partitionCount,
    producerCount: PRODUCERS,
    recordBytes: RECORD_BYTES,
    seconds,
  });
  const usedSeconds = cpuSeconds(broker.process.pid) - before;
  const records = figures.recordsPerSecond * seconds;
  return { ...figures, cpuMicroseconds: usedSeconds / records * 1e6 };
}

/** One round: kq's figures, then Apache Kafka's. */
async function round(brokers: readonly [Broker, Broker]) {
  const rounds: Partial<Round>[] = [{}, {}];
  for (const [name, count] of [["one", 1], ["spread", PRODUCERS]] as const) {
    for (const { port } of brokers) {
      await timed(kq, [
        ...["topic", "create", `synced-${count}`, "-b", `127.0.0.1:${port}`],
        ...["--partitions", String(count), "--config", "flush.messages=1"],
      ]);
    }
    for (const broker of brokers) {
      await produce(broker, count, WARM_UP_SECONDS);
    }
    for (const [i, broker] of brokers.entries()) {
      rounds[i] = {
        ...rounds[i],
        [name]: await produce(broker, count, SECONDS),
      };
    }
  }
  return rounds as [Round, Round];
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
  const rows = (where: string, pick: (round: Round) => Figures): Row[] => [
    row(`${where}, records/s`, (each) => pick(each).recordsPerSecond, [
      ">=",
      3,
    ]),
    row(`${where}, p99 ms`, (each) => pick(each).p99Ms),
    row(
      `${where}, broker cpu µs a record`,
      (each) => pick(each).cpuMicroseconds,
    ),
  ];
  return [
    ...rows("fsync before ack, 1 partition", ({ one }) => one),
    ...rows("fsync before ack, 16 partitions", ({ spread }) => spread),
  ];
}

const brokers: Broker[] = [];
try {
  await timed(kq, ["version"]);
  const rounds: [Round, Round][] = [];
  for (let i = 0; i < ROUNDS; i++) {
    brokers.push(
      await startKq(kq, KQ_PORT, `${work}/kq-${i}`),
      await startKafka(classPath, KAFKA_PORT, `${work}/kafka-${i}`),
    );
    rounds.push(await round([brokers[0], brokers[1]]));
    console.error(`bench: fsync round ${i + 1} of ${ROUNDS} is done`);
    for (const broker of brokers.splice(0)) await stop(broker);
  }
  console.log(`\n${new Date().toISOString().slice(0, 10)}, ${kq}\n`);
  printTable(rowsOf(rounds));
} finally {
  for (const broker of brokers) await stop(broker);
  await Deno.remove(work, { recursive: true });
}
