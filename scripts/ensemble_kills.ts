// Servers of an ensemble, kq's and Apache ZooKeeper's in any mixture, are killed
// with kill -9 one after another and started again, while sessions create, set and
// delete. At the end all servers have the same tree, and it is what was acknowledged.
//
//   deno run -A scripts/ensemble_kills.ts --seed 7 --rounds 20 --kq 1 --zookeeper 2
//
// What a round does beside that, by chance: the server's disk is wiped; its log is
// torn; it stays away for long; it is held up, and not killed. Every fourth round
// cuts off the leader, with changes that no other server has, which it has to take
// back later. Ends with 1 where anything is lost, double or different.

import { SimRandom } from "../core/testing/sim_random.ts";
import {
  makeOrSkip,
  type ServerKind,
  type ServerProcess,
} from "./kills/ensemble_process.ts";
import { numberFlags, pause } from "./kills/kq_process.ts";
import { differences, dumpTrees } from "./kills/znode_dump.ts";
import { LOAD_PATH, ZnodeLoad } from "./kills/znode_load.ts";
import { CreateMode, ZnodeSession } from "./kills/znode_session.ts";

const flags = numberFlags(Deno.args, {
  seed: Math.floor(Math.random() * 1e9),
  rounds: 20,
  kq: 1,
  zookeeper: 2,
  // Beside those, and without a vote.
  kqObservers: 0,
  zookeeperObservers: 0,
  workers: 6,
  pause: 10,
  // 1 keeps the directories.
  keep: 0,
});

const SETTINGS = {
  tickTime: 1000,
  initLimit: 20,
  syncLimit: 4,
  snapCount: 2000,
};
const SESSION_TIMEOUT_MS = 15_000;
/** In so many rounds everybody has led. */
const LEADERSHIP_ROUNDS = 8;
/** Until sessions that were left have ended, and the trees can be compared. */
const REST_MS = 30_000;
/** Longer than an ensemble waits for a server that says nothing. */
const HELD_MS = SETTINGS.tickTime * (SETTINGS.syncLimit + 2);

type Deed = "kill" | "wipe" | "tear" | "away" | "hold" | "cut off";

const random = new SimRandom(flags.seed);
const work = await Deno.makeTempDir({ prefix: "kq-ensemble-kills-" });
const problems: string[] = [];
const problem = (text: string) => {
  if (problems.length < 50) console.log(`PROBLEM ${text}`);
  problems.push(text);
};

// Whoever has the larger number leads, all else being equal: the fewer of a kind.
const zookeepers = Array<ServerKind>(flags.zookeeper).fill("zookeeper");
const kqs = Array<ServerKind>(flags.kq).fill("kq");
const kinds = flags.kq <= flags.zookeeper
  ? [...zookeepers, ...kqs]
  : [...kqs, ...zookeepers];
const ensemble = await makeOrSkip(kinds, work, SETTINGS, "kq", [
  ...Array<ServerKind>(flags.zookeeperObservers).fill("zookeeper"),
  ...Array<ServerKind>(flags.kqObservers).fill("kq"),
]);
const load = new ZnodeLoad({
  ports: ensemble.ports,
  random,
  workerCount: flags.workers,
  pauseMs: flags.pause,
  timeoutMs: SESSION_TIMEOUT_MS,
  syncsLate: flags.zookeeper > 0,
  problem,
});
const leaderships = new Map<string, number>();

async function noteLeader(): Promise<ServerProcess> {
  const leader = await ensemble.leader();
  const others = ensemble.running.filter((each) => each !== leader);
  for (const each of others) {
    const pair = `${leader.kind} leads ${each.kind}`;
    leaderships.set(pair, (leaderships.get(pair) ?? 0) + 1);
  }
  return leader;
}

function draw(): Deed {
  const number = random.next();
  if (number < 0.4) return "kill";
  if (number < 0.55) return "wipe";
  if (number < 0.7) return "tear";
  if (number < 0.85) return "away";
  return "hold";
}

/** What a server without its disk has to be given must be with a quorum before. */
async function restart(server: ServerProcess, deed: Deed): Promise<void> {
  await server.end("SIGKILL");
  const others = ensemble.servers.filter((each) => each !== server);
  if (deed !== "kill") {
    await Promise.all(others.map((each) => each.untilServes(30_000)));
    await load.untilAcknowledged(30_000);
  }
  if (deed === "wipe") server.wipe();
  if (deed === "tear") server.tear();
  if (deed === "away") await writeMany(others.map((each) => each.clientPort));
  server.spawn();
  await server.untilServes(60_000);
}

/** More than other servers remember one by one. */
async function writeMany(ports: readonly number[]): Promise<void> {
  const session = new ZnodeSession({ ports, timeoutMs: 4000, problem });
  await session.ready;
  const path = `${LOAD_PATH}/many`;
  for (let round = 0; round < 4; round++) {
    const writes = Array.from(
      { length: 400 },
      (_, index) =>
        session.create(
          `${path}-${index}-`,
          "many",
          CreateMode.ephemeralSequential,
        ),
    );
    await Promise.allSettled(writes);
  }
  await session.abandon();
}

async function hold(server: ServerProcess): Promise<void> {
  server.signal("SIGSTOP");
  await pause(HELD_MS);
  server.signal("SIGCONT");
  await pause(500);
  await server.untilServes(60_000);
}

