// A whole ensemble, of three or five servers and now and then an observer, and the
// clients of it, under crashes with torn disks, partitions, slow links, stalls,
// failing disks and drifting clocks; then all is healed, and must be well.
//
// While it runs, every transaction that is logged, applied and shown is judged
// against one history, and so is whatever clients see. See the files beside.

import { SimLoop } from "./sim_loop.ts";
import { SimNet } from "./sim_net.ts";
import type { SimRandom } from "./sim_random.ts";
import { check, type Scenario, type ScenarioRun } from "./sim_scenario.ts";
import {
  castClients,
  castServers,
  type EnsembleStage,
  TICK_MS,
} from "./sim_scenario_ensemble_cast.ts";
import type { EnsembleClient } from "./sim_scenario_ensemble_client.ts";
import {
  EnsembleFaults,
  type FaultKind,
  faultKinds,
} from "./sim_scenario_ensemble_faults.ts";
import { EnsembleHistory, hex } from "./sim_scenario_ensemble_history.ts";
import type { EnsembleServer, Plant } from "./sim_scenario_ensemble_server.ts";

const STORY_MS = 5000;
/** After the last fault, clients' changes go on within this. */
const HEALING_MS = 15_000;
const CALM_MS = 2500;
/** All sessions have timed out by then. */
const ENDING_MS = 10_000;

export const ensembleScenario: Scenario = {
  name: "ensemble",
  shows:
    "one history on all servers, kept through any fault, and sessions in it",
  run: (run) => runEnsemble(run),
};

/** Runs it, with a fault built in where one is given. */
export function runEnsemble(
  run: ScenarioRun,
  plant: Plant = {},
): Promise<void> {
  return new EnsembleStory(run, plant).tell();
}

class EnsembleStory {
  readonly #run: ScenarioRun;
  readonly #random: SimRandom;
  readonly #loop = new SimLoop();
  readonly #net: SimNet;
  readonly #history = new EnsembleHistory();
  readonly #servers: readonly EnsembleServer[];
  readonly #clients: readonly EnsembleClient[];
  #failure: { readonly error: unknown } | null = null;
  #troubleMs = 0;
  #isFaulty = true;

