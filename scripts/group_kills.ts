// Members of a group are killed with kill -9 while they share a topic of numbered
// records, at moments and in an order that a seed gives; the broker too, where
// asked. Each is a process of its own: `kq consume --group`.
//
//   nothing is skipped       every record is printed
//   only what was open comes again
//                            no record is printed anew that was committed when
//                            its reader was killed
//   partitions move          within the session timeout, and the time that the
//                            others take to hear of it
//
//   deno run -A scripts/group_kills.ts --seed 7 --records 1000000 --kills 20
//
// Ends with 1 where that does not hold, and leaves the files where they are.

import { type Admin, createAdmin } from "../core/client/admin.ts";
import { createProducer } from "../core/client/producer.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { SimRandom } from "../core/testing/sim_random.ts";
import {
  BrokerProcess,
  KqProcess,
  numberFlags,
  pause,
} from "./kills/kq_process.ts";
import { type Checkpoint, judge } from "./kills/printed.ts";

const flags = numberFlags(Deno.args, {
  seed: Math.floor(Math.random() * 1e9),
  records: 200_000,
  kills: 3,
  "broker-kills": 0,
  members: 2,
  partitions: 6,
  session: 3000,
});
const HEARTBEAT_MS = 500;
/** What the others take to join again and to be told, on a busy machine. */
const REBALANCE_MS = 3000;
const TOPIC = "numbers";
const GROUP = "readers";
/** Records sent between two looks at the clock. */
const CHUNK_COUNT = 1000;

const random = new SimRandom(flags.seed);
const host = denoHost();
const work = await Deno.makeTempDir({ prefix: "kq-group-kills-" });
const broker = new BrokerProcess(work, [
  "group.initial.rebalance.delay.ms=0",
  "group.min.session.timeout.ms=1000",
]);
const startMs = performance.now();

