// The broker is killed with kill -9, at moments that a seed gives, while records
// are written, old ones are deleted, logs are compacted, and topics come and go.
// After each kill its files are looked at as they are, and in every other round
// repaired; after each start the records are read.
//
//   kept       every record that was acknowledged is there, at its offset
//   aged       the same from where the log starts, and that never moves back
//   compacted  of each key the newest acknowledged record, or a later one
//   passing-N  a topic that was made is there, with records of its own only; one
//              that was deleted is not
//
//   deno run -A scripts/log_kills.ts --seed 7 --rounds 20
//
// Ends with 1 where that does not hold, and leaves the files where they are.

import { type Admin, createAdmin } from "../core/client/admin.ts";
import { createConsumer } from "../core/client/consumer.ts";
import { createProducer, type Producer } from "../core/client/producer.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { SimRandom } from "../core/testing/sim_random.ts";
import {
  BrokerProcess,
  KqProcess,
  numberFlags,
  pause,
} from "./kills/kq_process.ts";

const flags = numberFlags(Deno.args, {
  seed: Math.floor(Math.random() * 1e9),
  rounds: 10,
  /** Milliseconds that a life lasts at most. */
  life: 1500,
});
const PARTITION_COUNT = 2;
const PASSING_COUNT = 3;
const KEY_COUNT = 40;
const PADDING = "x".repeat(60);
const decoder = new TextDecoder();

const random = new SimRandom(flags.seed);
const host = denoHost();
const work = await Deno.makeTempDir({ prefix: "kq-log-kills-" });
const broker = new BrokerProcess(work, [
  "log.retention.check.interval.ms=100",
  "log.segment.delete.delay.ms=100",
  "log.cleaner.backoff.ms=50",
  "log.flush.offset.checkpoint.interval.ms=300",
  "log.flush.start.offset.checkpoint.interval.ms=300",
]);
const problems: string[] = [];
let acknowledgedCount = 0;
let createdCount = 0;

const TOPICS = {
  kept: {},
  aged: { "retention.bytes": "60000" },
  compacted: {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.01",
  },
};
const WRITTEN = (Object.keys(TOPICS) as (keyof typeof TOPICS)[]).flatMap(
  (topic) =>
    Array.from({ length: PARTITION_COUNT }, (_, partition) => ({
      topic,
      partition,
      /** Numbers of records by offset, as acknowledged. */
      acknowledged: new Map<number, number>(),
      sentCount: 0,
      startOffset: 0,
    })),
);
type Written = typeof WRITTEN[number];

/** A topic that is made, filled and deleted all the time. */
interface Passing {
  readonly name: string;
  /** Counts how often it was made. */
  generation: number;
  /** Whether it is there; `null` where the answer was lost. */
  exists: boolean | null;
  acknowledgedCount: number;
}

const passing: readonly Passing[] = Array.from(
  { length: PASSING_COUNT },
  (_, i) => ({
    name: `passing-${i}`,
    generation: 0,
    exists: false,
    acknowledgedCount: 0,
  }),
);

function connect(): Admin {
  return createAdmin(host, {
    "bootstrap.servers": broker.address,
    "reconnect.backoff.max.ms": "100",
    "default.api.timeout.ms": "2000",
    "request.timeout.ms": "1500",
  });
}

function producer(): Producer {
  return createProducer(host, {
    "bootstrap.servers": broker.address,
    "linger.ms": "2",
    "batch.size": "2000",
    "request.timeout.ms": "1000",
    "delivery.timeout.ms": "2000",
    "reconnect.backoff.max.ms": "100",
  });
}

/** Writes to all partitions until told to stop. */
async function writeOn(to: Producer, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    for (const written of WRITTEN) {
      for (let i = 0; i < 15; i++) write(to, written);
    }
    await pause(5);
  }
}

function write(to: Producer, written: Written): void {
  const number = written.sentCount++;
  to.sendNoWait({
    topic: written.topic,
    partition: written.partition,
    key: `key-${number % KEY_COUNT}`,
    value: `${number}:${PADDING}`,
  }, (error, metadata) => {
    if (error !== null) return; // It may be there, or not.
    written.acknowledged.set(metadata!.offset, number);
    acknowledgedCount++;
  });
}

