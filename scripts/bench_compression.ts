// What recompression costs: see scripts/bench.
//
// One producer sends batches of JSON-like records, not compressed, to topics
// that ask for a codec, so that the broker compresses all of them. Batches are
// encoded once, and the producer only copies them, so that the load leaves the
// broker the machine. In each of three rounds both brokers start anew and get a
// warm-up, then the codecs in turn; a figure is the median of its rounds.

import { type Broker, startKafka, startKq, stop } from "./bench_brokers.ts";
import { cpuSeconds, timed } from "./bench_probe.ts";
import { middle, printTable, type Row } from "./bench_table.ts";
import { kafkaClassPath } from "./conformance/apache_kafka.ts";
import { createAdmin } from "../core/client/admin.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { encodeBatch } from "../core/record/record_batch.ts";
import { KafkaConnection } from "../core/rpc/client.ts";
import { exchange } from "../core/rpc/exchange.ts";
import { errorByCode } from "../core/wire/kafka/errors.ts";
import {
  produceRequest,
  produceResponse,
} from "../core/wire/kafka/messages/produce.ts";

const PRODUCE = exchange(produceRequest, produceResponse);
const PRODUCE_VERSION = 9;
const KQ_PORT = 29296;
const KAFKA_PORT = 29396;
const ROUNDS = 3;
const TYPES = ["producer", "gzip", "snappy", "lz4", "zstd"] as const;
const RECORDS_PER_BATCH = 125;
const BATCHES = 16;
const WARM_UP_BATCHES = 400;
const MEASURED_BATCHES = 1600;
/** As many as Kafka's own producer keeps. */
const IN_FLIGHT = 5;

type Type = (typeof TYPES)[number];
type Figures = Record<Type, { readonly mbPerSecond: number; cpu: number }>;

const kq = Deno.args[0] ?? "dist/kq";
const found = await kafkaClassPath();
if (found === null) {
  console.error("bench: Apache Kafka cannot be had here: it takes Java, Maven");
  Deno.exit(1);
}
const classPath = found;
const host = denoHost();
const work = await Deno.makeTempDir({ prefix: "kq-bench-" });

/** The same numbers in every run. */
let state = 12345;
function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 2 ** 32 * below);
}

const WORDS = ("order payment customer shipped pending address delivery item " +
  "refund invoice street returned warehouse parcel discount account").split(
    " ",
  );

/** A JSON object of 1,000 bytes, of keys that repeat and values that do not. */
function json(id: number): Uint8Array {
  const start = JSON.stringify({
    id,
    customer: `customer-${random(100_000)}`,
    time: new Date(1.7e12 + random(1e9)).toISOString(),
    status: WORDS[random(WORDS.length)],
    amount: random(1_000_000) / 100,
    token: random(2 ** 31).toString(36) + random(2 ** 31).toString(36),
  });
  let note = "";
  while (note.length < 1000) {
    note += random(3) === 0
      ? `${random(10_000)} `
      : `${WORDS[random(WORDS.length)]} `;
  }
  const text = `${start.slice(0, -1)},"note":"${note}`.slice(0, 998) + '"}';
  return new TextEncoder().encode(text);
}

const batches = Array.from({ length: BATCHES }, (_, i) =>
  encodeBatch({
    records: Array.from({ length: RECORDS_PER_BATCH }, (_, j) => ({
      timestampMs: 1.7e12 + j,
      key: null,
      value: json(i * RECORDS_PER_BATCH + j),
    })),
  }));

async function send(
  connection: KafkaConnection,
  topic: string,
  count: number,
): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < count) {
      const records = batches[next++ % BATCHES];
      const { responses } = await connection.sendAs(PRODUCE, PRODUCE_VERSION, {
        acks: 1,
        timeoutMs: 30_000,
        topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
      });
      const { errorCode } = responses[0].partitionResponses[0];
      if (errorCode !== 0) {
        throw new Error(`Got ${errorByCode(errorCode).name}`);
      }
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, one));
}

async function createTopics({ port }: Broker): Promise<void> {
  const admin = createAdmin(host, { "bootstrap.servers": `127.0.0.1:${port}` });
  await admin.createTopics(TYPES.map((type) => ({
    name: type,
    partitionCount: 1,
    replicationFactor: 1,
    configs: { "compression.type": type },
  })));
  admin.close();
  // A new topic takes its time to have a leader.
  await new Promise((done) => setTimeout(done, 1000));
}

async function round(brokers: readonly Broker[]): Promise<Figures[]> {
  const connections = [];
  for (const broker of brokers) {
    await createTopics(broker);
    connections.push(
      await KafkaConnection.open(
        host,
        { host: "127.0.0.1", port: broker.port },
        { clientId: "bench" },
      ),
    );
  }
  const figures = brokers.map(() => ({}) as Figures);
  for (const type of TYPES) {
    for (const [i, broker] of brokers.entries()) {
      await send(connections[i], type, WARM_UP_BATCHES);
      const before = cpuSeconds(broker.process.pid);
      const startMs = performance.now();
      await send(connections[i], type, MEASURED_BATCHES);
      const seconds = (performance.now() - startMs) / 1000;
      const megabytes = MEASURED_BATCHES * batches[0].length / 1e6;
      figures[i][type] = {
        mbPerSecond: megabytes / seconds,
        cpu: cpuSeconds(broker.process.pid) - before,
      };
    }
  }
  for (const connection of connections) connection.close();
  return figures;
}

const brokers: Broker[] = [];
try {
  // A first start unpacks what a self-extracting file holds; it is not measured.
  await timed(kq, ["version"]);
  const rounds: Figures[][] = [];
  for (let i = 0; i < ROUNDS; i++) {
    brokers.push(
      await startKq(kq, KQ_PORT, `${work}/kq-${i}`),
      await startKafka(classPath, KAFKA_PORT, `${work}/kafka-${i}`),
    );
    rounds.push(await round(brokers));
    console.error(`bench: round ${i + 1} of ${ROUNDS} is done`);
    for (const broker of brokers.splice(0)) await stop(broker);
  }
  const row = (figure: string, pick: (figures: Figures) => number): Row => {
    const [kq, kafka] = [0, 1].map((i) =>
      middle(rounds.map((both) => pick(both[i])))
    );
    return { figure, kq, kafka };
  };
  console.log(`\n${new Date().toISOString().slice(0, 10)}, ${kq}\n`);
  const megabytes = Math.round(MEASURED_BATCHES * batches[0].length / 1e6);
  printTable(TYPES.flatMap((type) => {
    const name = type === "producer" ? "kept as it came" : `made ${type}`;
    return [
      row(`1 kB records, ${name}, MB/s`, (each) => each[type].mbPerSecond),
      row(
        `${megabytes} MB of 1 kB records, ${name}, broker cpu s`,
        (each) => each[type].cpu,
      ),
    ];
  }));
} finally {
  for (const broker of brokers) await stop(broker);
  await Deno.remove(work, { recursive: true });
}
