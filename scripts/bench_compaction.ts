// Compaction, on kq and on Apache Kafka in one run: see scripts/bench.
//
// Both brokers, one after the other, find the same segments: records of 1 kB with
// keys drawn from a million, in batches of 15. With default settings and one
// cleaner thread they compact a first topic as a warm-up, then one with nothing
// else to do, and then the like of it while producers send to another topic. A
// cleaning begins when the topic's `min.cleanable.dirty.ratio` is lowered, and
// has ended when the cleaner's checkpoint says so. A figure is the median of its
// rounds.

import { encodeUtf8 } from "../core/base/bytes.ts";
import { encodeBatch } from "../core/record/record_batch.ts";
import { type Broker, startKafka, startKq, stop } from "./bench_brokers.ts";
import { cpuSeconds, timed } from "./bench_probe.ts";
import { produceSteadily, type SteadyFigures } from "./bench_steady_load.ts";
import { middle, printTable, type Row } from "./bench_table.ts";
import { kafkaClassPath } from "./conformance/apache_kafka.ts";

interface Figures {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly loadedSeconds: number;
  readonly load: SteadyFigures;
  readonly idleLoad: SteadyFigures;
}

const KQ_PORT = 29298;
const KAFKA_PORT = 29398;
const ROUNDS = 3;
/** Of records in a topic; KQ_BENCH_MB says another number. */
const TOPIC_MB = Number(Deno.env.get("KQ_BENCH_MB") ?? 2000);
const WARM_UP_MB = 200;
const KEYS_PER_MB = 500;
const RECORD_BYTES = 1000;
const BATCH_RECORDS = 15;
const SEGMENT_BYTES = 512 * 2 ** 20;
const IDLE_LOAD_MS = 5000;
const TIMEOUT_MS = 300_000;
const CLEANER = {
  "log.cleaner.backoff.ms": "100",
  "log.segment.delete.delay.ms": "1000",
} as const;
const TOPICS = { warm: WARM_UP_MB, quiet: TOPIC_MB, loaded: TOPIC_MB } as const;
const LOAD_TOPIC = "other";

const kq = Deno.args[0] ?? "dist/kq";
const classPath = await kafkaClassPath();
if (classPath === null) {
  console.error("bench: Apache Kafka cannot be had here: it takes Java, Maven");
  Deno.exit(1);
}
const work = await Deno.makeTempDir({ prefix: "kq-bench-" });

/** Segments with records of the topic's keys, the last one empty; gives their folder. */
function makeSegments(name: string, sizeMb: number): string {
  const folder = `${work}/${name}`;
  Deno.mkdirSync(folder);
  const value = crypto.getRandomValues(new Uint8Array(RECORD_BYTES));
  const keyCount = sizeMb * KEYS_PER_MB;
  const startMs = Date.now() - 3_600_000;
  let offset = 0;
  const open = () =>
    Deno.openSync(`${folder}/${String(offset).padStart(20, "0")}.log`, {
      createNew: true,
      write: true,
    });
  let file = open();
  let segmentBytes = 0;
  while (offset * RECORD_BYTES < sizeMb * 1e6) {
    const records = Array.from({ length: BATCH_RECORDS }, () => ({
      timestampMs: startMs,
      key: encodeUtf8(`key-${Math.floor(Math.random() * keyCount)}`),
      value,
      headers: [],
    }));
    const batch = encodeBatch({
      records,
      baseOffset: offset,
      partitionLeaderEpoch: 0,
    });
    file.writeSync(batch);
    offset += BATCH_RECORDS;
    segmentBytes += batch.length;
    if (segmentBytes + batch.length <= SEGMENT_BYTES) continue;
    file.close();
    file = open();
    segmentBytes = 0;
  }
  file.close();
  if (segmentBytes > 0) open().close();
  return folder;
}

async function kqCommand(broker: Broker, ...args: string[]): Promise<void> {
  await timed(kq, [...args, "-b", `127.0.0.1:${broker.port}`]);
}

/** Makes the topics; cleaning waits until it is asked for. */
async function createTopics(broker: Broker): Promise<void> {
  const config = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "1",
    "segment.bytes": String(SEGMENT_BYTES),
  };
  for (const topic of Object.keys(TOPICS)) {
    await kqCommand(broker, ...[
      ...["topic", "create", topic, "--partitions", "1"],
      ...Object.entries(config).flatMap((pair) => ["--config", pair.join("=")]),
    ]);
  }
  await kqCommand(broker, "topic", "create", LOAD_TOPIC, "--partitions", "1");
}

