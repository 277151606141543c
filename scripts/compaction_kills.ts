// The broker is killed with kill -9 again and again while it compacts a topic that
// four clients update all the time. After each start the topic is read from its
// beginning, and once more at the end, when all of it is clean:
//
//   no key goes back       its newest record is the last one acknowledged, or later
//   no offset changes      each record is where its acknowledgement said
//   nothing is kept twice  in the end each key has its newest record, and no other
//   others can read it     Kafka's DumpLogSegments reads every segment and index
//                          (where there are Java and Maven), and so does kq
//
//   deno run -A scripts/compaction_kills.ts --seed 7 --records 1000000 --every 5000
//
// Ends with 1 where that does not hold, and leaves the files where they are.

import { type Admin, createAdmin } from "../core/client/admin.ts";
import { createConsumer } from "../core/client/consumer.ts";
import { createProducer, type Producer } from "../core/client/producer.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { SimRandom } from "../core/testing/sim_random.ts";
import { checkSegments } from "./conformance/segments.ts";
import {
  BrokerProcess,
  KqProcess,
  numberFlags,
  pause,
} from "./kills/kq_process.ts";

const flags = numberFlags(Deno.args, {
  seed: Math.floor(Math.random() * 1e9),
  records: 1_000_000,
  keys: 1000,
  clients: 4,
  partitions: 4,
  /** Updates of all clients in a second. */
  rate: 20_000,
  /** Milliseconds between two kills, about. */
  every: 5000,
});
const TOPIC = "updates";
const VALUE_BYTES = 100;
const TICK_MS = 10;
const DELETE_DELAY_MS = 500;
const decoder = new TextDecoder();

const random = new SimRandom(flags.seed);
const host = denoHost();
const work = await Deno.makeTempDir({ prefix: "kq-compaction-kills-" });
const broker = new BrokerProcess(work, [
  "log.cleaner.backoff.ms=50",
  // So slow that a run is always under way.
  "log.cleaner.io.max.bytes.per.second=8000000",
  `log.segment.delete.delay.ms=${DELETE_DELAY_MS}`,
]);
const partitions = Array.from(
  { length: flags.partitions },
  (_, partition) => ({ topic: TOPIC, partition }),
);
const startMs = performance.now();
const problems: string[] = [];

