// The embedded coordinator under power cuts and kills: what it acknowledged is
// there after any crash, and what was under way is there up to some point of
// the order in which it was asked for, and not beyond.

import type { ZnodeClient } from "../coordination/znode_client.ts";
import {
  type EmbeddedCoordinator,
  openEmbeddedCoordinator,
} from "../ensemble/embedded.ts";
import { isZkError } from "../wire/zookeeper/errors.ts";
import { simHost } from "./sim_host.ts";
import { check, liveOn, type Scenario } from "./sim_scenario.ts";

const DIRECTORY = "/data/coordinator";
const KEY_COUNT = 8;
const LIFE_COUNT = 25;

/** A key's value; `null` where its znode is not there. */
type Value = string | null;

/** A change that was asked for and is not yet answered. */
interface Pending {
  readonly key: number;
  readonly value: Value;
}

export const coordinatorScenario: Scenario = {
  name: "coordinator",
  shows: "acknowledged znodes survive crashes, others appear in order or not",
  async run({ seed, random, trace }) {
    const sim = simHost(seed, { disk: { syncDelayMs: [0.1, 5] } });
    const confirmed: Value[] = Array(KEY_COUNT).fill(null);
    let pending: Pending[] = [];
    let valueCount = 0;

    const change = async (
      znodes: ZnodeClient,
      { key, isAlive }: { key: number; isAlive: () => boolean },
    ) => {
      const isThere = confirmed[key] !== null;
      const value = isThere && random.chance(0.3) ? null : `v${++valueCount}`;
      const entry = { key, value };
      pending.push(entry);
      await apply(znodes, key, { isThere, value });
      if (!isAlive()) return; // What the dead hear is not acknowledged.
      pending = pending.filter((other) => other !== entry);
      confirmed[key] = value;
    };

    for (let life = 0; life < LIFE_COUNT; life++) {
      let coordinator: EmbeddedCoordinator | null = null;
      const isAlive = sim.lifeTeller;
      const crashesEarly = random.chance(0.3);
      if (crashesEarly) sim.disk.crashAtCall(1 + random.below(40));
      const isDone = await liveOn(sim, async () => {
        coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY, {
          snapshotTxnCount: 5 + random.below(40),
        });
        const znodes = await coordinator.connect();
        const found = await readAll(znodes);
        trace(`life ${life}: ${found.join(" ")}`);
        checkFound(found, confirmed, pending);
        found.forEach((value, key) => confirmed[key] = value);
        pending = [];
        if (!crashesEarly) sim.disk.crashAtCall(1 + random.below(200));
        await Promise.all(
          confirmed.map(async (_, key) => {
            for (let i = 0; i < 10; i++) await change(znodes, { key, isAlive });
          }),
        );
      });
      sim.disk.clearFaults();
      if (isDone && random.chance(0.3)) {
        await sim.run(async () => await coordinator?.close());
      }
      sim.crash(random.chance(0.7) ? "power" : "kill");
      sim.restart();
    }
  },
};

const pathOf = (key: number) => `/key-${key}`;

async function apply(
  znodes: ZnodeClient,
  key: number,
  { isThere, value }: { isThere: boolean; value: Value },
): Promise<void> {
  const path = pathOf(key);
  if (value === null) return await znodes.delete(path, -1);
  const data = new TextEncoder().encode(value);
  if (isThere) await znodes.set(path, data, -1);
  else await znodes.create(path, data, "persistent");
}

async function readAll(znodes: ZnodeClient): Promise<Value[]> {
  const values: Value[] = [];
  for (let key = 0; key < KEY_COUNT; key++) {
    try {
      const { data } = await znodes.get(pathOf(key));
      values.push(new TextDecoder().decode(data));
    } catch (error) {
      if (!isZkError(error, "NO_NODE")) throw error;
      values.push(null);
    }
  }
  return values;
}

/** Some first part of what was under way has happened, and nothing else. */
function checkFound(
  found: readonly Value[],
  confirmed: readonly Value[],
  pending: readonly Pending[],
): void {
  const expected = [...confirmed];
  const matches = () => expected.every((value, key) => value === found[key]);
  if (matches()) return;
  for (const { key, value } of pending) {
    expected[key] = value;
    if (matches()) return;
  }
  check(
    false,
    `Found ${found.join(" ")}; acknowledged was ${
      confirmed.join(" ")
    }, then under way ${
      pending.map(({ key, value }) => `${key}=${value}`).join(" ")
    }`,
  );
}