/** Puts links to the segments in a stopped broker's folder; no cleaner writes to them. */
function placeSegments(data: string): void {
  for (const topic of Object.keys(TOPICS)) {
    const target = `${data}/${topic}-0`;
    for (const { name } of [...Deno.readDirSync(target)]) {
      if (name !== "partition.metadata") Deno.removeSync(`${target}/${name}`);
    }
    for (const { name } of Deno.readDirSync(`${work}/${topic}`)) {
      const from = `${work}/${topic}/${name}`;
      // The active one is written to.
      if (Deno.statSync(from).size === 0) {
        Deno.copyFileSync(from, `${target}/${name}`);
      } else Deno.linkSync(from, `${target}/${name}`);
    }
  }
  for (
    const name of [".kafka_cleanshutdown", "recovery-point-offset-checkpoint"]
  ) {
    try {
      Deno.removeSync(`${data}/${name}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

function isCleaned(data: string, topic: string): boolean {
  try {
    return Deno.readTextFileSync(`${data}/cleaner-offset-checkpoint`)
      .includes(`\n${topic} 0 `);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Compacts a topic; gives the seconds from the command's end until it is clean. */
async function clean(
  broker: Broker,
  data: string,
  topic: string,
): Promise<number> {
  await kqCommand(broker, ...[
    ...["config", "set", "topic", topic, "min.cleanable.dirty.ratio=0.01"],
  ]);
  const startMs = performance.now();
  while (!isCleaned(data, topic)) {
    if (performance.now() - startMs > TIMEOUT_MS) {
      throw new Error(`${broker.name} has not compacted "${topic}"`);
    }
    await new Promise((done) => setTimeout(done, 20));
  }
  return (performance.now() - startMs) / 1000;
}

async function measure(broker: Broker, data: string): Promise<Figures> {
  await clean(broker, data, "warm");
  const { pid } = broker.process;
  const before = cpuSeconds(pid);
  const seconds = await clean(broker, data, "quiet");
  const usedSeconds = cpuSeconds(pid) - before;
  const { port } = broker;
  const produce = (until: Promise<unknown>) =>
    produceSteadily(port, LOAD_TOPIC, until);
  const idle = new Promise((done) => setTimeout(done, IDLE_LOAD_MS));
  const idleLoad = await produce(idle);
  const cleaning = clean(broker, data, "loaded");
  const load = await produce(cleaning);
  const loadedSeconds = await cleaning;
  return { seconds, cpuSeconds: usedSeconds, loadedSeconds, load, idleLoad };
}

/** Starts a broker twice: to make the topics, and on their segments. */
async function runOn(
  start: (directory: string) => Promise<Broker>,
  directory: string,
  data: string,
): Promise<Figures> {
  let broker = await start(directory);
  try {
    await createTopics(broker);
    await stop(broker);
    placeSegments(data);
    broker = await start(directory);
    return await measure(broker, data);
  } finally {
    await stop(broker);
    await Deno.remove(directory, { recursive: true });
  }
}

function rowsOf(rounds: readonly [Figures, Figures][]): Row[] {
  const row = (
    figure: string,
    pick: (figures: Figures) => number,
    bound?: Row["bound"],
  ): Row => {
    const [kq, kafka] = [0, 1].map((i) =>
      middle(rounds.map((both) => pick(both[i])))
    );
    return { figure, kq, kafka, bound };
  };
  const what = `compact ${TOPIC_MB} MB`;
  return [
    row(`${what}, s`, ({ seconds }) => seconds, ["<=", 1]),
    row(`${what}, broker cpu s`, (each) => each.cpuSeconds, ["<=", 0.7]),
    row(`${what} while producing, s`, (each) => each.loadedSeconds),
    row("produce meanwhile, p99 ms", ({ load }) => load.p99Ms, ["<=", 1]),
    row("produce meanwhile, longest ms", ({ load }) => load.maxMs),
    row("produce before, p99 ms", ({ idleLoad }) => idleLoad.p99Ms),
  ];
}

try {
  await timed(kq, ["version"]);
  for (const [topic, sizeMb] of Object.entries(TOPICS)) {
    makeSegments(topic, sizeMb);
  }
  const rounds: [Figures, Figures][] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const directories = [`${work}/kq-${i}`, `${work}/kafka-${i}`];
    rounds.push([
      await runOn(
        (path) => startKq(kq, KQ_PORT, path, CLEANER),
        directories[0],
        directories[0],
      ),
      await runOn(
        (path) => startKafka(classPath, KAFKA_PORT, path, CLEANER),
        directories[1],
        `${directories[1]}/data`,
      ),
    ]);
    console.error(`bench: compaction round ${i + 1} of ${ROUNDS} is done`);
  }
  console.log(`\n${new Date().toISOString().slice(0, 10)}, ${kq}\n`);
  printTable(rowsOf(rounds));
} finally {
  await Deno.remove(work, { recursive: true });
}