function say(line: string): void {
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${seconds.padStart(6)} s  ${line}`);
}

class Member {
  readonly name: string;
  readonly file: string;
  readonly #process: KqProcess;

  constructor(name: string) {
    this.name = name;
    this.file = `${work}/${name}.out`;
    Deno.writeTextFileSync(this.file, "");
    const config = {
      "client.id": name,
      "session.timeout.ms": flags.session,
      "heartbeat.interval.ms": HEARTBEAT_MS,
      "auto.commit.interval.ms": 300,
      "reconnect.backoff.max.ms": 200,
    };
    this.#process = new KqProcess(
      [
        "consume",
        TOPIC,
        "--group",
        GROUP,
        "-b",
        broker.address,
        "-f",
        "%p %o %v\\n",
        ...Object.entries(config).flatMap(([key, value]) => [
          "-X",
          `${key}=${value}`,
        ]),
      ],
      { out: this.file, err: `${work}/${name}.err` },
    );
  }

  get hasEnded(): boolean {
    return this.#process.hasEnded;
  }

  end(signal: "SIGKILL" | "SIGTERM"): Promise<number> {
    return this.#process.end(signal);
  }
}

const members: Member[] = [];
const files: string[] = [];

function addMember(): void {
  const member = new Member(`m${files.length}`);
  members.push(member);
  files.push(member.name);
}

/** Sends all records, at the pace that the kills take, and the rest at once. */
async function produce(isHurrying: () => boolean, perSecond: number) {
  const producer = createProducer(host, {
    "bootstrap.servers": broker.address,
    "acks": "all",
    "enable.idempotence": "true",
    "linger.ms": "5",
    "delivery.timeout.ms": "600000",
    "max.block.ms": "600000",
  });
  const beganMs = performance.now();
  const sent: Promise<unknown>[] = [];
  for (let number = 0; number < flags.records; number++) {
    const partition = number % flags.partitions;
    sent.push(
      producer.send({ topic: TOPIC, partition, value: String(number) }),
    );
    if (sent.length < CHUNK_COUNT) continue;
    await Promise.all(sent.splice(0));
    const dueMs = beganMs + number / perSecond * 1000;
    while (!isHurrying() && performance.now() < dueMs) await pause(10);
  }
  await Promise.all(sent);
  await producer.close();
}

async function committedOffsets(admin: Admin): Promise<number[]> {
  const [{ value, error }] = await admin.listGroupOffsets([{
    group: GROUP,
    partitions: null,
  }]);
  if (error !== null) throw error;
  const offsets = new Array<number>(flags.partitions).fill(0);
  for (const { partition, offset } of value ?? []) {
    offsets[partition] = Math.max(0, offset);
  }
  return offsets;
}

/** What is committed, and after that how much each member has printed. */
async function checkpoint(admin: Admin): Promise<Checkpoint> {
  const committed = await committedOffsets(admin);
  const sizes = new Map(
    files.map((name) =>
      [name, Deno.statSync(`${work}/${name}.out`).size] as const
    ),
  );
  return { committed, sizes };
}

/** Waits until those who live have all partitions; gives how long that took. */
async function untilTakenOver(admin: Admin): Promise<number> {
  const beganMs = performance.now();
  for (;;) {
    const [{ value }] = await admin.describeGroups([GROUP]);
    const living = new Set(members.map(({ name }) => name));
    const isOver = value?.state === "Stable" &&
      value.members.every(({ clientId }) => living.has(clientId)) &&
      value.members.reduce(
          (sum, { partitions }) => sum + partitions.length,
          0,
        ) ===
        flags.partitions;
    const tookMs = performance.now() - beganMs;
    if (isOver) return tookMs;
    if (tookMs > 10 * (flags.session + REBALANCE_MS)) {
      throw new Error(`The partitions were not taken over in ${tookMs} ms`);
    }
    await pause(20);
  }
}

const checkpoints: Checkpoint[] = [];
const problems: string[] = [];
let takeoverMaxMs = 0;

async function killMembers(admin: Admin): Promise<void> {
  let brokerCount = flags["broker-kills"];
  for (let left = flags.kills + brokerCount; left > 0; left--) {
    const isBroker = random.below(left) < brokerCount;
    await pause(random.between(200, flags.session));
    if (isBroker) {
      brokerCount--;
      await broker.end("SIGKILL");
      await pause(random.between(0, 500));
      await broker.start();
      say("broker killed and started");
      continue;
    }
    const [victim] = members.splice(random.below(members.length), 1);
    await victim.end("SIGKILL");
    checkpoints.push(await checkpoint(admin));
    const mayOverlap = random.chance(0.25);
    if (mayOverlap && members.length > 0) {
      // Another comes while the dead one is still counted.
      addMember();
      await pause(random.between(0, flags.session));
      say(`${victim.name} killed, ${members.at(-1)!.name} joins at once`);
      continue;
    }
    const tookMs = await untilTakenOver(admin);
    takeoverMaxMs = Math.max(takeoverMaxMs, tookMs);
    say(`${victim.name} killed, taken over in ${Math.round(tookMs)} ms`);
    if (tookMs > flags.session + HEARTBEAT_MS + REBALANCE_MS) {
      problems.push(`${victim.name} was taken over after ${tookMs} ms only`);
    }
    if (random.chance(0.3)) await pause(random.between(0, 1000));
    addMember();
  }
}

async function untilRead(admin: Admin): Promise<void> {
  const ends = Array.from(
    { length: flags.partitions },
    (_, p) => Math.ceil((flags.records - p) / flags.partitions),
  );
  const untilMs = performance.now() + 120_000;
  for (;;) {
    const committed = await committedOffsets(admin);
    if (committed.every((offset, p) => offset === ends[p])) return;
    if (performance.now() > untilMs) {
      problems.push(`committed at the end: ${committed}, not ${ends}`);
      return;
    }
    await pause(50);
  }
}

console.log(
  `seed ${flags.seed}: ${flags.records} records, ${flags.members} members, ${flags.kills} kills of members, ${
    flags["broker-kills"]
  } of the broker`,
);
let isDone = false;
try {
  await broker.start();
  const admin = createAdmin(host, { "bootstrap.servers": broker.address });
  await admin.createTopics([{
    name: TOPIC,
    partitionCount: flags.partitions,
  }]);
  for (let i = 0; i < flags.members; i++) addMember();
  await untilTakenOver(admin);
  say("members have joined");
  const killCount = flags.kills + flags["broker-kills"];
  const seconds = killCount * (flags.session * 1.6 + 500) / 1000;
  let isHurrying = false;
  const producing = produce(() => isHurrying, flags.records / seconds);
  await Promise.all([
    producing,
    killMembers(admin).finally(() => isHurrying = true),
  ]);
  say("all is produced, and all kills are over");
  await untilRead(admin);
  for (const member of members) {
    if (member.hasEnded) problems.push(`${member.name} has ended by itself`);
  }
  await Promise.all(members.map((member) => member.end("SIGTERM")));
  admin.close();
  isDone = true;
} finally {
  await Promise.all(members.map((member) => member.end("SIGKILL")));
  await broker.end("SIGKILL");
  if (!isDone) say(`files are in ${work}`);
}

const verdict = judge(
  new Map(
    files.map((name) => [name, Deno.readFileSync(`${work}/${name}.out`)]),
  ),
  checkpoints,
  { recordCount: flags.records, partitionCount: flags.partitions },
);
say(
  `${flags.records} records: ${verdict.lostCount} lost, ${verdict.wrongCount} wrong, ${verdict.repeatedCount} repeated, of those ${verdict.committedAgainCount} that were committed; ${verdict.cutCount} lines cut by kills; slowest takeover ${
    Math.round(takeoverMaxMs)
  } ms with a session timeout of ${flags.session} ms`,
);
const isRight = verdict.lostCount + verdict.wrongCount +
        verdict.committedAgainCount === 0 && problems.length === 0;
if (!isRight) {
  for (const line of [...verdict.examples, ...problems]) console.log(line);
  console.log(
    `FAILED  deno run -A scripts/group_kills.ts ${
      Object.entries(flags).map(([key, value]) => `--${key} ${value}`).join(" ")
    }\nfiles are in ${work}`,
  );
  Deno.exit(1);
}
await Deno.remove(work, { recursive: true });
console.log("ok");
