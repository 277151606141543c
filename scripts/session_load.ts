// Many sessions on one ensemble, each with an ephemeral znode and nothing to say
// but that it lives: none may end while its client is there.
//
//   deno run -A scripts/session_load.ts --sessions 10000 --minutes 10 --kills 0
//
// With `--kills N` the leader is killed with kill -9 so many times meanwhile, and
// all of its sessions have to go on elsewhere. Ends with 1 where a session has
// ended, or a znode is not there at the end.

import { DEFAULT_SETTINGS, makeOrSkip } from "./kills/ensemble_process.ts";
import { numberFlags, pause } from "./kills/kq_process.ts";
import { CreateMode, ZnodeSession } from "./kills/znode_session.ts";

const flags = numberFlags(Deno.args, {
  sessions: 10_000,
  minutes: 10,
  // Instead of minutes, where not 0.
  seconds: 0,
  timeout: 20_000,
  kills: 0,
  kq: 3,
  zookeeper: 0,
});
/** Sessions that begin at the same time. */
const BEGINNING_MAX = 100;
const LOOK_MS = 30_000;
const PATH = "/sessions";

const work = await Deno.makeTempDir({ prefix: "kq-session-load-" });
let problemCount = 0;
const problem = (text: string) => {
  if (++problemCount <= 20) console.log(`PROBLEM ${text}`);
};
const ensemble = await makeOrSkip(
  [
    ...Array<"zookeeper">(flags.zookeeper).fill("zookeeper"),
    ...Array<"kq">(flags.kq).fill("kq"),
  ],
  work,
  { ...DEFAULT_SETTINGS, maxClientCnxns: 0 },
);

/** Begins all, each at the server whose turn it is. */
async function begin(): Promise<ZnodeSession[]> {
  const { ports } = ensemble;
  const sessions: ZnodeSession[] = [];
  let next = 0;
  const lane = async () => {
    while (next < flags.sessions) {
      const index = next++;
      const session = sessions[index] = new ZnodeSession({
        ports,
        timeoutMs: flags.timeout,
        pingMs: flags.timeout / 3,
        problem,
      });
      await session.create(`${PATH}/${index}`, "", CreateMode.ephemeral);
    }
  };
  await Promise.all(Array.from({ length: BEGINNING_MAX }, lane));
  return sessions;
}

/** Resident memory of a process. */
function residentMib(pid: number): string {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const kib = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  return `${Math.round(kib / 1024)} MiB`;
}

async function checkAll(sessions: readonly ZnodeSession[]): Promise<void> {
  for (const { name, clientPort } of ensemble.servers) {
    const reader = new ZnodeSession({
      ports: [clientPort],
      timeoutMs: 20_000,
      problem,
    });
    await reader.sync();
    const names = new Set(await reader.children(PATH));
    const missing = sessions.filter((_, index) => !names.has(`${index}`));
    if (missing.length > 0) {
      problem(`${name}: ${missing.length} ephemeral znodes are not there`);
    }
    await reader.close();
  }
}

try {
  await ensemble.start();
  const maker = new ZnodeSession({
    ports: ensemble.ports,
    timeoutMs: 20_000,
    problem,
  });
  await maker.create(PATH, "");
  await maker.close();
  const startMs = performance.now();
  const sessions = await begin();
  const begunMs = performance.now() - startMs;
  console.log(
    `${sessions.length} sessions of ${flags.timeout} ms began in ${
      Math.round(begunMs)
    } ms`,
  );
  const durationMs = flags.seconds > 0
    ? flags.seconds * 1000
    : flags.minutes * 60_000;
  const untilMs = performance.now() + durationMs;
  const killEveryMs = durationMs / (flags.kills + 1);
  let killMs = performance.now() + killEveryMs;
  let killsLeft = flags.kills;
  let lookMs = performance.now() + LOOK_MS;
  // How long this process was held up: what it did not send, nobody could hear.
  let heldUpMs = 0;
  while (performance.now() < untilMs) {
    const sinceMs = performance.now();
    await pause(100);
    heldUpMs = Math.max(heldUpMs, performance.now() - sinceMs - 100);
    if (killsLeft > 0 && performance.now() > killMs) {
      killsLeft--;
      killMs += killEveryMs;
      const leader = await ensemble.leader();
      await leader.end("SIGKILL");
      await ensemble.leader();
      await ensemble.start();
    }
    if (performance.now() < lookMs) continue;
    lookMs += LOOK_MS;
    const ended = sessions.filter(({ isExpired }) => isExpired).length;
    const moves = sessions.reduce((sum, each) => sum + each.connectCount, 0);
    console.log(
      `${
        Math.round((durationMs - untilMs + performance.now()) / 1000)
      } s: ${ended} ended, ${
        moves - sessions.length
      } connected again, held up for ${Math.round(heldUpMs)} ms at most; ${
        ensemble.servers.map(({ name, pid }) => `${name} ${residentMib(pid)}`)
          .join(", ")
      }`,
    );
  }
  await checkAll(sessions);
  const ended = sessions.filter(({ isExpired }) => isExpired).length;
  const moves = sessions.reduce((sum, each) => sum + each.connectCount, 0);
  if (ended > 0) problem(`${ended} sessions have ended`);
  console.log(
    `${sessions.length} sessions for ${
      Math.round(durationMs / 1000)
    } s: ${ended} ended, ${
      moves - sessions.length
    } connected again; this process was held up for ${
      Math.round(heldUpMs)
    } ms at most`,
  );
} catch (error) {
  problem(error instanceof Error ? error.stack ?? error.message : `${error}`);
} finally {
  await ensemble.end();
}
if (problemCount === 0) await Deno.remove(work, { recursive: true });
else console.log(`the servers' directories are kept in ${work}`);
Deno.exit(problemCount === 0 ? 0 : 1);
