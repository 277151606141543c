// Ensembles that grow, shrink and lose their leader while clients write, on the
// simulated host: what was acknowledged stays, and all servers end with one tree.

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import {
  connectZooKeeper,
  type ZooKeeperClient,
} from "../../client/zookeeper/zookeeper_client.ts";
import { coordinatorConfig } from "../../config/coordinator_config.ts";
import { readConfig } from "../../config/table.ts";
import { sleep } from "../../host/host.ts";
import { SimLoop } from "../../testing/sim_loop.ts";
import { SimNet } from "../../testing/sim_net.ts";
import { SimRandom } from "../../testing/sim_random.ts";
import { type SimHost, simHost } from "../../testing/sim_host.ts";
import { isZkError } from "../../wire/zookeeper/errors.ts";
import {
  type RunningCoordinator,
  startCoordinator,
} from "../coordinator_server.ts";
// Loaded while the first server starts, it would be waited for in real time.
import "./peer.ts";
import { QuorumConfig } from "./quorum_config.ts";

const NO_CHANGE = {
  joining: null,
  leaving: null,
  members: null,
  configVersion: -1n,
};

type MemberChange = Parameters<ZooKeeperClient["reconfig"]>[0];

function line(id: number, type = "participant"): string {
  return `server.${id}=s${id}:2888:3888:${type};s${id}:2181`;
}

function lines(ids: readonly number[]): string {
  return ids.map((id) => line(id)).join("\n");
}

/** Five machines, some of which run a server. */
class Ensemble {
  readonly loop = new SimLoop();
  readonly net: SimNet;
  readonly sims: SimHost[] = [];
  readonly running = new Map<number, RunningCoordinator>();
  readonly keys: { readonly [key: string]: string };
  readonly traces: string[] = [];

  constructor(seed: number, keys: { readonly [key: string]: string } = {}) {
    const random = new SimRandom(seed);
    this.keys = keys;
    this.net = new SimNet(this.loop, random.fork(), { latencyMs: [0.1, 2] });
    for (let id = 0; id <= 5; id++) {
      const name = id === 0 ? "client" : `s${id}`;
      const { loop, net } = this;
      this.sims.push(simHost(random.below(1e9), { name, loop, net }));
    }
  }

  run(job: () => Promise<void>): Promise<void> {
    return this.sims[0].run(job);
  }

  /** @param members Whom its command line names. */
  async start(id: number, members: readonly number[]): Promise<void> {
    const { host } = this.sims[id];
    const config = readConfig(
      coordinatorConfig,
      new Map(Object.entries({
        dataDir: "/data",
        tickTime: "200",
        reconfigEnabled: "true",
        skipACL: "yes",
        "admin.enableServer": "false",
        ...this.keys,
      })),
    );
    const server = await startCoordinator({
      host,
      config,
      membership: {
        selfId: id,
        members: QuorumConfig.parse(lines(members)),
      },
      trace: (text) =>
        this.traces.push(`${Math.round(this.loop.nowMs)} s${id}: ${text}`),
    });
    this.running.set(id, server);
  }

  crash(id: number): void {
    this.sims[id].crash("power");
    this.running.delete(id);
  }

  async restart(id: number, members: readonly number[]): Promise<void> {
    this.sims[id].restart();
    await this.start(id, members);
  }

  modes(): string[] {
    return [...this.running.values()].map(({ view }) =>
      view.service.replica()?.role ?? "none"
    );
  }

  get leaderId(): number | null {
    for (const [id, { view }] of this.running) {
      if (view.service.replica()?.role === "leader") return id;
    }
    return null;
  }

  async until(isSo: () => boolean, what: string): Promise<void> {
    const { clock } = this.sims[0].host;
    const endMs = clock.monotonicMs() + 60_000;
    while (!isSo()) {
      ok(
        clock.monotonicMs() < endMs,
        `${what} never came\n${this.traces.slice(-40).join("\n")}`,
      );
      await sleep(clock, 20);
    }
  }

  serving(): Promise<void> {
    return this.until(
      () => this.leaderId !== null && !this.modes().includes("none"),
      "an ensemble that serves",
    );
  }

  client(ids: readonly number[]): Promise<ZooKeeperClient> {
    return connectZooKeeper({
      host: this.sims[0].host,
      connect: ids.map((id) => `s${id}:2181`).join(","),
      timeoutMs: 4000,
      connectTimeoutMs: 60_000,
    });
  }

  async stop(): Promise<void> {
    for (const server of this.running.values()) await server.shutdown();
  }
}

/** Writes one znode after the other for as long as it may. */
class Load {
  readonly acked: string[] = [];
  #isOver = false;
  readonly #done: Promise<void>;

