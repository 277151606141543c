// What clients do to an ensemble while its servers are killed, and what they were
// told of it: at the end nothing acknowledged may be missing, nothing may be there
// twice, and ephemeral znodes are there for as long as their sessions are.

import type { SimRandom } from "../../core/testing/sim_random.ts";
import { pause } from "./kq_process.ts";
import {
  CreateMode,
  hex,
  RequestFailure,
  type Stat,
  ZnodeSession,
} from "./znode_session.ts";

export const LOAD_PATH = "/load";

/** A znode as one server has it. */
export interface ZnodeSeen {
  readonly data: string;
  readonly stat: Stat;
  readonly acl: string;
}

/** A tree as one server has it, by path. */
export type Tree = ReadonlyMap<string, ZnodeSeen>;

export interface LoadOptions {
  readonly ports: readonly number[];
  readonly random: SimRandom;
  readonly workerCount: number;
  /** Between two requests of a worker. */
  readonly pauseMs: number;
  readonly timeoutMs: number;
  /**
   * A sync may show less than was acknowledged elsewhere: ZooKeeper as leader
   * answers its own clients' syncs before it has applied what it has committed.
   */
  readonly syncsLate: boolean;
  readonly problem: (text: string) => void;
}

/** What became of a znode, as far as its client knows. */
type Known = "there" | "gone" | "unknown";

const EPHEMERALS_MAX = 5;
/** A session that nobody keeps alive ends so much later at most, elections left out. */
const LATE_MS = 6000;
/** How long a leader of ZooKeeper's may take to apply what others have applied. */
const SYNC_LATE_MS = 500;