/** Makes, fills and deletes one topic again and again until the broker is gone. */
async function passOn(
  admin: Admin,
  to: Producer,
  topic: Passing,
  isOver: () => boolean,
): Promise<void> {
  try {
    while (!isOver()) {
      if (topic.exists === false) {
        topic.exists = null;
        topic.generation++;
        topic.acknowledgedCount = 0;
        const [{ error }] = await admin.createTopics([{
          name: topic.name,
          partitionCount: 1,
          configs: { "segment.bytes": "2000" },
        }]);
        if (error !== null) throw error;
        topic.exists = true;
        createdCount++;
      }
      for (let i = 0; i < 30 && !isOver(); i++) {
        const value = `${topic.generation}:${PADDING}`;
        await to.send({ topic: topic.name, partition: 0, value });
        topic.acknowledgedCount++;
      }
      if (isOver()) return;
      topic.exists = null;
      const [{ error }] = await admin.deleteTopics([topic.name]);
      if (error !== null) throw error;
      topic.exists = false;
    }
  } catch {
    // The broker was killed; what it was asked last it may have done, or not.
  }
}

/** Reads partitions from their start to their end as it is now. */
async function readAll(
  places: readonly { readonly topic: string; readonly partition: number }[],
  take: (
    place: { readonly topic: string; readonly partition: number },
    record: { offset: number; key: string; value: string },
  ) => void,
): Promise<Map<string, number>> {
  const consumer = createConsumer(host, {
    "bootstrap.servers": broker.address,
    "auto.offset.reset": "earliest",
  });
  const open = new Map<string, number>();
  const endsByName = new Map<string, number>();
  const nameOf = ({ topic, partition }: { topic: string; partition: number }) =>
    `${topic}-${partition}`;
  for (
    const end of await consumer.endOffsets(places, { timeoutMs: 30_000 })
  ) {
    if (end.error !== null) throw end.error;
    endsByName.set(nameOf(end), end.value!.offset);
    if (end.value!.offset > 0) open.set(nameOf(end), end.value!.offset);
  }
  consumer.assign(places);
  while (open.size > 0) {
    for (const { topic, partition, records } of await consumer.poll(500)) {
      for (const { offset, key, value } of records) {
        take({ topic, partition }, {
          offset,
          key: key === null ? "" : decoder.decode(key),
          value: value === null ? "" : decoder.decode(value),
        });
      }
    }
    for (const place of places) {
      const position = await consumer.position(place);
      if (position >= (open.get(nameOf(place)) ?? 0)) {
        open.delete(nameOf(place));
      }
    }
  }
  await consumer.close();
  return endsByName;
}

async function checkWritten(): Promise<void> {
  const found = new Map(
    WRITTEN.map((written) => [written, new Map<number, number>()]),
  );
  const newest = new Map(
    WRITTEN.map((written) => [written, new Map<number, number>()]),
  );
  const ends = await readAll(WRITTEN, ({ topic, partition }, record) => {
    const written = WRITTEN.find((each) =>
      each.topic === topic && each.partition === partition
    )!;
    const number = Number(record.value.split(":")[0]);
    const known = written.acknowledged.get(record.offset);
    if (known !== undefined && known !== number) {
      problems.push(
        `${topic}-${partition}: record ${number} is at ${record.offset}, where ${known} was acknowledged`,
      );
    }
    found.get(written)!.set(record.offset, number);
    newest.get(written)!.set(number % KEY_COUNT, record.offset);
  });
  for (const written of WRITTEN) {
    const { topic, partition, acknowledged } = written;
    const name = `${topic}-${partition}`;
    const offsets = found.get(written)!;
    const first = Math.min(...offsets.keys(), ends.get(name)!);
    if (topic === "kept" && first > 0 && acknowledged.size > 0) {
      problems.push(`${name} starts at ${first}`);
    }
    if (topic === "aged" && first < written.startOffset) {
      problems.push(
        `${name} starts at ${first}, before ${written.startOffset}`,
      );
    }
    written.startOffset = first;
    for (const [offset, number] of acknowledged) {
      const isThere = topic === "compacted"
        ? (newest.get(written)!.get(number % KEY_COUNT) ?? -1) >= offset
        : offset < first || offsets.has(offset);
      if (!isThere) problems.push(`${name}: ${offset} is lost`);
    }
  }
}