  constructor(ensemble: Ensemble, client: ZooKeeperClient) {
    this.#done = this.#run(ensemble, client);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #run(ensemble: Ensemble, client: ZooKeeperClient): Promise<void> {
    for (let index = 0; !this.#isOver; index++) {
      const path = `/n${index}`;
      try {
        await client.create({ path, data: null, mode: "persistent" });
        this.acked.push(path);
      } catch (error) {
        // Not known to be there: nothing was promised.
        if (isZkError(error, "SESSION_EXPIRED")) return;
        await sleep(ensemble.sims[0].host.clock, 20);
      }
    }
  }
}

async function textOf(client: ZooKeeperClient): Promise<string> {
  const found = await client.get("/zookeeper/config");
  return new TextDecoder().decode(found.data);
}

/** Asks until it is so: an answer may be lost with its server. */
async function change(
  ensemble: Ensemble,
  client: ZooKeeperClient,
  wanted: Partial<MemberChange>,
  isDone: (text: string) => boolean,
): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      if (isDone(await textOf(client))) return;
      await client.reconfig({ ...NO_CHANGE, ...wanted });
    } catch (error) {
      if (isZkError(error, "SESSION_EXPIRED")) throw error;
    }
    await sleep(ensemble.sims[0].host.clock, 50);
  }
  throw new Error(
    `never done: ${JSON.stringify(wanted, (_, v) => String(v))}\n${
      ensemble.traces.slice(-60).join("\n")
    }`,
  );
}

function assertSame(ensemble: Ensemble, acked: readonly string[]): void {
  const trees = [...ensemble.running.values()].map(({ view }) =>
    view.store.tree
  );
  for (const tree of trees) {
    equal(tree.digest, trees[0].digest);
    equal(tree.lastZxid, trees[0].lastZxid);
    for (const path of acked) ok(tree.get(path) !== null, `${path} is lost`);
  }
}

Deno.test("an ensemble grows from 3 to 5 servers and back while clients write", async () => {
  const ensemble = new Ensemble(1);
  await ensemble.run(async () => {
    for (const id of [1, 2, 3]) await ensemble.start(id, [1, 2, 3]);
    await ensemble.serving();
    const client = await ensemble.client([1, 2, 3]);
    equal(await textOf(client), `${lines([1, 2, 3])}\nversion=100000000`);
    const load = new Load(ensemble, await ensemble.client([1, 2, 3]));
    for (const id of [4, 5]) await ensemble.start(id, [1, 2, 3, id]);
    await ensemble.serving();
    const { data, stat } = await client.reconfig({
      ...NO_CHANGE,
      joining: `${line(4)},${line(5)}`,
    });
    const text = new TextDecoder().decode(data);
    match(text, /server\.5=s5:2888:3888:participant;s5:2181\nversion=1000000/);
    equal(text.split("=").at(-1), stat.mzxid.toString(16));
    equal(stat.version, -1);
    equal(stat.mzxid, (await client.get("/zookeeper/config")).stat.mzxid);
    // Two of five may go.
    const others = [1, 2, 3].filter((id) => id !== ensemble.leaderId);
    for (const id of others) ensemble.crash(id);
    await sleep(ensemble.sims[0].host.clock, 2000);
    const before = load.acked.length;
    await sleep(ensemble.sims[0].host.clock, 2000);
    ok(load.acked.length > before, "no progress without two of five");
    for (const id of others) await ensemble.restart(id, [1, 2, 3]);
    await ensemble.serving();
    const again = await ensemble.client([1, 2, 3, 4, 5]);
    const leaving = ensemble.leaderId!;
    await change(
      ensemble,
      again,
      { leaving: `${leaving}` },
      (text) => !text.includes(`server.${leaving}=`),
    );
    await ensemble.until(
      () => ensemble.leaderId !== null && ensemble.leaderId !== leaving,
      "another leader",
    );
    await ensemble.serving();
    await load.stop();
    await sleep(ensemble.sims[0].host.clock, 1000);
    ok(load.acked.length > 100, `${load.acked.length} were acknowledged`);
    assertSame(ensemble, load.acked);
    // The removed server follows without a voice, and may end at any time.
    const removed = ensemble.running.get(leaving)!;
    equal(removed.view.peer!.configs.active.isVoter(leaving), false);
    await ensemble.stop();
    // It does not come back by itself.
    ensemble.sims[leaving].restart();
    await rejects(
      ensemble.start(leaving, [1, 2, 3]),
      /was taken out of the ensemble: the servers are/,
    );
  });
});

