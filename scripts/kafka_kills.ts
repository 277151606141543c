// Apache Kafka in ZooKeeper mode on an ensemble of kq's coordinators: three brokers,
// a topic of three replicas, a producer that waits for all of them. Coordinators are
// killed with kill -9, the leader first, and then a broker, and started again; what
// the producer was told is stored must be there at the end, once.
//
//   deno run -A scripts/kafka_kills.ts --rounds 2 --throughput 500
//
// A round kills the coordinators' leader, another coordinator, and a broker: the
// controller, in every other round. Everything that produces and consumes is Apache
// Kafka's own.

import { kafkaClassPath, toolArgs } from "./conformance/apache_kafka.ts";
import { makeOrSkip } from "./kills/ensemble_process.ts";
import { freePort, numberFlags, pause } from "./kills/kq_process.ts";
import { RequestFailure, ZnodeSession } from "./kills/znode_session.ts";

const flags = numberFlags(Deno.args, {
  rounds: 2,
  throughput: 500,
  partitions: 6,
  kq: 3,
  zookeeper: 0,
});
const TOPIC = "kept";
const REPLICA_COUNT = 3;
const SESSION_TIMEOUT_MS = 6000;
const LIMIT_MS = 120_000;

const classPath = await kafkaClassPath();
if (classPath === null) {
  console.log(
    "skipped: Apache Kafka takes Java 17, and Maven for the first run",
  );
  Deno.exit(0);
}
const work = await Deno.makeTempDir({ prefix: "kq-kafka-kills-" });
const problems: string[] = [];
const problem = (text: string) => {
  console.log(`PROBLEM ${text}`);
  problems.push(text);
};
const ensemble = await makeOrSkip(
  [
    ...Array<"zookeeper">(flags.zookeeper).fill("zookeeper"),
    ...Array<"kq">(flags.kq).fill("kq"),
  ],
  work,
);

/** Starts a process whose output goes to files. */
function java(
  heap: string,
  mainClass: string,
  args: readonly string[],
  files: { readonly out: string; readonly err: string },
): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: [
      "-c",
      'out=$1 err=$2; shift 2; exec "$@" >>"$out" 2>>"$err"',
      "sh",
      files.out,
      files.err,
      "java",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      // The last of these counts.
      ...toolArgs(classPath!, mainClass, args).map((arg) =>
        arg.startsWith("-Xmx") ? heap : arg
      ),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** One of Apache Kafka's brokers. */
class KafkaBroker {
  readonly port = freePort();
  readonly #directory: string;
  #child: Deno.ChildProcess | null = null;

  constructor(readonly id: number) {
    this.#directory = `${work}/broker-${id}`;
    Deno.mkdirSync(this.#directory);
    const connect = ensemble.ports.map((port) => `127.0.0.1:${port}`).join();
    const properties = {
      "broker.id": id,
      "zookeeper.connect": `${connect}/kafka`,
      "zookeeper.session.timeout.ms": SESSION_TIMEOUT_MS,
      "listeners": `PLAINTEXT://127.0.0.1:${this.port}`,
      "log.dirs": `${this.#directory}/data`,
      "min.insync.replicas": 2,
      "offsets.topic.replication.factor": REPLICA_COUNT,
      "offsets.topic.num.partitions": 3,
    };
    Deno.writeTextFileSync(
      `${this.#directory}/server.properties`,
      Object.entries(properties).map(([key, value]) => `${key}=${value}\n`)
        .join(""),
    );
  }

  spawn(): void {
    const log = `${this.#directory}/server.log`;
    this.#child = java("-Xmx384m", "kafka.Kafka", [
      `${this.#directory}/server.properties`,
    ], { out: log, err: log });
  }

  async kill(): Promise<void> {
    if (this.#child === null) return;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    this.#child = null;
  }
}

/** Apache Kafka's own producer that says of each record what became of it. */
class VerifiedProducer {
  readonly #out = `${work}/producer.out`;
  readonly #child: Deno.ChildProcess;

  constructor(bootstrap: string) {
    this.#child = java(
      "-Xmx256m",
      "org.apache.kafka.tools.VerifiableProducer",
      [
        "--bootstrap-server",
        bootstrap,
        "--topic",
        TOPIC,
        "--throughput",
        `${flags.throughput}`,
        "--acks",
        "-1",
      ],
      { out: this.#out, err: `${work}/producer.err` },
    );
  }

  /** Values that are stored, by the brokers' word. */
  acknowledged(): string[] {
    const text = Deno.readTextFileSync(this.#out);
    return [
      ...text.matchAll(/"producer_send_success".*?"value":"(\d+)"/g),
    ].map(([, value]) => value);
  }

  async untilMore(what: string): Promise<void> {
    const startMs = performance.now();
    const before = this.acknowledged().length;
    await until(
      () => Promise.resolve(this.acknowledged().length > before + 100),
      `records after ${what}`,
    );
    console.log(
      `records are stored ${
        Math.round(performance.now() - startMs)
      } ms after ${what}`,
    );
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}

async function until(
  isSo: () => Promise<boolean>,
  what: string,
): Promise<void> {
  const untilMs = performance.now() + LIMIT_MS;
  while (!await isSo()) {
    if (performance.now() > untilMs) {
      throw new Error(`no ${what} after ${LIMIT_MS} ms`);
    }
    await pause(100);
  }
}

const reader = new ZnodeSession({
  ports: ensemble.ports,
  timeoutMs: 20_000,
  problem,
});

/** What stands at a path; `null` for nothing, or where nobody knows now. */
async function known<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof RequestFailure) return null;
    throw error;
  }
}

