// Several brokers for tests, each on a machine of its own, with a coordinator on
// another, all simulated.

import type { Host } from "../host/host.ts";
import { TestBroker, until } from "./broker_fixture.ts";
import { type SimHost, simHost } from "./sim_host.ts";
import { startZnodeServer } from "./znode_server.ts";

type Overrides = { readonly [key: string]: string | number };

const PORT = 9092;

/** Broker ids run from 1, and name the machines: `b1`, `b2`… */
export class BrokerWorld {
  readonly zk: SimHost;
  readonly machines: readonly SimHost[];
  readonly brokers: TestBroker[] = [];
  readonly #overridesOf: (id: number) => Overrides;

  constructor(
    zk: SimHost,
    machines: readonly SimHost[],
    overridesOf: (id: number) => Overrides,
  ) {
    this.zk = zk;
    this.machines = machines;
    this.#overridesOf = overridesOf;
  }

  get bootstrap(): string {
    return this.machines.map((_, index) => `b${index + 1}:${PORT}`).join(",");
  }

  host(id: number): Host {
    return this.machines[id - 1].host;
  }

  broker(id: number): TestBroker {
    return this.brokers[id - 1];
  }

  /** Starts a broker, or starts it again on what its machine has. */
  async start(id: number): Promise<TestBroker> {
    return this.brokers[id - 1] = await TestBroker.start(this.host(id), {
      "broker.id": id,
      "listeners": `PLAINTEXT://b${id}:${PORT}`,
      "zookeeper.connect": "zk:2181",
      "zookeeper.session.timeout.ms": 6000,
      "offsets.topic.num.partitions": 6,
      "transaction.state.log.num.partitions": 6,
      ...this.#overridesOf(id),
    });
  }

  /** Kills a broker: what it had written is there when it starts again. */
  kill(id: number): void {
    this.machines[id - 1].crash("kill");
    this.machines[id - 1].restart();
  }

  /** Makes a topic whose partition `n` is led by the broker that `leaders` names there. */
  async createTopic(name: string, leaders: readonly number[]): Promise<void> {
    await this.brokers[0].broker.cluster.createTopic({
      name,
      assignments: new Map(leaders.map((id, index) => [index, [id]])),
    });
    await this.untilAll(({ broker }) =>
      leaders.every((id, index) =>
        broker.cluster.image.topics.get(name)?.partitions[index]?.leader === id
      )
    );
  }

  /** Waits until something is true of every broker. */
  untilAll(condition: (broker: TestBroker) => boolean): Promise<void> {
    return until(this.zk.host, () => this.brokers.every(condition));
  }
}

/** Runs a test on brokers that all know of each other; stops them after it. */
export async function withBrokers(
  count: number,
  test: (world: BrokerWorld) => Promise<void>,
  options: {
    readonly seed?: number;
    /** Of the configuration of a broker. */
    readonly overridesOf?: (id: number) => Overrides;
  } = {},
): Promise<void> {
  const { seed = 5, overridesOf = () => ({}) } = options;
  const zk = simHost(seed, { name: "zk" });
  const machines = Array.from(
    { length: count },
    (_, index) =>
      simHost(seed + index + 1, {
        name: `b${index + 1}`,
        loop: zk.loop,
        net: zk.net,
      }),
  );
  await zk.run(async () => {
    const server = await startZnodeServer(zk.host, {
      name: "zk",
      port: 2181,
      directory: "/zk",
      tickMs: 500,
    });
    const world = new BrokerWorld(zk, machines, overridesOf);
    await Promise.all(machines.map((_, index) => world.start(index + 1)));
    await world.untilAll(({ broker }) =>
      broker.cluster.image.brokers.size === count
    );
    await test(world);
    for (const each of world.brokers) await each.stop();
    await server.stop();
  });
}
