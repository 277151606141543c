// Consumer groups on kq and on Apache Kafka in one run: see scripts/bench.
//
//   rebalance   100 members come one by one, then half of them are cut off
//   commits     10,000 groups commit 10 partitions each
//   start       a broker with a million committed offsets starts again
//   reset       the offsets of 1,000 partitions are moved by a command
//
//
// The load comes from this process, over the same code for both brokers. Where
// both have to wait the same time (heartbeats, sessions), the figures hold it.

import { type Broker, startKafka, startKq, stop } from "./bench_brokers.ts";
import { CommitterPool } from "./bench_commits.ts";
import { MemberPool } from "./bench_members.ts";
import {
  commitAll,
  offsetGroup,
  untilCoordinating,
  untilLoaded,
} from "./bench_offsets.ts";
import { cpuSeconds, timed } from "./bench_probe.ts";
import { middle, printTable, type Row } from "./bench_table.ts";
import { kafkaClassPath, toolArgs } from "./conformance/apache_kafka.ts";

const KQ_PORT = 29293;
const KAFKA_PORT = 29393;
const EVERY_ROUND = { kq: 3, kafka: 3 };
/** Apache Kafka takes its time to load, and it does so but once. */
const LOADING_ROUNDS = { kq: 3, kafka: 1 };
const MEMBERS = 100;
const HEARTBEAT_MS = 50;
const SESSION_TIMEOUT_MS = 2000;
const GROUPS = 10_000;
const COMMITTED_PARTITIONS = 10;
/** What two cores let both brokers and this process do: each group every 2 s. */
const COMMITS_PER_SECOND = 5000;
/** By count, since a broker that is not warm yet is slow, too. */
const WARM_UP_COMMITS = 60_000;
const COMMITS = 50_000;
const OFFSET_GROUPS = 1000;
const WIDE_PARTITIONS = 1000;
const TOPICS: Readonly<Record<string, number>> = {
  shared: MEMBERS,
  committed: COMMITTED_PARTITIONS,
  wide: WIDE_PARTITIONS,
};
const PROPERTIES = {
  "group.initial.rebalance.delay.ms": "0",
  "group.min.session.timeout.ms": String(SESSION_TIMEOUT_MS),
};

// A second argument names one part: rebalance, commits, or offsets.
const [kq = "dist/kq", only = ""] = Deno.args;
const found = await kafkaClassPath();
if (found === null) {
  console.error("bench: Apache Kafka cannot be had here: it takes Java, Maven");
  Deno.exit(1);
}
const classPath = found;
const work = await Deno.makeTempDir({ prefix: "kq-bench-" });
const brokers: Broker[] = [];

function start(name: Broker["name"], data: string): Promise<Broker> {
  const directory = `${work}/${name}-${data}`;
  return name === "kq"
    ? startKq(kq, KQ_PORT, directory, PROPERTIES)
    : startKafka(classPath, KAFKA_PORT, directory, PROPERTIES);
}

/** Starts both, new, and makes the topics. */
async function startBoth(data: string): Promise<void> {
  for (const name of ["kq", "kafka"] as const) {
    brokers.push(await start(name, data));
  }
  for (const { port } of brokers) {
    for (const [topic, partitions] of Object.entries(TOPICS)) {
      await timed(kq, [
        ...["topic", "create", topic, "--partitions", String(partitions)],
        ...["-b", `127.0.0.1:${port}`],
      ]);
    }
    await untilCoordinating(port);
  }
}

async function stopBoth(): Promise<void> {
  for (const broker of brokers.splice(0)) await stop(broker);
}

/** One figure of each broker in each round, in turn; gives the middle ones. */
async function inRounds<F extends Record<string, number>>(
  rounds: Readonly<Record<Broker["name"], number>>,
  measure: (broker: Broker, index: number, round: number) => Promise<F>,
): Promise<(figure: keyof F) => { kq: number; kafka: number }> {
  const figures: Record<Broker["name"], F[]> = { kq: [], kafka: [] };
  for (let round = 0; round < Math.max(rounds.kq, rounds.kafka); round++) {
    for (const index of brokers.keys()) {
      const { name } = brokers[index];
      if (round >= rounds[name]) continue;
      const taken = await measure(brokers[index], index, round);
      console.error(`bench: ${name} ${JSON.stringify(taken)}`);
      figures[name].push(taken);
    }
  }
  return (figure) => ({
    kq: middle(figures.kq.map((each) => each[figure])),
    kafka: middle(figures.kafka.map((each) => each[figure])),
  });
}

/** Seconds that each rebalance took while members came, by their number. */
type Steps = number[];

async function rebalance(broker: Broker, round: number, steps: Steps[]) {
  const pool = new MemberPool({
    port: broker.port,
    groupId: `members-${round}`,
    topic: "shared",
    partitionCount: TOPICS.shared,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    heartbeatMs: HEARTBEAT_MS,
  });
  const seconds: Steps = [];
  for (let i = 0; i < MEMBERS; i++) {
    const startMs = performance.now();
    await pool.add();
    await pool.settled();
    seconds.push((performance.now() - startMs) / 1000);
  }
  steps.push(seconds);
  const startMs = performance.now();
  pool.cut(MEMBERS / 2);
  await pool.settled();
  const losing = (performance.now() - startMs) / 1000;
  pool.close();
  return { adding: seconds.reduce((sum, each) => sum + each), losing };
}

