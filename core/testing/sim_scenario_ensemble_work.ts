// What clients of a simulated ensemble do: counters that several raise by their
// version, names in sequence, ephemerals, several changes at once, watches.

import { sleep } from "../host/host.ts";
import type { EnsembleClient } from "./sim_scenario_ensemble_client.ts";

const COUNTERS = ["/c0", "/c1", "/c2"];
const QUEUE = "/q";

/** One thing after the other, until the connection ends. */
export async function ensembleWork(client: EnsembleClient): Promise<void> {
  for (const path of [...COUNTERS, QUEUE]) {
    if (await client.get(path, false) === null) {
      await client.change(creation(path, "0"));
    }
  }
  for (;;) {
    await pick(client)(client);
    await sleep(client.host.clock, client.random.between(0, 120));
  }
}

type Work = (client: EnsembleClient) => Promise<unknown>;

function pick({ random }: EnsembleClient): Work {
  if (random.chance(0.03)) return (client) => client.closeSession();
  return random.pick([
    raiseCounter,
    raiseCounter,
    queue,
    keepEphemeral,
    manyAtOnce,
    raiseTwo,
    look,
  ]);
}

async function raiseCounter(client: EnsembleClient): Promise<void> {
  const path = client.random.pick(COUNTERS);
  if (client.random.chance(0.2)) await client.sync(path);
  const found = await client.get(path, client.random.chance(0.4));
  if (found === null) return;
  await client.change({
    kind: "set",
    path,
    text: String(Number(found.text) + 1),
    version: found.version,
  });
}

async function raiseTwo(client: EnsembleClient): Promise<void> {
  const changes = [];
  for (const path of [COUNTERS[0], COUNTERS[2]]) {
    const found = await client.get(path, false);
    if (found === null) return;
    const text = String(Number(found.text) + 1);
    const { version } = found;
    changes.push({ kind: "set", path, text, version } as const);
  }
  await client.multi(changes);
}

async function queue(client: EnsembleClient): Promise<void> {
  await client.children(QUEUE, client.random.chance(0.5));
  await client.change({
    ...creation(`${QUEUE}/n-`, client.name),
    isSequential: true,
    isEphemeral: client.random.chance(0.5),
  });
}

async function keepEphemeral(client: EnsembleClient): Promise<void> {
  const path = `/e-${client.random.below(3)}`;
  const found = await client.get(path, false);
  if (found !== null && client.random.chance(0.5)) {
    await client.change({ kind: "delete", path });
  } else {
    await client.change({ ...creation(path, client.name), isEphemeral: true });
  }
}

/** In flight together; they are carried out in this order. */
async function manyAtOnce(client: EnsembleClient): Promise<void> {
  const path = `/own-${client.name}`;
  const results = await Promise.allSettled([
    client.change(creation(path, "1")),
    client.change({ kind: "set", path, text: "2", version: -1 }),
    client.get(path, true),
    client.change({ kind: "set", path, text: "3", version: -1 }),
  ]);
  for (const each of results) {
    if (each.status === "rejected") throw each.reason;
  }
}

async function look(client: EnsembleClient): Promise<void> {
  await client.get(client.random.pick(COUNTERS), true);
  await client.children(QUEUE, true);
}

function creation(path: string, text: string) {
  return {
    kind: "create",
    path,
    text,
    isEphemeral: false,
    isSequential: false,
  } as const;
}
