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
// `--librdkafka 1` one of the copiers is librdkafka's.
//
// Ends with 1 where that does not hold, and leaves the files where they are.

import { type Admin, createAdmin } from "../core/client/admin.ts";
import { createProducer } from "../core/client/producer.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { HoldingProxy } from "../core/testing/holding_proxy.ts";
import { drawHold } from "../core/testing/sim_scenario_held.ts";
import { EndWatch } from "../core/testing/end_watch.ts";
import type { HistoryWriter, Operation } from "../core/testing/history.ts";
import {
  type CheckerName,
  judgeHistory,
} from "../core/testing/history_checks.ts";
import { RecordedReader } from "../core/testing/recorded_reader.ts";
import { SimRandom } from "../core/testing/sim_random.ts";
import { apis } from "../core/wire/kafka/apis.ts";
import { pythonWith } from "./conformance/install.ts";
import { judgeCopy } from "./kills/copied.ts";
import type { CopierOrders } from "./kills/copier.ts";
import { historyFile, readHistoryFiles } from "./kills/history_files.ts";
import {
  BrokerProcess,
  denoCommand,
  freePort,
  KilledProcess,
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
  inputs: 4,
  outputs: 3,
  session: 3000,
  /** Milliseconds between two kills, at most. */
  between: 6000,
  /** How long records are produced at least, in seconds. */
  seconds: 1,
  /** How many of a hundred requests of copiers are held back, and for how long at most. */
  hold: 0,
  "hold-max": 30_000,
});
const INPUT = "numbers";
const OUTPUT = "copies";
const GROUP = "copiers";
const TRANSACTION_TIMEOUT_MS = 5000;
/** What the coordinator may take beyond that. */
const GRACE_MS = 10_000;
/** Records sent between two looks at the clock. */
const CHUNK_COUNT = 1000;
const LAST_RECORDS_MS = 180_000;
/** How a copier ends that has to be replaced. */
const BEYOND_USE = 3;

const random = new SimRandom(flags.seed);
const host = denoHost();
const work = await Deno.makeTempDir({ prefix: "kq-transaction-kills-" });
const broker = new BrokerProcess(work, [
  "group.initial.rebalance.delay.ms=0",
  "group.min.session.timeout.ms=1000",
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
  });
  broker.addListener({
    name: "HELD",
    address: `127.0.0.1:${port}`,
    advertised: `127.0.0.1:${started.address.port}`,
  });
  return started;
}

/** Producers that give up early, so that they overtake their own requests. */
const HASTE = {
  "request.timeout.ms": "1500",
  "delivery.timeout.ms": "4000",
};
const LIBRDKAFKA_HASTE = { ...HASTE, "socket.timeout.ms": "1500" };

/** One copier after another, under one transactional id most of the time. */
class CopierSlot {
  readonly #index: number;
  readonly #command: readonly string[];
  readonly #haste: { readonly [key: string]: string };
  #lifeCount = 0;
  #process: KilledProcess | null = null;
  #isOver = false;
  /** Lives that ended by themselves. */
  replacedCount = 0;

  constructor(index: number, command: readonly string[]) {
    this.#index = index;
    this.#command = command;
    this.#haste = command === KQ_COPIER ? HASTE : LIBRDKAFKA_HASTE;
  }