Deno.test("a change of the ensemble is refused where it cannot be made", async () => {
  const ensemble = new Ensemble(2);
  await ensemble.run(async () => {
    for (const id of [1, 2, 3]) await ensemble.start(id, [1, 2, 3]);
    await ensemble.serving();
    const client = await ensemble.client([1, 2, 3]);
    const refused = async (
      wanted: Partial<MemberChange>,
      name: Parameters<typeof isZkError>[1],
    ) => {
      const asked = client.reconfig(
        { ...NO_CHANGE, ...wanted },
      );
      await rejects(asked, (error) => isZkError(error, name));
    };
    await refused({ leaving: "1", configVersion: 5n }, "BAD_VERSION");
    await refused({ joining: "some thing" }, "BAD_ARGUMENTS");
    await refused({ joining: "server.4=s4:1:2" }, "BAD_ARGUMENTS");
    await refused(
      { joining: "server.4=s1:2888:3889;s4:2181" },
      "BAD_ARGUMENTS",
    );
    await refused({ leaving: "1,2" }, "BAD_ARGUMENTS");
    await refused({ members: "tickTime=5" }, "BAD_ARGUMENTS");
    // Nobody there to follow.
    await refused(
      { joining: `${line(4)},${line(5)}`, leaving: "1" },
      "NEW_CONFIG_NO_QUORUM",
    );
    equal(await textOf(client), `${lines([1, 2, 3])}\nversion=100000000`);
    // An observer needs nobody.
    await client.reconfig({
      ...NO_CHANGE,
      joining: line(4, "observer"),
      configVersion: 0x100000000n,
    });
    match(await textOf(client), /server\.4=s4:2888:3888:observer/);
    await client.reconfig({
      ...NO_CHANGE,
      members: lines([1, 2, 3]),
    });
    equal((await textOf(client)).split("\n").length, 4);
    await ensemble.stop();
  });
});

Deno.test("a change of the ensemble needs the right to it, and to be enabled", async () => {
  for (
    const [keys, name] of [
      [{ skipACL: "no" }, "NO_AUTH"],
      [{ reconfigEnabled: "false" }, "RECONFIG_DISABLED"],
    ] as const
  ) {
    const ensemble = new Ensemble(3, keys);
    await ensemble.run(async () => {
      for (const id of [1, 2, 3]) await ensemble.start(id, [1, 2, 3]);
      await ensemble.serving();
      const client = await ensemble.client([1, 2, 3]);
      await rejects(
        client.reconfig(
          { ...NO_CHANGE, joining: line(4, "observer") },
        ),
        (error) => isZkError(error, name),
      );
      const { version } = ensemble.running.get(1)!.view.peer!.configs.active;
      const wanted = name === "NO_AUTH" ? "100000000" : "0";
      equal(version.toString(16), wanted);
      equal(await textOf(client), `${lines([1, 2, 3])}\nversion=${wanted}`);
      await ensemble.stop();
    });
  }
});

Deno.test("observers are promoted and demoted while they serve", async () => {
  const ensemble = new Ensemble(4);
  await ensemble.run(async () => {
    for (const id of [1, 2, 3]) await ensemble.start(id, [1, 2, 3]);
    await ensemble.serving();
    const client = await ensemble.client([1, 2, 3]);
    const roleOf = (id: number) =>
      ensemble.running.get(id)?.view.service.replica()?.role;
    await ensemble.start(4, [1, 2, 3, 4]);
    await ensemble.serving();
    for (const type of ["observer", "participant", "observer"]) {
      await client.reconfig(
        { ...NO_CHANGE, joining: line(4, type) },
      );
      const wanted = type === "observer" ? "observer" : "follower";
      await ensemble.until(() => roleOf(4) === wanted, wanted);
      const path = "/turn-";
      await client.create({ path, data: null, mode: "persistentSequential" });
    }
    await sleep(ensemble.sims[0].host.clock, 500);
    assertSame(ensemble, []);
    await ensemble.stop();
  });
});

Deno.test("a change of the ensemble needs more than half of those before it, too", async () => {
  const ensemble = new Ensemble(6);
  await ensemble.run(async () => {
    const { clock } = ensemble.sims[0].host;
    for (const id of [1, 2, 3]) await ensemble.start(id, [1, 2, 3]);
    await ensemble.serving();
    for (const id of [4, 5]) await ensemble.start(id, [1, 2, 3, id]);
    await ensemble.serving();
    const leader = ensemble.leaderId!;
    const leaving = [1, 2, 3].filter((id) => id !== leader);
    const client = await ensemble.client([leader]);
    await client.create({ path: "/a", data: null, mode: "persistent" });
    // Those that are to leave hear of nothing, and find a leader of their own.
    for (const id of leaving) {
      for (const other of [leader, 4, 5]) {
        ensemble.net.partition(`s${other}`, `s${id}`);
      }
    }
    let isChanged = false;
    client.reconfig({
      ...NO_CHANGE,
      joining: `${line(4)},${line(5)}`,
      leaving: leaving.join(),
    }).then(() => isChanged = true, () => {});
    const leads = () =>
      leaving.some((id) =>
        ensemble.running.get(id)!.view.service.replica()?.role === "leader"
      );
    await ensemble.until(leads, "a leader of the others");
    const others = await ensemble.client(leaving);
    await others.create({ path: "/b", data: null, mode: "persistent" });
    await sleep(clock, 3000);
    equal(isChanged, false);
    ensemble.net.heal();
    await ensemble.serving();
    await sleep(clock, 3000);
    assertSame(ensemble, ["/a", "/b"]);
    await ensemble.stop();
  });
});