function say(line: string): void {
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${seconds.padStart(6)} s  ${line}`);
}

/** One client: every key belongs to one of them, so that its updates have an order. */
class Client {
  readonly index: number;
  readonly #producer: Producer;
  readonly #count: number;
  /** By number of the update: where it was acknowledged; -1 until then. */
  readonly offsets: Float64Array;
  #sentCount = 0;
  #failure: Error | null = null;

  constructor(index: number) {
    this.index = index;
    this.#count = Math.floor(flags.records / flags.clients);
    this.offsets = new Float64Array(this.#count).fill(-1);
    this.#producer = createProducer(host, {
      "bootstrap.servers": broker.address,
      "enable.idempotence": "true",
      "linger.ms": "5",
      "batch.size": "4096",
      "reconnect.backoff.max.ms": "100",
    });
  }

  get count(): number {
    return this.#count;
  }

  /** The key of an update. */
  keyOf(update: number): string {
    // Few keys get most of the updates, and each gets some.
    const count = Math.ceil(
      (flags.keys - this.index) / flags.clients,
    );
    const spread = update % 3 === 0
      ? Math.floor(update / 3) % count
      : update * update % Math.max(1, Math.floor(count / 4));
    return `key-${spread * flags.clients + this.index}`;
  }

  async run(): Promise<void> {
    const perMs = flags.rate / flags.clients / 1000;
    const beganMs = performance.now();
    while (this.#sentCount < this.#count) {
      const due = Math.min(this.#count, (performance.now() - beganMs) * perMs);
      for (; this.#sentCount < due; this.#sentCount++) this.#send();
      if (this.#failure !== null) throw this.#failure;
      await pause(TICK_MS);
    }
    await this.#producer.flush();
    await this.#producer.close();
    if (this.#failure !== null) throw this.#failure;
  }

  /** The last update of each key that was acknowledged. */
  addNewest(newest: Map<string, Newest>): void {
    for (let update = 0; update < this.#sentCount; update++) {
      const offset = this.offsets[update];
      if (offset < 0) continue;
      newest.set(this.keyOf(update), { update, offset });
    }
  }

  #send(): void {
    const update = this.#sentCount;
    void this.#producer.sendNoWait({
      topic: TOPIC,
      key: this.keyOf(update),
      value: `${this.index}:${update}:`.padEnd(VALUE_BYTES, "."),
    }, (error, metadata) => {
      if (error !== null) this.#failure ??= error;
      else this.offsets[update] = metadata!.offset;
    });
  }
}

interface Newest {
  readonly update: number;
  readonly offset: number;
}

const clients = Array.from({ length: flags.clients }, (_, i) => new Client(i));

/** Reads the topic from its beginning, and compares it with what was acknowledged. */
async function check(isEnd: boolean): Promise<number> {
  const newest = new Map<string, Newest>();
  for (const client of clients) client.addNewest(newest);
  const found = new Map<string, Newest>();
  let recordCount = 0;
  const consumer = createConsumer(host, {
    "bootstrap.servers": broker.address,
    "auto.offset.reset": "earliest",
  });
  const ends = await consumer.endOffsets(partitions, { timeoutMs: 30_000 });
  const open = new Map<number, number>();
  for (const { partition, error, value } of ends) {
    if (error !== null) throw error;
    if (value!.offset > 0) open.set(partition, value!.offset);
  }
  consumer.assign(partitions);
  const last = partitions.map(() => -1);
  while (open.size > 0) {
    for (const { partition, records } of await consumer.poll(1000)) {
      for (const { offset, key, value } of records) {
        if (offset <= last[partition]) {
          problems.push(`${partition}: ${offset} after ${last[partition]}`);
        }
        last[partition] = offset;
        if (offset >= (open.get(partition) ?? 0) && !isEnd) continue;
        recordCount++;
        const [index, update] = decoder.decode(value!).split(":").map(Number);
        const name = decoder.decode(key!);
        const acknowledged = clients[index].offsets[update];
        if (acknowledged >= 0 && acknowledged !== offset) {
          problems.push(
            `update ${index}:${update} is at ${offset}, acknowledged at ${acknowledged}`,
          );
        }
        if (clients[index].keyOf(update) !== name) {
          problems.push(`update ${index}:${update} has the key ${name}`);
        }
        if (isEnd && found.has(name)) {
          problems.push(`${name} has more than one record, one at ${offset}`);
        }
        found.set(name, { update, offset });
      }
    }
    for (const { topic, partition } of partitions) {
      const position = await consumer.position({ topic, partition });
      if (position >= (open.get(partition) ?? 0)) open.delete(partition);
    }
  }
  await consumer.close();
  for (const [key, { update, offset }] of newest) {
    const there = found.get(key);
    if (there === undefined || there.update < update) {
      problems.push(
        `${key}: update ${update} was acknowledged at ${offset}, the newest found is ${
          there?.update ?? "none"
        }`,
      );
    }
  }
  if (isEnd) {
    const total = ends.reduce((sum, { value }) => sum + value!.offset, 0);
    const sent = clients.reduce((sum, { count }) => sum + count, 0);
    if (total !== sent) {
      problems.push(`${total} offsets for ${sent} updates`);
    }
  }
  return recordCount;
}

/** @returns Whether a run was under way within a second. */
async function waitForRun(admin: Admin): Promise<boolean> {
  const untilMs = performance.now() + 1000;
  while (performance.now() < untilMs) {
    const described = await admin.describeCompaction(partitions);
    if (described.some(({ value }) => value?.isRunning)) return true;
    await pause(2);
  }
  return false;
}

async function compactAll(): Promise<void> {
  const files = { out: `${work}/compact.out`, err: `${work}/compact.err` };
  const exitCode = await new KqProcess(
    ["compact", TOPIC, "-b", broker.address, "-o", "csv"],
    files,
  ).finished;
  if (exitCode !== 0) {
    problems.push(`kq compact: ${await Deno.readTextFile(files.err)}`);
  }
}

async function killAll(admin: Admin, isDone: () => boolean): Promise<void> {
  let killCount = 0;
  let duringRunCount = 0;
  for (;;) {
    const lifeMs = random.between(
      Math.floor(flags.every * 0.8),
      Math.floor(flags.every * 1.2),
    );
    const endMs = performance.now() + lifeMs;
    while (performance.now() < endMs && !isDone()) await pause(20);
    if (isDone()) break;
    if (await waitForRun(admin)) duringRunCount++;
    await broker.end("SIGKILL");
    killCount++;
    await broker.start();
    const recordCount = await check(false);
    say(`kill ${killCount}: ${recordCount} records are left`);
    if (problems.length > 0) break;
  }
  say(`${killCount} kills, ${duringRunCount} of them during a run`);
}

function connect(): Admin {
  return createAdmin(host, {
    "bootstrap.servers": broker.address,
    "reconnect.backoff.max.ms": "100",
  });
}

say(
  `seed ${flags.seed}: ${flags.records} updates of ${flags.keys} keys by ${flags.clients} clients, a kill each ${flags.every} ms`,
);
try {
  await broker.start();
  const admin = connect();
  await admin.createTopics([{
    name: TOPIC,
    partitionCount: flags.partitions,
    configs: {
      "cleanup.policy": "compact",
      "segment.bytes": "500000",
      "min.cleanable.dirty.ratio": "0.01",
    },
  }]);
  let isDone = false;
  const writing = Promise.all(clients.map((client) => client.run()))
    .finally(() => isDone = true);
  writing.catch(() => {});
  await killAll(admin, () => isDone);
  await writing;
  await broker.end("SIGKILL");
  await broker.start();
  await compactAll();
  say(`${await check(true)} records are left in the end`);
  admin.close();
  // What was replaced is removed a little later.
  await pause(2 * DELETE_DELAY_MS);
  await broker.end("SIGTERM");
  for (
    const { feature, outcome, reason } of await checkSegments(`${work}/data`)
  ) {
    say(`${feature}: ${outcome} ${reason}`);
    if (outcome !== "pass") problems.push(`${feature}: ${reason}`);
  }
  const verified = await new KqProcess(
    ["log", "verify", `${work}/data`],
    { out: `${work}/verify.out`, err: `${work}/verify.out` },
  ).finished;
  if (verified !== 0) problems.push(`kq log verify: see ${work}/verify.out`);
} finally {
  await broker.end("SIGKILL");
}
if (problems.length > 0) {
  for (const line of problems.slice(0, 20)) console.log(line);
  console.log(
    `FAILED  deno run -A scripts/compaction_kills.ts ${
      Object.entries(flags).map(([key, value]) => `--${key} ${value}`).join(" ")
    }\nfiles are in ${work}`,
  );
  Deno.exit(1);
}
await Deno.remove(work, { recursive: true });
say("ok");