  constructor(run: ScenarioRun, plant: Plant) {
    this.#run = run;
    const random = this.#random = run.random.fork();
    this.#net = new SimNet(this.#loop, random.fork(), {
      splitProbability: random.pick([0, 0.02, 0.2]),
      latencyMs: random.pick([[0.05, 0.5], [0.1, 5], [1, 20]]),
    });
    const stage: EnsembleStage = {
      random,
      loop: this.#loop,
      net: this.#net,
      history: this.#history,
      trace: run.trace,
      judge: (act) => this.#judge(act),
      expiring: (sessionId) => this.#expiring(sessionId),
      expired: (sessionId) => this.#expired(sessionId),
    };
    this.#servers = castServers(stage, plant);
    this.#clients = castClients(stage, this.#servers);
  }

  async tell(): Promise<void> {
    for (const server of this.#servers) this.#start(server);
    for (const client of this.#clients) {
      client.run().catch((error) =>
        this.#judge(() => {
          throw error;
        })
      );
    }
    const kinds = faultKinds.filter(() => this.#random.chance(0.4));
    this.#run.trace(`faults: ${kinds.join(", ") || "none"}`);
    if (kinds.length > 0) await this.#suffer(kinds);
    await this.#heal();
    await this.#beCalm();
    await this.#end();
  }

  /** Keeps the first failure, however deep it is found. */
  #judge(act: () => void): void {
    if (this.#failure !== null) return;
    try {
      act();
    } catch (error) {
      this.#failure = { error };
    }
  }

  #check = (): void => {
    if (this.#failure !== null) throw this.#failure.error;
  };

  #wait(durationMs: number): Promise<void> {
    return this.#loop.run(durationMs, this.#check);
  }

  #start(server: EnsembleServer): void {
    const isAlive = server.sim.lifeTeller;
    server.start().catch((error) => {
      if (!isAlive()) return;
      this.#run.trace(`${server.name} does not start: ${String(error)}`);
      const isFault = this.#isFaulty && error instanceof Error &&
        /input\/output error/.test(error.message);
      if (!isFault) {
        this.#judge(() => {
          throw error;
        });
      }
      server.crash("power");
    });
  }

  async #suffer(kinds: readonly FaultKind[]): Promise<void> {
    const random = this.#random;
    const faults = new EnsembleFaults({
      random,
      net: this.#net,
      servers: this.#servers,
      clients: this.#clients.map(({ name }) => name),
      kinds,
      trace: (line) =>
        this.#run.trace(`${Math.round(this.#loop.nowMs)} ${line}`),
      later: (delayMs, run) => void this.#loop.schedule(delayMs, run),
    });
    await this.#wait(random.between(300, 1500));
    const meanMs = random.pick([150, 500, 1200]);
    while (this.#loop.nowMs < STORY_MS) {
      this.#troubleMs = this.#loop.nowMs + 3000;
      faults.strike();
      await this.#wait(random.between(0, meanMs));
      this.#raise(0.6);
      await this.#wait(random.between(0, meanMs));
    }
  }

  /** Starts those again that are down, by chance. */
  #raise(probability: number): void {
    for (const server of this.#servers) {
      if (server.hasFailed || server.isStopped) server.crash("power");
      if (!server.sim.isCrashed || !this.#random.chance(probability)) continue;
      server.sim.restart();
      this.#start(server);
    }
  }

  /** No faults any more: within some seconds all is well again. */
  async #heal(): Promise<void> {
    this.#run.trace(`${Math.round(this.#loop.nowMs)} -- healed`);
    this.#isFaulty = false;
    this.#net.heal();
    for (const { sim } of this.#servers) sim.disk.clearFaults();
    this.#raise(1);
    this.#troubleMs = Infinity;
    const counts = this.#clients.map(({ changeCount }) => changeCount);
    const untilMs = this.#loop.nowMs + HEALING_MS;
    const isWell = () =>
      this.#servers.every(({ isServing }) => isServing) &&
      this.#clients.every(({ changeCount }, i) => changeCount > counts[i] + 1);
    while (!isWell()) {
      check(
        this.#loop.nowMs < untilMs,
        `Healed for ${HEALING_MS} ms, and ${
          this.#servers.filter(({ isServing }) => !isServing).map(({ name }) =>
            name
          ).join(" ") || "no server"
        } does not serve, clients have made ${
          this.#clients.map(({ changeCount }, i) => changeCount - counts[i])
            .join(" ")
        } changes`,
      );
      await this.#wait(50);
      this.#raise(1);
    }
    this.#troubleMs = this.#loop.nowMs;
  }

  /** Nothing but a leader that is held up for a while: no session may end. */
  async #beCalm(): Promise<void> {
    await this.#wait(CALM_MS);
    const leader = this.#servers.find(({ isLeading }) => isLeading);
    if (leader !== undefined && this.#random.chance(0.5)) {
      this.#run.trace(
        `${Math.round(this.#loop.nowMs)} -- stall ${leader.name}`,
      );
      leader.sim.stall(this.#random.between(400, 3 * TICK_MS));
      await this.#wait(CALM_MS);
    }
  }

  #expiring(sessionId: bigint): void {
    const client = this.#clients.find((each) => each.sessionId === sessionId);
    if (client === undefined) return;
    const calmMs = this.#loop.nowMs - this.#troubleMs;
    const neededMs = client.timeoutMs + 3 * TICK_MS;
    this.#judge(() =>
      check(
        !(calmMs > neededMs),
        `${client.name}'s session ${hex(sessionId)} ends at ${
          Math.round(this.#loop.nowMs)
        }, and it has been calm for ${Math.round(calmMs)} ms`,
      )
    );
  }

  /** A client is told that its session has ended. */
  #expired(sessionId: bigint): void {
    const isCalm = this.#loop.nowMs - this.#troubleMs > CALM_MS;
    const isOver = !this.#history.reference.sessions.has(sessionId);
    this.#judge(() =>
      check(isOver || !isCalm, `Session ${hex(sessionId)} has not ended`)
    );
  }

  /** Whether every server has all that is committed. */
  #isEven(): boolean {
    const { tail } = this.#history;
    return this.#servers.every(({ tree }) =>
      tree !== null && tree.lastZxid >= tail
    );
  }

  async #end(): Promise<void> {
    this.#troubleMs = Infinity;
    for (const client of this.#clients) client.stop();
    // Sessions that nobody renews end, and their ephemerals with them.
    const { reference } = this.#history;
    const untilMs = this.#loop.nowMs + ENDING_MS;
    const isOver = () => reference.sessions.size === 0 && this.#isEven();
    while (!isOver() && this.#loop.nowMs < untilMs) await this.#wait(50);
    const { tail } = this.#history;
    for (const { name, tree } of this.#servers) {
      check(tree !== null, `${name} does not run`);
      check(
        tree.digest === this.#history.digestAt(tail),
        `${name} ends with another tree, at ${hex(tree.lastZxid)} of ${
          hex(tail)
        }`,
      );
    }
    check(
      reference.sessions.size === 0,
      `${reference.sessions.size} sessions never end`,
    );
    check(
      [...reference.allEphemerals()].length === 0,
      "Ephemerals have outlived their sessions",
    );
    const counts = this.#clients.map((each) =>
      `${each.changeCount}/${each.readCount}/${each.eventCount}/${each.resumedCount}/${each.lostCount}`
    );
    this.#run.trace(
      `${this.#history.committedCount} committed in ${this.#history.epochCount} epochs; ${
        counts.join(" ")
      }; ${Math.round(this.#loop.nowMs)} ms, ${this.#loop.eventCount} events`,
    );
    for (const { sim } of this.#servers) sim.crash("kill");
  }
}
