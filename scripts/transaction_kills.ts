// Exactly-once copiers and their broker are killed with kill -9, at moments that a
// seed gives, while they move numbered records from one topic to another: each
// transaction has the copies, in several partitions, and the group's offsets; some
// are aborted on purpose. A reader of committed data looks on all the time, and
// begins again now and then.
//
//   output     every number once, in order, nothing aborted
//   history    of all processes, judged by the checkers of core/testing/history_checks.ts
//
//   deno run -A scripts/transaction_kills.ts --seed 7 --records 1000000 --kills 30 --broker-kills 30
//
// With `--hold 15` a proxy holds back 15 of a hundred requests of the copiers, for up
// to `--hold-max` milliseconds, and delivers them after what was sent later. With
// `--librdkafka 1` one of the copiers is librdkafka's, with `--java 1` one is Java's.
// With `--apache-kafka 1` Apache Kafka 3.9.1 is put through the same, instead of kq;
// it is not killed.
//
// Ends with 1 where that does not hold, and leaves the files where they are, as it
// does with `--keep 1`; `requests` there tells what came late.

import { type Admin, createAdmin } from "../core/client/admin.ts";
import { createProducer } from "../core/client/producer.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { HoldingProxy } from "../core/testing/holding_proxy.ts";
import { drawHold } from "../core/testing/sim_scenario_held.ts";
import { EndWatch } from "../core/testing/end_watch.ts";
import type { HistoryWriter } from "../core/testing/history.ts";
import { RecordedReader } from "../core/testing/recorded_reader.ts";
import { SimRandom } from "../core/testing/sim_random.ts";
import { apis } from "../core/wire/kafka/apis.ts";
import { ApacheKafkaProcess } from "./kills/apache_kafka_process.ts";
import {
  CopierSlot,
  javaCopier,
  kqCopier,
  librdkafkaCopier,
} from "./kills/copier_slot.ts";
import { judgeRun } from "./kills/copy_verdict.ts";
import { historyFile, readHistoryFiles } from "./kills/history_files.ts";
import { requestFile } from "./kills/request_file.ts";
import {
  BrokerProcess,
  freePort,
  numberFlags,
  pause,
} from "./kills/kq_process.ts";

const flags = numberFlags(Deno.args, {
  seed: Math.floor(Math.random() * 1e9),
  records: 60_000,
  kills: 4,
  "broker-kills": 4,
  copiers: 2,
  /** How many of them are librdkafka's. */
  librdkafka: 0,
  /** How many of the others are by Java's clients. */
  java: 0,
  inputs: 4,
  outputs: 3,
  session: 3000,
  /** 1 for groups of the newer protocol. */
  newer: 0,
  /** Milliseconds between two kills, at most. */
  between: 6000,
  /** How long records are produced at least, in seconds. */
  seconds: 1,
  /** How many of a hundred requests of copiers are held back, and for how long at most. */
  hold: 0,
  "hold-max": 30_000,
  /** 1 for Apache Kafka in the place of kq. */
  "apache-kafka": 0,
  /** 1 to leave the files where they are in any case. */
  keep: 0,
});
if (flags["apache-kafka"] === 1) flags["broker-kills"] = 0;
const INPUT = "numbers";
const OUTPUT = "copies";
const GROUP = "copiers";
const TRANSACTION_TIMEOUT_MS = 5000;
/** What the coordinator may take beyond that. */
const GRACE_MS = 10_000;
/** Records sent between two looks at the clock. */
const CHUNK_COUNT = 1000;
const LAST_RECORDS_MS = 180_000;

const random = new SimRandom(flags.seed);
const host = denoHost();
const work = await Deno.makeTempDir({ prefix: "kq-transaction-kills-" });
const Broker = flags["apache-kafka"] === 1 ? ApacheKafkaProcess : BrokerProcess;
const broker = new Broker(work, [
  "group.initial.rebalance.delay.ms=0",
  "group.min.session.timeout.ms=1000",
  `group.consumer.session.timeout.ms=${flags.session}`,
  "group.consumer.min.session.timeout.ms=1000",
  "group.consumer.heartbeat.interval.ms=500",
  "group.consumer.min.heartbeat.interval.ms=500",
  "offsets.topic.num.partitions=5",
  "transaction.state.log.num.partitions=5",
  "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000",
]);
const proxy = flags.hold === 0 ? null : await startProxy();
const client = {
  "bootstrap.servers": broker.address,
  "reconnect.backoff.max.ms": "100",
};
const inputs = placesOf(INPUT, flags.inputs);
const outputs = placesOf(OUTPUT, flags.outputs);
const problems: string[] = [];
const startMs = performance.now();