for (let seed = 100; seed < 120; seed++) {
  Deno.test(`servers fail while the ensemble changes (seed ${seed})`, async () => {
    const random = new SimRandom(seed);
    const ensemble = new Ensemble(seed);
    await ensemble.run(async () => {
      const { clock } = ensemble.sims[0].host;
      for (const id of [1, 2, 3]) await ensemble.start(id, [1, 2, 3]);
      await ensemble.serving();
      const all = [1, 2, 3, 4, 5];
      const client = await ensemble.client(all);
      const load = new Load(ensemble, await ensemble.client(all));
      for (const id of [4, 5]) await ensemble.start(id, [1, 2, 3, id]);
      await ensemble.serving();
      // One at a time fails, at any moment, and comes back.
      let isOver = false;
      const trouble = (async () => {
        while (!isOver) {
          await sleep(clock, random.between(1, 600));
          const id = random.pick([...ensemble.running.keys()]);
          ensemble.crash(id);
          await sleep(clock, random.between(1, 1500));
          const known = id <= 3 ? [1, 2, 3] : [1, 2, 3, id];
          try {
            await ensemble.restart(id, known);
          } catch (error) {
            // It was removed, and knows it.
            match(String(error), /was taken out/);
          }
          await sleep(clock, 1500);
        }
      })();
      const has = (id: number) => (text: string) =>
        text.includes(`server.${id}=`);
      const leaving: number[] = [];
      if (random.chance(0.5)) {
        // Most of the ensemble is another at once: no quorum is one of both.
        leaving.push(...[[1, 2], [2, 3], [1, 3]][random.below(3)]);
        await change(
          ensemble,
          client,
          { joining: `${line(4)},${line(5)}`, leaving: leaving.join() },
          (text) => has(4)(text) && !leaving.some((id) => has(id)(text)),
        );
      } else {
        for (const id of [4, 5]) {
          await change(ensemble, client, { joining: line(id) }, has(id));
        }
        leaving.push(random.pick(all));
        await change(
          ensemble,
          client,
          { leaving: leaving.join() },
          (text) => !has(leaving[0])(text),
        );
      }
      isOver = true;
      await trouble;
      await ensemble.serving();
      await load.stop();
      await sleep(clock, 3000);
      assertSame(ensemble, load.acked);
      const active = [...ensemble.running].filter(([id]) =>
        !leaving.includes(id)
      )
        .map(([, { view }]) => view.peer!.configs.active.toText());
      deepEqual(new Set(active).size, 1);
      await ensemble.stop();
    });
  });
}

Deno.test("a server whose disk was lost does not help those that have missed something to a quorum", async () => {
  for (const mayVote of [false, true]) {
    const ensemble = new Ensemble(5);
    const three = [1, 2, 3];
    await ensemble.run(async () => {
      const { clock } = ensemble.sims[0].host;
      for (const id of three) await ensemble.start(id, three);
      await ensemble.serving();
      const client = await ensemble.client(three);
      await client.create({ path: "/a", data: null, mode: "persistent" });
      // Server 3 misses what 1 and 2 agree on; then 1 is away and 2 forgets.
      ensemble.crash(3);
      await ensemble.serving();
      await client.create({ path: "/b", data: null, mode: "persistent" });
      ensemble.crash(1);
      ensemble.crash(2);
      ensemble.sims[2].restart();
      const { disk } = ensemble.sims[2].host;
      disk.removeTree("/data");
      if (mayVote) {
        disk.makeDirectory("/data");
        disk.open("/data/initialize", "create").close();
      }
      await ensemble.start(2, three);
      await ensemble.restart(3, three);
      await sleep(clock, 20_000);
      equal(ensemble.leaderId !== null, mayVote);
      if (mayVote) return await ensemble.stop();
      await ensemble.restart(1, three);
      await ensemble.serving();
      await sleep(clock, 1000);
      assertSame(ensemble, ["/a", "/b"]);
      // It has a voice again.
      ensemble.crash(1);
      await ensemble.serving();
      assertSame(ensemble, ["/a", "/b"]);
      await ensemble.stop();
    });
  }
});