async function checkPassing(admin: Admin): Promise<void> {
  const names = new Set((await admin.listTopics()).map(({ name }) => name));
  for (const topic of passing) {
    const { name, exists, generation } = topic;
    const isThere = names.has(name);
    if (exists !== null && exists !== isThere) {
      problems.push(`${name} (${generation}) is there: ${isThere}`);
    }
    let count = 0;
    if (isThere) {
      await readAll([{ topic: name, partition: 0 }], (_, { value }) => {
        count++;
        if (value.startsWith(`${generation}:`)) return;
        problems.push(
          `${name} (${generation}) has a record of another: ${value}`,
        );
      });
    }
    if (exists === true && count < topic.acknowledgedCount) {
      problems.push(
        `${name} (${generation}) has ${count} of ${topic.acknowledgedCount} records`,
      );
    }
    topic.exists = isThere;
  }
}

/** What `kq log verify` finds; a repair must leave nothing. */
async function verify(args: readonly string[]): Promise<string[]> {
  const out = `${work}/verify.out`;
  await Deno.remove(out).catch(() => {});
  const exitCode = await new KqProcess(
    ["log", "verify", `${work}/data`, "-o", "json", ...args],
    { out, err: `${work}/verify.err` },
  ).finished;
  const rows: {
    path: string;
    text: string;
    repair: string;
    isRepaired?: boolean;
  }[] = JSON.parse(await Deno.readTextFile(out));
  const isRepair = args.length > 0;
  const wrong = rows.filter(({ repair, isRepaired }) =>
    isRepair ? isRepaired !== true : repair === "none"
  );
  if (exitCode !== 0 && isRepair && wrong.length === 0) {
    return [`kq log verify ended with ${exitCode}`];
  }
  return wrong.map(({ path, text }) => `${path}: ${text}`);
}

async function liveAndDie(): Promise<void> {
  let isOver = false;
  const [admin, to] = [connect(), producer()];
  const working = Promise.all([
    writeOn(to, () => isOver),
    ...passing.map((topic) => passOn(admin, to, topic, () => isOver)),
  ]);
  await pause(random.between(200, flags.life));
  await broker.end("SIGKILL");
  isOver = true;
  admin.close();
  await to.close({ timeoutMs: 0 }).catch(() => {});
  await working;
}

console.log(`seed ${flags.seed}: ${flags.rounds} kills`);
try {
  await broker.start();
  const maker = connect();
  const made = await maker.createTopics(
    Object.entries(TOPICS).map(([name, configs]) => ({
      name,
      partitionCount: PARTITION_COUNT,
      configs: { "segment.bytes": "20000", ...configs },
    })),
  );
  for (const { error } of made) if (error !== null) throw error;
  maker.close();
  for (let round = 1; round <= flags.rounds; round++) {
    await liveAndDie();
    // A process that was killed leaves nothing torn: the system has it all.
    problems.push(...await verify([]));
    if (round % 2 === 0) {
      problems.push(...await verify(["--repair", "--truncate-tail"]));
    }
    await broker.start();
    const admin = connect();
    await checkWritten();
    await checkPassing(admin);
    admin.close();
    console.log(
      `round ${round}: ${acknowledgedCount} records acknowledged, ${createdCount} topics made`,
    );
    if (problems.length > 0) break;
  }
  await pause(400); // What was deleted is removed a little later.
  await broker.end("SIGTERM");
  problems.push(...await verify(["--repair"]));
} finally {
  await broker.end("SIGKILL");
}
if (problems.length > 0) {
  for (const line of problems.slice(0, 20)) console.log(line);
  console.log(
    `FAILED  deno run -A scripts/log_kills.ts ${
      Object.entries(flags).map(([key, value]) => `--${key} ${value}`).join(" ")
    }\nfiles are in ${work}`,
  );
  Deno.exit(1);
}
await Deno.remove(work, { recursive: true });
console.log("ok");