function say(line: string): void {
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${seconds.padStart(6)} s  ${line}`);
}

function placesOf(topic: string, count: number) {
  return Array.from({ length: count }, (_, partition) => ({
    topic,
    partition,
  }));
}

/** Between copiers and the broker: requests that come late, past later ones. */
async function startProxy(): Promise<HoldingProxy> {
  const port = freePort();
  const started = await HoldingProxy.start(host, {
    listen: { host: "127.0.0.1", port: 0 },
    target: { host: "127.0.0.1", port },
    holdMs: drawHold(random.fork(), {
      chance: flags.hold / 100,
      maxMs: flags["hold-max"],
    }),
    onDelivered: requestFile(work),
  });
  broker.addListener({
    name: "HELD",
    address: `127.0.0.1:${port}`,
    advertised: `127.0.0.1:${started.address.port}`,
  });
  return started;
}

const librdkafka = flags.librdkafka === 0 ? kqCopier : await librdkafkaCopier();
const java = flags.java === 0 ? kqCopier : await javaCopier();
const kinds = [
  ...Array.from({ length: flags.librdkafka }, () => librdkafka),
  ...Array.from({ length: flags.java }, () => java),
];
/** Whether a transaction has no epoch of its own. */
function isOlder(transaction: string): boolean {
  const index = copiers.findIndex((each) => each.hasWritten(transaction));
  return flags["apache-kafka"] === 1 || kinds[index] === librdkafka;
}

const copiers = Array.from(
  { length: flags.copiers },
  (_, index) =>
    new CopierSlot({
      index,
      kind: kinds[index] ?? kqCopier,
      random,
      isHasty: proxy !== null,
      orders: {
        bootstrap: proxy === null
          ? broker.address
          : `127.0.0.1:${proxy.address.port}`,
        directory: work,
        input: INPUT,
        output: OUTPUT,
        outputPartitionCount: flags.outputs,
        group: GROUP,
        consumer: flags.newer === 1 ? { "group.protocol": "consumer" } : {
          "session.timeout.ms": String(flags.session),
          "heartbeat.interval.ms": "500",
        },
        producer: {
          "transaction.timeout.ms": String(TRANSACTION_TIMEOUT_MS),
        },
      },
      onFailure: (name, exitCode) =>
        problems.push(`copier ${name} ended by itself, with ${exitCode}`),
    }),
);

/** Sends all numbers, at the pace that the kills take, and the rest at once. */
async function produce(
  history: HistoryWriter,
  isHurrying: () => boolean,
  perSecond: number,
): Promise<void> {
  const producer = createProducer(host, {
    ...client,
    "acks": "all",
    "enable.idempotence": "true",
    "linger.ms": "5",
    "delivery.timeout.ms": "600000",
    "max.block.ms": "600000",
  });
  const beganMs = performance.now();
  for (let first = 0; first < flags.records; first += CHUNK_COUNT) {
    const last = Math.min(first + CHUNK_COUNT, flags.records);
    const sending = inputs.map(async (place) => {
      const values: string[] = [];
      for (let number = first; number < last; number++) {
        if (number % flags.inputs === place.partition) {
          values.push(String(number));
        }
      }
      const id = history.begin({
        kind: "send",
        ...place,
        transaction: null,
        values,
        offsets: [],
      });
      const sent = await Promise.all(
        values.map((value) => producer.send({ ...place, value })),
      );
      history.end(id, "ok", { offsets: sent.map(({ offset }) => offset) });
    });
    await Promise.all(sending);
    const dueMs = beganMs + last / perSecond * 1000;
    while (!isHurrying() && performance.now() < dueMs) await pause(10);
  }
  await producer.close();
}

/** The group's offsets by partition; asked for in a history. */
async function askCommitted(
  admin: Admin,
  history: HistoryWriter,
): Promise<number[]> {
  const askedMs = Date.now();
  const [{ value, error }] = await admin.listGroupOffsets([{
    group: GROUP,
    partitions: null,
  }], { timeoutMs: 60_000 });
  if (error !== null) throw error;
  const offsets = new Array<number>(flags.inputs).fill(0);
  for (const { partition, offset } of value ?? []) {
    offsets[partition] = Math.max(0, offset);
    history.note({
      kind: "committed",
      ...inputs[partition],
      group: GROUP,
      offset,
      atMs: askedMs,
    });
  }
  return offsets;
}

async function kill(admin: Admin, history: HistoryWriter): Promise<void> {
  let copierCount = flags.kills;
  let brokerCount = flags["broker-kills"];
  while (copierCount + brokerCount > 0) {
    await pause(random.between(200, flags.between));
    const isBroker = random.below(copierCount + brokerCount) < brokerCount;
    if (!isBroker) {
      copierCount--;
      const victim = random.pick(copiers);
      await victim.kill();
      await pause(random.between(0, 500));
      victim.start();
      continue;
    }
    brokerCount--;
    await broker.end("SIGKILL");
    if (copierCount > 0 && random.chance(0.2)) {
      copierCount--;
      const victim = random.pick(copiers);
      await victim.kill();
      victim.start();
    }
    await pause(random.between(0, 500));
    await broker.start();
    const offsets = await askCommitted(admin, history);
    say(
      `${flags["broker-kills"] - brokerCount} kills of the broker, ${
        flags.kills - copierCount
      } of copiers; ${sum(offsets)} records copied`,
    );
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

async function untilCopied(
  admin: Admin,
  history: HistoryWriter,
): Promise<void> {
  const untilMs = performance.now() + LAST_RECORDS_MS;
  let offsets: number[] = [];
  while (performance.now() < untilMs) {
    offsets = await askCommitted(admin, history);
    if (sum(offsets) === flags.records) return say("all is copied");
    await pause(200);
  }
  problems.push(`committed at the end: ${offsets}`);
}

console.log(
  `seed ${flags.seed}: ${flags.records} records, ${flags.copiers} copiers, ${flags.kills} kills of copiers, ${
    flags["broker-kills"]
  } of the broker`,
);
const history = historyFile(work, "harness");
const reader = new RecordedReader({
  host,
  config: client,
  partitions: outputs,
  history: historyFile(work, "reader"),
  random: random.fork(),
  trace: () => {},
  backMax: Math.ceil(flags.records / 50),
  sessionMs: flags.between,
});
const watch = new EndWatch({
  host,
  config: client,
  partitions: outputs,
  history: historyFile(work, "ends"),
  intervalMs: 200,
});
let isOver = false;
let isDone = false;
try {
  await broker.start();
  const admin = createAdmin(host, client);
  await admin.createTopics([
    { name: INPUT, partitionCount: flags.inputs },
    { name: OUTPUT, partitionCount: flags.outputs },
  ]);
  for (const copier of copiers) copier.start();
  const watching = Promise.all([
    reader.run(() => isOver),
    watch.run(() => isOver),
  ]);
  // Somewhat longer than the kills take: the last ones have to hit something, too.
  const seconds = Math.max(
    (flags.kills + flags["broker-kills"]) * flags.between / 1600,
    flags.seconds,
  );
  let isHurrying = false;
  await Promise.all([
    produce(history, () => isHurrying, flags.records / seconds),
    Promise.all([kill(admin, history), pause(flags.seconds * 1000)])
      .finally(() => isHurrying = true),
  ]);
  say("all is produced, and all kills are over");
  await untilCopied(admin, history);
  await Promise.all(copiers.map((copier) => copier.end()));
  while ((proxy?.pendingCount ?? 0) > 0) await pause(100);
  // What the last copiers left open is ended by the coordinator.
  const untilMs = performance.now() + TRANSACTION_TIMEOUT_MS + GRACE_MS;
  await pause(1000);
  while (!watch.isSettled && performance.now() < untilMs) await pause(100);
  if (!watch.isSettled) problems.push("a transaction hangs at the end");
  isOver = true;
  await watching;
  await reader.readAll();
  admin.close();
  isDone = true;
} finally {
  await Promise.all(copiers.map((copier) => copier.end()));
  await broker.end("SIGKILL");
  proxy?.close();
  if (!isDone) say(`files are in ${work}`);
}
const standstillMaxMs = TRANSACTION_TIMEOUT_MS + GRACE_MS;
if (watch.longestMs > standstillMaxMs) {
  problems.push(
    `a last stable offset stood still for ${watch.longestMs} ms: ${watch.longestPlace}`,
  );
}
const verdict = judgeRun(readHistoryFiles(work), {
  recordCount: flags.records,
  inputPartitionCount: flags.inputs,
  output: OUTPUT,
  outputPartitionCount: flags.outputs,
  lastSession: String(reader.sessionCount - 1),
  isOlderAndLate: flags.hold > 0 ? isOlder : null,
});
verdict.lines.forEach(say);
problems.push(...verdict.problems);
say(
  `copiers replaced: ${
    sum(copiers.map(({ replacedCount }) => replacedCount))
  }; sessions of the reader: ${reader.sessionCount}; longest standstill of a last stable offset: ${
    Math.round(watch.longestMs)
  } ms`,
);
if (proxy !== null) {
  const { heldCount, lateCount, longestMs } = proxy.counts;
  const held = [...proxy.heldByApi].map(([key, count]) =>
    `${apis.get(key)!.name} ${count}`
  );
  say(
    `${heldCount} requests held (${
      held.join(", ")
    }), ${lateCount} of them delivered after their client had gone; the longest ${
      Math.round(longestMs)
    } ms`,
  );
}
if (problems.length > 0) {
  for (const line of problems) console.log(line);
  console.log(
    `FAILED  deno run -A scripts/transaction_kills.ts ${
      Object.entries(flags).map(([key, value]) => `--${key} ${value}`).join(" ")
    }\nfiles are in ${work}`,
  );
  Deno.exit(1);
}
if (flags.keep === 1) console.log(`files are in ${work}`);
else await Deno.remove(work, { recursive: true });
console.log("ok");