/** Gives the leader changes that no other server has, and ends it. */
async function cutOff(leader: ServerProcess): Promise<void> {
  const others = ensemble.servers.filter((each) => each !== leader);
  const session = new ZnodeSession({
    ports: [leader.clientPort],
    timeoutMs: SESSION_TIMEOUT_MS,
    problem,
  });
  await session.ready;
  // With nothing new in between, ZooKeeper sends TRUNC; else a whole tree.
  const isQuiet = random.chance(0.6);
  if (isQuiet) await load.hush();
  await Promise.all(others.map((each) => each.end("SIGKILL")));
  const writes = Array.from(
    { length: 20 },
    (_, index) =>
      session.create(`${LOAD_PATH}/cut-off-`, `${index}`, CreateMode.sequential)
        .then(
          (path) => problem(`${path} is acknowledged by one server alone`),
          () => {},
        ),
  );
  await pause(150);
  await leader.end("SIGKILL");
  await session.abandon();
  await Promise.all(writes);
  for (const each of others) each.spawn();
  await Promise.all(others.map((each) => each.untilServes(60_000)));
  if (!isQuiet) await load.untilAcknowledged(30_000);
  leader.spawn();
  await leader.untilServes(60_000);
  load.resume();
}

async function runRound(round: number): Promise<void> {
  const startMs = performance.now();
  const leader = await noteLeader();
  const isCut = round % 4 === 3;
  const server = isCut
    ? leader
    : ensemble.servers[round % ensemble.servers.length];
  const deed = isCut ? "cut off" : draw();
  if (deed === "cut off") await cutOff(server);
  else if (deed === "hold") await hold(server);
  else await restart(server, deed);
  await ensemble.start();
  const nextLeader = await noteLeader();
  await load.untilAcknowledged(30_000);
  console.log(
    `round ${round}: ${deed} ${server.name}${
      server === leader ? ", which led" : ""
    }; ${nextLeader.name} leads, ${load.acknowledgedCount} acknowledged, ${
      Math.round(performance.now() - startMs)
    } ms`,
  );
}

/** How servers got into step, by what their logs say. */
function countSteps(): string {
  const patterns = [
    ["DIFF", /a diff from the leader|into step with .*: DIFF/gi],
    ["TRUNC", /Truncating log|into step with .*: TRUNC/g],
    ["SNAP", /a snapshot from leader|into step with .*: SNAP/gi],
  ] as const;
  return ensemble.servers.map((server) => {
    const text = Deno.readTextFileSync(server.logFile);
    const counts = patterns.map(([name, pattern]) =>
      `${name} ${text.match(pattern)?.length ?? 0}`
    );
    return `${server.name}: ${counts.join(", ")}`;
  }).join("; ");
}

/** At one transaction there is one digest. */
async function checkDigests(): Promise<void> {
  const digests = new Map<string, string>();
  for (const server of ensemble.servers) {
    const facts = await server.word("mntr") ?? "";
    const mismatches = /^zk_digest_mismatches_count\t(\d+)/m.exec(facts)?.[1];
    if (mismatches !== undefined && mismatches !== "0") {
      // Not kq's: it sends none. A tree that ZooKeeper sends while changes go on
      // does not have the digest that ZooKeeper notes for it.
      console.log(`${server.name} has found ${mismatches} digests that differ`);
    }
    for (const line of (await server.word("hash") ?? "").split("\n")) {
      const [zxid, digest] = line.split(": ");
      if (digest === undefined) continue;
      const other = digests.get(zxid) ?? digest;
      if (other !== digest) {
        problem(`${server.name} at ${zxid}: ${digest}, others ${other}`);
      }
      digests.set(zxid, digest);
    }
  }
}

/** In a mixture each kind has to have led the other. */
function checkLeaderships(): void {
  const isMixed = flags.kq > 0 && flags.zookeeper > 0;
  if (!isMixed || flags.rounds < LEADERSHIP_ROUNDS) return;
  for (const pair of ["kq leads zookeeper", "zookeeper leads kq"]) {
    if (!leaderships.has(pair)) problem(`${pair} is not seen`);
  }
}

console.log(
  `seed ${flags.seed}: ${flags.rounds} rounds, servers ${
    ensemble.servers.map(({ name }) => name).join(", ")
  }`,
);
try {
  await ensemble.start();
  await load.start();
  for (let round = 0; round < flags.rounds; round++) await runRound(round);
  await load.stop();
  const trees = await dumpTrees(ensemble.ports, REST_MS);
  for (const [index, tree] of trees.entries()) {
    const lines = differences(trees[0], tree);
    for (const line of lines.slice(0, 5)) {
      problem(`${ensemble.servers[index].name} differs: ${line}`);
    }
  }
  load.judge(trees[0]);
  await checkDigests();
  checkLeaderships();
  await load.close();
  console.log(`${trees[0].size} znodes; ${countSteps()}`);
} catch (error) {
  problem(error instanceof Error ? error.stack ?? error.message : `${error}`);
} finally {
  await ensemble.end();
}
console.log(
  [...leaderships].map(([pair, count]) => `${pair} ${count} times`).join(", "),
);
console.log(
  `${load.acknowledgedCount} acknowledged, ${load.lostCount} of unknown outcome, ${load.endedCount} sessions ended; ${problems.length} problems`,
);
if (problems.length === 0 && flags.keep === 0) {
  await Deno.remove(work, { recursive: true });
} else console.log(`the servers' directories are kept in ${work}`);
Deno.exit(problems.length === 0 ? 0 : 1);