/** The sum of the middle times of each step: a short disturbance falls out. */
function together(rounds: readonly Steps[]): number {
  let sum = 0;
  for (let i = 0; i < MEMBERS; i++) sum += middle(rounds.map((all) => all[i]));
  return sum;
}

async function rebalances(): Promise<Row[]> {
  const steps: Record<Broker["name"], Steps[]> = { kq: [], kafka: [] };
  const of = await inRounds(
    EVERY_ROUND,
    (broker, _, round) => rebalance(broker, round, steps[broker.name]),
  );
  const bound = ["<=", 1] as const;
  return [
    {
      figure: `${MEMBERS} members added one by one, s`,
      kq: together(steps.kq),
      kafka: together(steps.kafka),
      bound,
    },
    {
      figure: `${MEMBERS / 2} of them killed, until settled, s`,
      ...of("losing"),
      bound,
    },
  ];
}

async function commits(broker: Broker) {
  const pool = new CommitterPool();
  await pool.open({
    port: broker.port,
    topic: "committed",
    groupCount: GROUPS,
    partitionCount: COMMITTED_PARTITIONS,
  });
  await pool.run(WARM_UP_COMMITS, COMMITS_PER_SECOND);
  const before = cpuSeconds(broker.process.pid);
  const seconds = await pool.run(COMMITS, COMMITS_PER_SECOND);
  const spent = cpuSeconds(broker.process.pid) - before;
  pool.close();
  return { cpu: spent / COMMITS * 10_000, rate: COMMITS / seconds };
}

async function commitRows(): Promise<Row[]> {
  const of = await inRounds({ kq: 1, kafka: 1 }, commits);
  const rate = of("rate");
  return [
    {
      figure:
        `${GROUPS.toLocaleString("en")} groups, each on its own connection, ` +
        `commit ${COMMITTED_PARTITIONS} partitions every ` +
        `${GROUPS / COMMITS_PER_SECOND} s: broker cpu s for 10,000 commits`,
      ...of("cpu"),
      bound: ["<=", 0.5],
    },
    {
      figure: `commits answered a second, of ${COMMITS_PER_SECOND} wanted`,
      ...rate,
    },
  ];
}

/** A command that moves the 1,000 offsets of one group; in seconds. */
async function reset({ name, port }: Broker, round: number) {
  const server = `127.0.0.1:${port}`;
  const group = offsetGroup(round);
  const { ms } = name === "kq"
    ? await timed(kq, [
      ...["offset", "reset", group, "--topic", "wide", "--to-earliest"],
      ...["--execute", "-b", server],
    ])
    : await timed(
      "java",
      toolArgs(
        classPath,
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        [
          ...["--bootstrap-server", server, "--group", group],
          ...["--topic", "wide", "--reset-offsets", "--to-earliest"],
          "--execute",
        ],
      ),
    );
  return { seconds: ms / 1000 };
}

/** Stops and starts a broker; seconds until it knows every group again. */
async function restart(broker: Broker, index: number) {
  await stop(broker);
  const again = await start(broker.name, "offsets");
  brokers[index] = again;
  await untilLoaded(offsetLoad(again));
  return { seconds: (performance.now() - again.startedAtMs) / 1000 };
}

function offsetLoad({ port }: Broker) {
  return {
    port,
    topic: "wide",
    groupCount: OFFSET_GROUPS,
    partitionCount: WIDE_PARTITIONS,
  };
}

async function offsetRows(): Promise<Row[]> {
  for (const broker of brokers) await commitAll(offsetLoad(broker));
  const started = await inRounds(LOADING_ROUNDS, restart);
  const moved = await inRounds(
    EVERY_ROUND,
    (broker, _, round) => reset(broker, round),
  );
  return [
    {
      figure: "start until 1,000,000 committed offsets are known, s",
      ...started("seconds"),
      most: 3,
    },
    {
      figure: "offset reset of 1,000 partitions, whole command, s",
      ...moved("seconds"),
      most: 0.5,
    },
  ];
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // No broker outlives the run.
  Deno.addSignalListener(signal, async () => {
    await stopBoth();
    await Deno.remove(work, { recursive: true });
    Deno.exit(1);
  });
}
try {
  await timed(kq, ["version"]);
  const rows: Row[] = [];
  if (only !== "offsets") {
    await startBoth("groups");
    if (only !== "commits") rows.push(...await rebalances());
    if (only !== "rebalance") rows.push(...await commitRows());
    await stopBoth();
  }
  if (only === "" || only === "offsets") {
    await startBoth("offsets");
    rows.push(...await offsetRows());
  }
  console.log(`\n${new Date().toISOString().slice(0, 10)}, ${kq}\n`);
  printTable(rows);
} finally {
  await stopBoth();
  await Deno.remove(work, { recursive: true });
}