export class ZnodeLoad {
  acknowledgedCount = 0;
  lostCount = 0;
  /** Sessions that were closed, or left, with an ephemeral znode. */
  endedCount = 0;
  readonly #options: LoadOptions;
  readonly #workers: Worker[] = [];
  #leaving: Promise<void> = Promise.resolve();
  #watcher: ZnodeSession | null = null;
  #isRunning = false;
  #resumed: PromiseWithResolvers<void> | null = null;
  #busyCount = 0;
  /** When something was acknowledged last. */
  acknowledgedMs = performance.now();

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  acknowledged(): void {
    this.acknowledgedCount++;
    this.acknowledgedMs = performance.now();
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  async start(): Promise<void> {
    const { ports, timeoutMs, problem, workerCount } = this.#options;
    const maker = new ZnodeSession({ ports, timeoutMs, problem });
    for (const name of ["", "/queue", "/ephemeral", "/leaver", "/pair"]) {
      await maker.create(`${LOAD_PATH}${name}`, "");
    }
    await maker.close();
    this.#isRunning = true;
    for (let index = 0; index < workerCount; index++) {
      const worker = new Worker(this, index, this.#options);
      this.#workers.push(worker);
      await worker.start();
    }
    this.#watcher = new ZnodeSession({ ports, timeoutMs, problem });
    this.#leaving = this.#leave();
  }

  /** Has all sessions keep quiet, once what they have asked for is answered. */
  async hush(): Promise<void> {
    this.#resumed = Promise.withResolvers();
    while (this.#busyCount > 0) await pause(5);
  }

  /** Lets them go on. */
  resume(): void {
    this.#resumed?.resolve();
    this.#resumed = null;
  }

  /** Runs a step of a session, not while all keep quiet. */
  async busy(step: () => Promise<void>): Promise<void> {
    while (this.#resumed !== null) await this.#resumed.promise;
    this.#busyCount++;
    try {
      await step();
    } finally {
      this.#busyCount--;
    }
  }

  /** Waits until something that is sent from now on is acknowledged. */
  async untilAcknowledged(limitMs: number): Promise<void> {
    const before = this.acknowledgedCount;
    const untilMs = performance.now() + limitMs;
    // Every worker may have had one on its way already.
    while (this.acknowledgedCount <= before + this.#workers.length) {
      if (performance.now() > untilMs) {
        throw new Error(`nothing is acknowledged for ${limitMs} ms`);
      }
      await pause(10);
    }
  }

  /** Ends the load; the workers' sessions stay. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#workers.map((worker) => worker.ended));
    await this.#leaving;
  }

  /** Looks at what a server has at the end; the workers' sessions live on. */
  judge(tree: Tree): void {
    for (const worker of this.#workers) worker.judge(tree);
    this.#judgeQueue(tree);
    for (const path of tree.keys()) {
      if (path.startsWith(`${LOAD_PATH}/leaver/`)) {
        this.#options.problem(`${path} outlives its session`);
      }
    }
  }

  /** Ends all sessions. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#workers.map(({ session }) => session), this.#watcher].map(
        (session) => session?.close().catch(() => {}),
      ),
    );
  }

  /** Numbers of one queue are different, and what was asked for once is there once. */
  #judgeQueue(tree: Tree): void {
    const seen = new Map<string, string>();
    const numbers = new Set<string>();
    for (const [path, { data }] of tree) {
      if (!path.startsWith(`${LOAD_PATH}/queue/`)) continue;
      const other = seen.get(data);
      if (other !== undefined) {
        this.#options.problem(`${path} and ${other} are from one request`);
      }
      seen.set(data, path);
      const number = path.slice(-10);
      if (numbers.has(number)) {
        this.#options.problem(`${path}: its number is there twice`);
      }
      numbers.add(number);
    }
  }

  /** Sessions that come, make an ephemeral znode and go, one after another. */
  async #leave(): Promise<void> {
    const checks: Promise<void>[] = [];
    for (let count = 0; this.#isRunning; count++) {
      const path = `${LOAD_PATH}/leaver/${count}`;
      await this.busy(() => this.#comeAndGo(path, checks));
      await pause(200);
    }
    await Promise.all(checks);
  }

  async #comeAndGo(path: string, checks: Promise<void>[]): Promise<void> {
    const { ports, problem, random } = this.#options;
    const session = new ZnodeSession({ ports, timeoutMs: 4000, problem });
    try {
      await session.create(path, "", CreateMode.ephemeral);
      await pause(random.between(0, 500));
      if (random.chance(0.5)) {
        const heardMs = session.heardMs;
        await session.abandon();
        this.endedCount++;
        checks.push(this.#checkAbandoned(path, heardMs, session.timeoutMs));
        return;
      }
      await session.close();
      this.endedCount++;
      await this.#checkClosed(path, session);
    } catch (error) {
      if (!(error instanceof RequestFailure)) throw error;
      await session.abandon();
    }
  }

  /** What a closed session has made is gone at once, wherever somebody looks. */
  async #checkClosed(path: string, { lastZxid }: ZnodeSession): Promise<void> {
    const { problem, syncsLate } = this.#options;
    const untilMs = performance.now() + (syncsLate ? SYNC_LATE_MS : 0);
    let seen = await this.#look(path);
    while (seen !== null && performance.now() < untilMs) {
      await pause(5);
      seen = await this.#look(path);
    }
    if (seen !== null) {
      problem(
        `${path} is there at 0x${hex(this.#watcher!.lastZxid)} on port ${
          this.#watcher!.port
        }, after its close at 0x${hex(lastZxid)}`,
      );
    }
  }

  /** An abandoned session keeps its znode for its timeout, and not for ever. */
  async #checkAbandoned(
    path: string,
    heardMs: number,
    timeoutMs: number,
  ): Promise<void> {
    const { problem, syncsLate } = this.#options;
    for (;;) {
      const askedMs = performance.now();
      const stat = await this.#look(path);
      const silentMs = performance.now() - heardMs;
      if (stat === null) {
        const isEarly = silentMs < timeoutMs - 100;
        if (isEarly && syncsLate) {
          await pause(SYNC_LATE_MS);
          if (await this.#look(path) !== null) continue;
        }
        if (isEarly) {
          problem(`${path} is gone after ${Math.round(silentMs)} ms`);
        }
        return;
      }
      const isLate = askedMs - heardMs > timeoutMs + LATE_MS;
      // While servers go, sessions get their time anew.
      if (isLate && !this.#isRunning) {
        const lateUntilMs = performance.now() + timeoutMs + LATE_MS;
        while (performance.now() < lateUntilMs) {
          await pause(200);
          if (await this.#look(path) === null) return;
        }
        return problem(`${path} outlives its abandoned session`);
      }
      await pause(300);
    }
  }

  /** What the ensemble has committed at a path by now. */
  async #look(path: string): Promise<Stat | null> {
    const watcher = this.#watcher!;
    for (;;) {
      try {
        await watcher.sync();
        const { connectCount } = watcher;
        const seen = await watcher.exists(path);
        // Elsewhere the sync counts for nothing.
        if (watcher.connectCount === connectCount) return seen;
      } catch (error) {
        const isLost = error instanceof RequestFailure &&
          error.failure === "lost";
        if (!isLost) throw error;
      }
    }
  }
}

/** One session with znodes of its own. */
class Worker {
  readonly session: ZnodeSession;
  ended: Promise<void> = Promise.resolve();
  readonly #load: ZnodeLoad;
  readonly #options: LoadOptions;
  readonly #index: number;
  readonly #counter: string;
  /** Sent last, and known to be stored. */
  #sentCount = 0;
  #storedCount = 0;
  #serial = 0;
  readonly #plain = new Map<string, Known>();
  readonly #ephemeral = new Map<string, Known>();
  readonly #pairs = new Map<string, Known>();
  /** By what is in it: the path. */
  readonly #queued = new Map<string, string>();

  constructor(load: ZnodeLoad, index: number, options: LoadOptions) {
    this.#load = load;
    this.#index = index;
    this.#options = options;
    this.#counter = `${LOAD_PATH}/counter-${index}`;
    const { ports, timeoutMs, problem } = options;
    this.session = new ZnodeSession({ ports, timeoutMs, problem });
  }

  async start(): Promise<void> {
    await this.session.create(this.#counter, "0");
    await this.session.create(`${LOAD_PATH}/plain-${this.#index}`, "");
    this.ended = this.#run();
  }

  async #run(): Promise<void> {
    const { random, pauseMs, problem } = this.#options;
    while (this.#load.isRunning) {
      try {
        await this.#load.busy(() => this.#step(random.next()));
        this.#load.acknowledged();
      } catch (error) {
        if (!(error instanceof RequestFailure)) throw error;
        if (error.failure === "expired") break;
        if (error.failure === "lost") {
          this.#load.lostCount++;
          await this.#lookAround();
        } else problem(`${error.message}, which is not what was known`);
      }
      await pause(pauseMs * random.between(0.5, 1.5));
    }
  }

  #step(draw: number): Promise<void> {
    if (draw < 0.3) return this.#count();
    if (draw < 0.5) return this.#create();
    if (draw < 0.65) return this.#delete();
    if (draw < 0.75) return this.#enqueue();
    if (draw < 0.85) return this.#createEphemeral();
    if (draw < 0.95) return this.#readCounter();
    return this.#createPair();
  }

  /** The counter's text is its version: whoever set it twice would be seen. */
  async #count(): Promise<void> {
    const next = this.#sentCount = this.#storedCount + 1;
    const stat = await this.session.set(this.#counter, `${next}`, next - 1);
    if (stat.version !== next) {
      this.#options.problem(`${this.#counter}: ${next} has another version`);
    }
    this.#storedCount = next;
  }

  /** A session sees what it has written. */
  async #readCounter(): Promise<void> {
    const { data, stat } = await this.session.get(this.#counter);
    const value = Number(data);
    if (
      value < this.#storedCount || value > this.#sentCount ||
      value !== stat.version
    ) {
      this.#options.problem(
        `${this.#counter} is ${data} in version ${stat.version}, where ${this.#storedCount} was stored and ${this.#sentCount} sent last`,
      );
    }
    this.#storedCount = Math.max(this.#storedCount, value);
  }

  async #create(): Promise<void> {
    const path = `${LOAD_PATH}/plain-${this.#index}/${this.#serial++}`;
    this.#plain.set(path, "unknown");
    await this.session.create(path, path);
    this.#plain.set(path, "there");
  }

