// A broker of a simulation, over all its lives: what brings it down, what starts
// it again, and what has to be there at the end.

import { HostError, sleep } from "../host/host.ts";
import { TestBroker } from "./broker_fixture.ts";
import type { SimHost } from "./sim_host.ts";
import { SimCrash } from "./sim_life.ts";
import type { SimNet } from "./sim_net.ts";
import { check, type ScenarioRun } from "./sim_scenario.ts";

/** After the faults, everything must have come to its end within this. */
const HEALING_MS = 120_000;

/** A machine with a broker, `broker:9092`, and one of clients. */
export interface BrokerStage extends ScenarioRun {
  readonly server: SimHost;
  readonly client: SimHost;
  readonly net: SimNet;
}

/** Starts the broker whenever it is down, and brings it down. */
export class BrokerSupervisor {
  readonly #stage: BrokerStage;
  readonly #overrides: { readonly [key: string]: string | number };
  readonly #topicsMade: string[] = [];
  /** Why no broker is started any more. */
  failure: unknown = null;
  #running: TestBroker | null = null;
  #isEnding = false;
  readonly #ending = Promise.withResolvers<void>();
  #loop: Promise<void> | null = null;

  constructor(
    stage: BrokerStage,
    overrides: { readonly [key: string]: string | number },
  ) {
    this.#stage = stage;
    this.#overrides = overrides;
  }

  /** The broker that runs now, as far as anybody knows. */
  get running(): TestBroker | null {
    return this.#stage.server.isCrashed ? null : this.#running;
  }

  /** The first life, without faults at its start. */
  async begin(
    prepare: (broker: TestBroker) => Promise<unknown>,
  ): Promise<void> {
    this.#running = await this.#start();
    await prepare(this.#running);
    this.#loop = this.#supervise().catch((error) => {
      this.#stage.trace(`the supervisor failed: ${message(error)}`);
      this.failure = error;
    });
  }

  /** Crashes and cuts, with rests between; ends with all faults gone. */
  async makeTrouble(count: number): Promise<void> {
    const { random, server, client, net, trace } = this.#stage;
    for (let i = 0; i < count; i++) {
      await sleep(client.host.clock, random.between(50, 5000));
      const what = random.next();
      trace(`trouble ${i} at ${Math.round(client.loop.nowMs)} ms`);
      if (what < 0.5) server.disk.crashAtCall(1 + random.below(120));
      else if (what < 0.6) server.crash("kill");
      else if (what < 0.7) server.crash("power");
      else if (what < 0.8) net.resetConnections();
      else if (what < 0.9) await this.#cut();
      else server.disk.failNthCall(1 + random.below(60));
      if (random.chance(0.3)) await this.#makeTopic(`extra-${i}`);
    }
    server.disk.clearFaults();
    net.heal();
  }

  /** Stops the broker cleanly; what it made must be there still. */
  async end(): Promise<void> {
    const { image } = this.#running!.broker.cluster;
    for (const topic of this.#topicsMade) {
      check(image.topics.has(topic), `Topic ${topic} was made, and is lost`);
    }
    this.#isEnding = true;
    this.#ending.resolve();
    check(await this.#running!.stop(), "The last stop was not clean");
    await this.#loop;
  }

  async #supervise(): Promise<void> {
    const { server, client, random, trace } = this.#stage;
    while (!this.#isEnding) {
      const broker = this.#running;
      if (broker !== null) {
        await Promise.race([
          server.crashed,
          broker.running.failed,
          this.#ending.promise,
        ]);
        if (this.#isEnding) return;
        for (const line of broker.lines) trace(`broker: ${line}`);
      }
      // A broker that gave up after a failed sync takes the machine with it: no
      // process can tell what of the page cache is on the disk.
      server.crash("power");
      this.#running = null;
      await sleep(client.host.clock, random.between(10, 2000));
      server.disk.clearFaults();
      server.restart();
      if (random.chance(0.2)) server.disk.crashAtCall(1 + random.below(60));
      try {
        this.#running = await this.#start();
        trace(`started at ${Math.round(client.loop.nowMs)} ms`);
      } catch (error) {
        const isFault = server.isCrashed || error instanceof HostError;
        if (!isFault) throw error;
        trace(`did not start: ${message(error)}`);
      }
    }
  }

  #start(): Promise<TestBroker> {
    const { server } = this.#stage;
    const starting = TestBroker.start(server.host, {
      ...this.#overrides,
      "listeners": "PLAINTEXT://broker:9092",
    });
    const crashed = server.crashed.then(() => {
      throw new SimCrash("The broker crashed while it started");
    });
    starting.catch(() => {}); // Of a dead one nobody hears.
    return Promise.race([starting, crashed]);
  }

  async #cut(): Promise<void> {
    const { net, client, random } = this.#stage;
    net.partition("client", "broker", { isOneWay: random.chance(0.5) });
    await sleep(client.host.clock, random.between(10, 8000));
    net.heal();
  }

  async #makeTopic(name: string): Promise<void> {
    const { server, client } = this.#stage;
    const broker = this.#running;
    if (broker === null || server.isCrashed) return;
    const isAlive = server.lifeTeller;
    const making = broker.createTopic(name).then(() => {
      if (isAlive()) this.#topicsMade.push(name);
    }).catch(() => {});
    await Promise.race([making, sleep(client.host.clock, 3000)]);
  }
}

/** @throws {SimFailure} Where a promise waits for longer than healing may take. */
export async function within<T>(
  { client }: BrokerStage,
  promise: Promise<T>,
  otherwise: string,
): Promise<T> {
  const late = Promise.withResolvers<"late">();
  const callOff = client.host.clock.after(
    HEALING_MS,
    () => late.resolve("late"),
  );
  const outcome = await Promise.race([promise, late.promise]);
  callOff();
  check(
    outcome !== "late",
    `After ${HEALING_MS} ms without faults ${otherwise}`,
  );
  return outcome as T;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
