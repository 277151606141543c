// Groups whose members come and go while their coordinator crashes: power cuts in
// the middle of disk calls, kills, failing calls, answers that get lost, appends
// that become durable too late. One group speaks the classic protocol, one the
// newer one, one both.
//
// What is checked after each call is in sim_group_world.ts.

import { HostError, sleep } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import {
  type MemberStage,
  readOffsets,
  runClassicMember,
  runConsumerMember,
} from "./sim_group_members.ts";
import { GroupWorld, MIXED_GROUP } from "./sim_group_world.ts";
import { type SimHost, simHost } from "./sim_host.ts";
import { SimCrash } from "./sim_life.ts";
import { SimLoop } from "./sim_loop.ts";
import { SimNet } from "./sim_net.ts";
import { SimRandom } from "./sim_random.ts";
import {
  check,
  type Scenario,
  type ScenarioRun,
  SimFailure,
} from "./sim_scenario.ts";

const LIFE_COUNT = 10;
const GROUPS = ["classic", "newer", MIXED_GROUP];
const LIMIT_MS = 3_600_000;
/** After the faults, members have settled within this. */
const HEALING_MS = 30_000;

export const groupScenario: Scenario = {
  name: "groups",
  shows: "groups keep what they have acknowledged, and one owner a partition",
  async run(run) {
    const { seed, random } = run;
    const loop = new SimLoop();
    const net = new SimNet(loop, new SimRandom(seed + 1));
    const server = simHost(seed, {
      name: "coordinator",
      loop,
      net,
      disk: { syncDelayMs: random.pick([0.1, [0.1, 30]]) },
    });
    const client = simHost(seed + 2, { name: "members", loop, net });
    await client.run(() => story(run, server, client), { limitMs: LIMIT_MS });
  },
};

async function story(
  run: ScenarioRun,
  server: SimHost,
  client: SimHost,
): Promise<void> {
  const { trace } = run;
  const random = run.random.fork();
  const world = new GroupWorld({ server, client, random, trace });
  const { host } = client;
  let isOver = false;
  const stage: MemberStage = {
    world,
    host,
    random,
    isOver: () => isOver,
  };
  const members = [
    ...[1, 2, 3].map(() => runClassicMember(stage, "classic")),
    ...[1, 2, 3].map((i) => runConsumerMember(stage, "newer", `n${i}`)),
    ...[1, 2].map(() => runClassicMember(stage, MIXED_GROUP)),
    ...[1, 2].map((i) => runConsumerMember(stage, MIXED_GROUP, `x${i}`)),
  ];
  const running = Promise.all(members);
  const lives = liveAll(run, { world, server, client });
  await Promise.race([lives, running]);
  // Without faults, all that was promised is there, and members go on.
  await sleep(host.clock, HEALING_MS);
  await Promise.race([
    running,
    (async () => {
      const before = world.counts.commits;
      await sleep(host.clock, HEALING_MS);
      check(world.counts.commits > before, "Nobody commits any more");
    })(),
  ]);
  isOver = true;
  await running;
  await world.checkReplay();
  for (const groupId of GROUPS) {
    await untilAnswered(stage, () => readOffsets(stage, groupId));
  }
  const { calls, commits, transactions, syncs, replays } = world.counts;
  trace(
    `${calls} calls, ${commits} commits, ${transactions} transactions, ${syncs} syncs, ${replays} replays`,
  );
  check(
    transactions > 0 && syncs > 0 && replays > 0,
    "The scenario did not do what it is for",
  );
  await world.stop();
}

/** Some answers are lost on purpose. */
async function untilAnswered(
  { host }: MemberStage,
  ask: () => Promise<void>,
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await ask();
    } catch (error) {
      const isFailure = !(error instanceof Error) ||
        !(error.name === "NoAnswer" || error instanceof KafkaError);
      if (isFailure || attempt === 20) throw error;
      await sleep(host.clock, 200);
    }
  }
}

/** The lives of the coordinator; the last one has no faults. */
async function liveAll(
  { random, trace }: ScenarioRun,
  { world, server, client }: {
    readonly world: GroupWorld;
    readonly server: SimHost;
    readonly client: SimHost;
  },
): Promise<void> {
  const { clock } = client.host;
  for (let life = 0; life < LIFE_COUNT; life++) {
    if (random.chance(0.3)) server.disk.crashAtCall(1 + random.below(60));
    world.lateness = random.pick([0, 0, 0.02]);
    if (await hasStarted(world, server, trace)) {
      if (random.chance(0.2)) server.disk.failNthCall(1 + random.below(200));
      else if (random.chance(0.5)) {
        server.disk.crashAtCall(1 + random.below(400));
      }
      const endMs = client.loop.nowMs + random.between(100, 15_000);
      while (!server.isCrashed && client.loop.nowMs < endMs) {
        await sleep(clock, random.between(50, 1500));
        if (!server.isCrashed) await world.checkReplay();
      }
      if (!server.isCrashed && random.chance(0.2)) {
        await Promise.race([world.stop().catch(ignoreFault), server.crashed]);
      }
    }
    // A failed sync leaves nobody sure of the page cache: the machine goes down.
    const cause = random.chance(0.7) ? "power" : "kill";
    trace(`life ${life} ends at ${Math.round(client.loop.nowMs)} ms: ${cause}`);
    const hadFailed = world.hasFailed;
    world.lose();
    server.crash(hadFailed ? "power" : cause);
    server.disk.clearFaults();
    server.restart();
    await sleep(clock, random.between(0, 3000));
  }
  world.lateness = 0;
  check(await hasStarted(world, server, trace), "It does not start any more");
  trace(`healed at ${Math.round(client.loop.nowMs)} ms`);
}

async function hasStarted(
  world: GroupWorld,
  server: SimHost,
  trace: (line: string) => void,
): Promise<boolean> {
  const crashed = server.crashed.then((): never => {
    throw new SimCrash("It crashed while it started");
  });
  crashed.catch(() => {});
  const starting = world.start();
  starting.catch(() => {});
  try {
    await Promise.race([starting, crashed]);
    return true;
  } catch (error) {
    const isFault = server.isCrashed || error instanceof HostError ||
      error instanceof KafkaError;
    if (error instanceof SimFailure || !isFault) throw error;
    trace(`did not start: ${String(error)}`);
    return false;
  }
}

function ignoreFault(error: unknown): void {
  const isFault = error instanceof SimCrash || error instanceof HostError ||
    error instanceof KafkaError;
  if (!isFault) throw error;
}