  async #delete(): Promise<void> {
    const paths = [...this.#plain].filter(([, known]) => known === "there");
    if (paths.length === 0) return;
    const [path] = paths[this.#options.random.below(paths.length)];
    this.#plain.set(path, "unknown");
    await this.session.delete(path);
    this.#plain.set(path, "gone");
  }

  async #enqueue(): Promise<void> {
    const data = `${this.#index}:${this.#serial++}`;
    const path = await this.session.create(
      `${LOAD_PATH}/queue/q-`,
      data,
      CreateMode.sequential,
    );
    this.#queued.set(data, path);
  }

  async #createEphemeral(): Promise<void> {
    const there = [...this.#ephemeral].filter(([, known]) => known === "there");
    if (there.length >= EPHEMERALS_MAX) {
      const [path] = there[0];
      this.#ephemeral.set(path, "unknown");
      await this.session.delete(path);
      this.#ephemeral.set(path, "gone");
      return;
    }
    const path = `${LOAD_PATH}/ephemeral/${this.#index}-${this.#serial++}`;
    this.#ephemeral.set(path, "unknown");
    await this.session.create(path, "", CreateMode.ephemeral);
    this.#ephemeral.set(path, "there");
  }

  async #createPair(): Promise<void> {
    const path = `${LOAD_PATH}/pair/${this.#index}-${this.#serial++}`;
    this.#pairs.set(path, "unknown");
    await this.session.createAll([`${path}a`, `${path}b`], path);
    this.#pairs.set(path, "there");
  }

  /** After a request was lost: what has become of it, and is all else as it was? */
  async #lookAround(): Promise<void> {
    for (;;) {
      try {
        await this.session.sync();
        await this.#readCounter();
        for (const [path, known] of this.#ephemeral) {
          if (known !== "there") continue;
          const stat = await this.session.exists(path);
          if (stat === null) {
            this.#options.problem(`${path} is gone, its session lives`);
          }
        }
        return;
      } catch (error) {
        if (!(error instanceof RequestFailure)) throw error;
        if (error.failure !== "lost") return;
      }
    }
  }

  judge(tree: Tree): void {
    const { problem } = this.#options;
    const { sessionId, isExpired } = this.session;
    const counter = tree.get(this.#counter);
    const value = Number(counter?.data);
    if (
      counter === undefined || value < this.#storedCount ||
      value > this.#sentCount || value !== counter.stat.version
    ) {
      problem(
        `${this.#counter} is ${counter?.data} in version ${counter?.stat.version}, where ${this.#storedCount} was acknowledged and ${this.#sentCount} sent last`,
      );
    }
    this.#judgeAll(tree, this.#plain, "");
    this.#judgeAll(tree, this.#pairs, "a");
    this.#judgeAll(tree, this.#pairs, "b");
    for (const path of this.#pairs.keys()) {
      if (tree.has(`${path}a`) !== tree.has(`${path}b`)) {
        problem(`${path}: one of two is there`);
      }
    }
    if (isExpired) {
      for (const path of this.#ephemeral.keys()) {
        if (tree.has(path)) problem(`${path} outlives its session`);
      }
    } else this.#judgeAll(tree, this.#ephemeral, "");
    for (const path of this.#ephemeral.keys()) {
      const owner = tree.get(path)?.stat.ephemeralOwner ?? sessionId;
      if (owner !== sessionId) problem(`${path} is of 0x${hex(owner)}`);
    }
    for (const [data, path] of this.#queued) {
      if (tree.get(path)?.data !== data) {
        problem(`${path} is acknowledged, and not there`);
      }
    }
  }

  #judgeAll(
    tree: Tree,
    znodes: ReadonlyMap<string, Known>,
    suffix: string,
  ): void {
    for (const [path, known] of znodes) {
      if (known === "unknown") continue;
      if (tree.has(`${path}${suffix}`) !== (known === "there")) {
        this.#options.problem(
          `${path}${suffix} is acknowledged to be ${known}, and is not`,
        );
      }
    }
  }
}