async function areRegistered(count: number): Promise<boolean> {
  const ids = await known(() => reader.children("/kafka/brokers/ids"));
  return ids?.length === count;
}

async function isReplicated(): Promise<boolean> {
  for (let partition = 0; partition < flags.partitions; partition++) {
    const state = await known(() =>
      reader.get(`/kafka/brokers/topics/${TOPIC}/partitions/${partition}/state`)
    );
    if (state === null) return false;
    const { isr } = JSON.parse(state.data) as { isr: number[] };
    if (isr.length < REPLICA_COUNT) return false;
  }
  return true;
}

async function tool(
  mainClass: string,
  args: readonly string[],
): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command("java", {
    args: toolArgs(classPath!, mainClass, args),
    stdout: "piped",
    stderr: "piped",
  }).output();
  const out = new TextDecoder().decode(stdout);
  if (success) return out;
  const err = new TextDecoder().decode(stderr);
  throw new Error(`${mainClass}: ${err.trim() || out.trim()}`);
}

async function runRound(
  round: number,
  brokers: readonly KafkaBroker[],
  producer: VerifiedProducer,
): Promise<void> {
  const leader = await ensemble.leader();
  await leader.end("SIGKILL");
  await producer.untilMore(
    `the coordinator's leader, ${leader.name}, is killed`,
  );
  await ensemble.start();
  const other = ensemble.servers[round % ensemble.servers.length];
  await other.end("SIGKILL");
  await producer.untilMore(`${other.name} is killed`);
  await ensemble.start();
  const { data } = await reader.get("/kafka/controller");
  const controller = (JSON.parse(data) as { brokerid: number }).brokerid;
  const broker = round % 2 === 0
    ? brokers.find(({ id }) => id === controller)!
    : brokers.find(({ id }) => id !== controller)!;
  await broker.kill();
  await until(() => areRegistered(2), "end of the broker's session");
  await producer.untilMore(`broker ${broker.id} is killed`);
  broker.spawn();
  await until(() => areRegistered(3), "return of the broker");
  await until(isReplicated, "full set of replicas");
}

const brokers = [1, 2, 3].map((id) => new KafkaBroker(id));
const bootstrap = brokers.map(({ port }) => `127.0.0.1:${port}`).join();
try {
  await ensemble.start();
  for (const broker of brokers) broker.spawn();
  await until(() => areRegistered(3), "three brokers");
  await tool("org.apache.kafka.tools.TopicCommand", [
    "--bootstrap-server",
    bootstrap,
    "--create",
    "--topic",
    TOPIC,
    "--partitions",
    `${flags.partitions}`,
    "--replication-factor",
    `${REPLICA_COUNT}`,
  ]);
  await until(isReplicated, "full set of replicas");
  const producer = new VerifiedProducer(bootstrap);
  await pause(1000);
  await producer.untilMore("the start");
  for (let round = 0; round < flags.rounds; round++) {
    await runRound(round, brokers, producer);
  }
  await producer.stop();
  const acknowledged = producer.acknowledged();
  const consumed =
    (await tool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
      "--bootstrap-server",
      bootstrap,
      "--topic",
      TOPIC,
      "--from-beginning",
      "--timeout-ms",
      "15000",
    ])).trim().split("\n");
  const stored = new Set(consumed);
  const lost = acknowledged.filter((value) => !stored.has(value));
  if (lost.length > 0) {
    problem(`${lost.length} records are lost: ${lost.slice(0, 10).join(", ")}`);
  }
  const doubleCount = consumed.length - stored.size;
  if (doubleCount > 0) problem(`${doubleCount} records are there twice`);
  console.log(
    `${acknowledged.length} records acknowledged, ${consumed.length} consumed, ${lost.length} lost, ${doubleCount} double`,
  );
} catch (error) {
  problem(error instanceof Error ? error.stack ?? error.message : `${error}`);
} finally {
  await reader.abandon();
  await Promise.all(brokers.map((broker) => broker.kill()));
  await ensemble.end();
}
if (problems.length === 0) await Deno.remove(work, { recursive: true });
else console.log(`all files are kept in ${work}`);
Deno.exit(problems.length === 0 ? 0 : 1);
