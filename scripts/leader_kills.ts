// The leader of an ensemble is killed with kill -9 under load, at the tick settings
// that servers have by default, again and again: how long until writes go on?
//
//   deno run -A scripts/leader_kills.ts --rounds 20 --sessions 12
//
// Sessions are spread over the servers; each writes, and when its write is
// acknowledged writes again. Measured from the kill: until the first write that was
// sent after it is acknowledged, to anybody; until every session had one; and how
// long the election itself took, by the servers' own word. Ends with 1 where half of
// the first take more than 1 s, or half of the elections more than 200 ms: a machine
// that has other things to do holds up single ones.

import { makeOrSkip, type ServerProcess } from "./kills/ensemble_process.ts";
import { numberFlags, pause } from "./kills/kq_process.ts";
import { RequestFailure, ZnodeSession } from "./kills/znode_session.ts";

const flags = numberFlags(Deno.args, {
  rounds: 20,
  kq: 3,
  zookeeper: 0,
  sessions: 12,
  pause: 5,
});
const FIRST_MAX_MS = 1000;
const ELECTION_MAX_MS = 200;
const SESSION_TIMEOUT_MS = 20_000;

const work = await Deno.makeTempDir({ prefix: "kq-leader-kills-" });
const problems: string[] = [];
const problem = (text: string) => {
  console.log(`PROBLEM ${text}`);
  problems.push(text);
};
const ensemble = await makeOrSkip(
  [
    ...Array<"kq">(flags.kq).fill("kq"),
    ...Array<"zookeeper">(flags.zookeeper).fill("zookeeper"),
  ],
  work,
);
let isRunning = true;

/** One session that writes all the time. */
class Writer {
  readonly session: ZnodeSession;
  readonly ended: Promise<void>;
  /** When it sent the last write that was acknowledged, and heard of that. */
  sentMs = 0;
  acknowledgedMs = 0;
  #version = 0;

  constructor(readonly index: number) {
    // Each begins at another server.
    const { ports } = ensemble;
    const first = index % ports.length;
    this.session = new ZnodeSession({
      ports: [...ports.slice(first), ...ports.slice(0, first)],
      timeoutMs: SESSION_TIMEOUT_MS,
      problem,
    });
    this.ended = this.#run();
  }

  async #run(): Promise<void> {
    const path = `/writer-${this.index}`;
    await this.session.create(path, "");
    while (isRunning) {
      const sentMs = performance.now();
      try {
        await this.session.set(path, `${this.#version++}`, -1);
        this.sentMs = sentMs;
        this.acknowledgedMs = performance.now();
        await pause(flags.pause);
      } catch (error) {
        if (!(error instanceof RequestFailure)) throw error;
        if (error.failure !== "lost") return problem(error.message);
      }
    }
  }
}

interface Round {
  readonly firstMs: number;
  readonly allMs: number;
  readonly electionsMs: readonly number[];
}

async function runRound(writers: readonly Writer[]): Promise<Round> {
  const leader = await ensemble.leader();
  await pause(500 + Math.random() * 1000);
  const others = ensemble.servers.filter((each) => each !== leader);
  const before = others.map((each) => electionsMs(each).length);
  const killedMs = performance.now();
  await leader.end("SIGKILL");
  let firstMs = Infinity;
  for (;;) {
    const after = writers.filter(({ sentMs }) => sentMs > killedMs);
    for (const { acknowledgedMs } of after) {
      firstMs = Math.min(firstMs, acknowledgedMs - killedMs);
    }
    const nowMs = performance.now() - killedMs;
    if (after.length === writers.length) {
      const elections = others.flatMap((each, index) =>
        electionsMs(each).slice(before[index])
      );
      await ensemble.start();
      return { firstMs, allMs: nowMs, electionsMs: elections };
    }
    if (nowMs > 60_000) throw new Error("writes do not go on for 60 s");
    await pause(1);
  }
}

/** By a server's own word, oldest first. */
function electionsMs({ logFile }: ServerProcess): number[] {
  const text = Deno.readTextFileSync(logFile);
  return [...text.matchAll(/election took (\d+) ms/g)].map(([, ms]) =>
    Number(ms)
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function summary(name: string, values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, part * sorted.length | 0)]);
  return `${name}: median ${at(0.5)} ms, 90 % ${at(0.9)} ms, most ${
    at(1)
  } ms of ${sorted.length}`;
}

try {
  await ensemble.start();
  const writers = Array.from(
    { length: flags.sessions },
    (_, index) => new Writer(index),
  );
  await Promise.all(writers.map(({ session }) => session.ready));
  await pause(1000);
  const rounds: Round[] = [];
  for (let round = 0; round < flags.rounds; round++) {
    rounds.push(await runRound(writers));
  }
  const elections = rounds.flatMap((round) => round.electionsMs);
  isRunning = false;
  await Promise.all(writers.map(({ ended }) => ended));
  await Promise.all(writers.map(({ session }) => session.close()));
  const firstsMs = rounds.map(({ firstMs }) => firstMs);
  console.log(summary("first write after the kill", firstsMs));
  console.log(
    summary("all sessions write again", rounds.map(({ allMs }) => allMs)),
  );
  if (elections.length > 0) console.log(summary("elections", elections));
  if (median(firstsMs) > FIRST_MAX_MS) {
    problem(`the first write takes more than ${FIRST_MAX_MS} ms`);
  }
  if (elections.length > 0 && median(elections) > ELECTION_MAX_MS) {
    problem(`an election takes more than ${ELECTION_MAX_MS} ms`);
  }
} catch (error) {
  problem(error instanceof Error ? error.stack ?? error.message : `${error}`);
} finally {
  await ensemble.end();
}
if (problems.length === 0) await Deno.remove(work, { recursive: true });
else console.log(`the servers' directories are kept in ${work}`);
Deno.exit(problems.length === 0 ? 0 : 1);