  start(): void {
    const life = this.#lifeCount++;
    const name = `${String.fromCharCode(97 + this.#index)}${life}`;
    // Another id leaves the last one's transaction open until it times out.
    const id = random.chance(0.2) ? name : `copier-${this.#index}`;
    const orders: CopierOrders = {
      name,
      seed: random.below(2 ** 31),
      bootstrap: proxy === null
        ? broker.address
        : `127.0.0.1:${proxy.address.port}`,
      directory: work,
      input: INPUT,
      output: OUTPUT,
      outputPartitionCount: flags.outputs,
      group: GROUP,
      consumer: {
        "session.timeout.ms": String(flags.session),
        "heartbeat.interval.ms": "500",
        "max.poll.records": String(random.pick([500, 1000, 3000])),
        // A static member's place is taken at once.
        ...random.chance(0.5)
          ? { "group.instance.id": `place-${this.#index}` }
          : {},
      },
      producer: {
        "transactional.id": id,
        "transaction.timeout.ms": String(TRANSACTION_TIMEOUT_MS),
        ...proxy === null ? {} : this.#haste,
      },
    };
    const started = this.#process = new KilledProcess(
      [...this.#command, JSON.stringify(orders)],
      { out: `${work}/${name}.out`, err: `${work}/${name}.err` },
    );
    void started.finished.then((code) => {
      if (this.#isOver || this.#process !== started) return;
      this.replacedCount++;
      if (code !== BEYOND_USE) {
        problems.push(`copier ${name} ended by itself, with ${code}`);
      }
      if (this.#lifeCount < 500) this.start();
    });
  }

  async kill(): Promise<void> {
    const victim = this.#process;
    this.#process = null;
    await victim?.end("SIGKILL");
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#process?.end("SIGKILL");
  }
}

const KQ_COPIER = denoCommand("scripts/kills/copier.ts");
const LIBRDKAFKA_COPIER = flags.librdkafka === 0 ? [] : [
  await pythonWith("confluent-kafka-2.16.1", ["confluent-kafka==2.16.1"]),
  new URL("kills/copier.py", import.meta.url).pathname,
];
const copiers = Array.from(
  { length: flags.copiers },
  (_, index) =>
    new CopierSlot(
      index,
      index < flags.librdkafka ? LIBRDKAFKA_COPIER : KQ_COPIER,
    ),
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
    if (sum(offsets) === flags.records) return;
    await pause(200);
  }
  problems.push(`committed at the end: ${offsets}`);
}

/**
 * Before epochs went up with each transaction, an end that comes late ends the
 * next transaction as well: part of it is seen, and it is copied again. What is
 * promised is that it hangs nowhere.
 */
const LET_PASS_BEFORE: ReadonlySet<CheckerName> = new Set([
  "aborted read",
  "precommitted read",
  "torn transaction",
]);
const isOlderAndLate = flags.hold > 0 && flags.librdkafka > 0;

function examplesOf(checker: CheckerName, examples: readonly string[]) {
  return examples.filter((each) => each.startsWith(`${checker}:`));
}

function judge(operations: readonly Operation[], lastSession: string): void {
  const { counts, examples, tally } = judgeHistory(operations, {
    isComplete: true,
  });
  const values = outputs.map((): string[] => []);
  for (const each of operations) {
    if (
      each.kind === "poll" && each.topic === OUTPUT &&
      each.session === lastSession
    ) values[each.partition].push(...each.values);
  }
  const copy = judgeCopy(values, {
    recordCount: flags.records,
    inputPartitionCount: flags.inputs,
  });
  say(
    `${tally.committedCount} transactions committed, ${tally.abortedCount} aborted, ${tally.unknownCount} of unknown end; ${tally.sentCount} values sent, ${tally.readCount} read as committed`,
  );
  say(
    `${flags.records} records: ${copy.missingCount} missing, ${copy.repeatedCount} repeated, ${copy.wrongCount} wrong, ${copy.misplacedCount} out of order; checkers found ${
      sum([...counts.values()])
    }`,
  );
  for (const [checker, count] of counts) {
    const line = `${count} × ${checker}`;
    if (isOlderAndLate && LET_PASS_BEFORE.has(checker)) {
      say(`${line}, which the older protocol lets pass`);
    } else problems.push(line, ...examplesOf(checker, examples));
  }
  if (!isOlderAndLate) problems.push(...copy.examples);
  if (tally.committedCount === 0 || tally.abortedCount === 0) {
    problems.push("a run without transactions of both kinds shows nothing");
  }
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
  intervalMs: 500,
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
  const seconds = Math.max(
    (flags.kills + flags["broker-kills"]) * flags.between / 2000,
    flags.seconds,
  );
  let isHurrying = false;
  await Promise.all([
    produce(history, () => isHurrying, flags.records / seconds),
    Promise.all([kill(admin, history), pause(seconds * 1000)])
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
judge(readHistoryFiles(work), String(reader.sessionCount - 1));
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
await Deno.remove(work, { recursive: true });
console.log("ok");
