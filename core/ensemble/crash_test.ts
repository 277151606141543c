// Crashes and failures at every call of the disk: what was acknowledged is there
// afterwards, and the state is one that there was, to the last znode.

import { equal, ok } from "node:assert/strict";
import type { ZnodeClient } from "../coordination/znode_client.ts";
import { HostError } from "../host/host.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { SimCrash } from "../testing/sim_life.ts";
import { StuckError } from "../testing/sim_loop.ts";
import { ZkError } from "../wire/zookeeper/errors.ts";
import { type EmbeddedOptions, openEmbeddedCoordinator } from "./embedded.ts";
import { recover } from "./recovery.ts";
import { readLog } from "./txn_log.ts";
import { ZnodeTree } from "./znode_tree.ts";

const DIRECTORY = "/data/coordinator";
const FILES = `${DIRECTORY}/version-2`;
const OPTIONS = { snapshotTxnCount: 7, snapshotsKept: 2 };

/** A machine on which snapshots come between the transactions, as fsyncs take time. */
function machine(): SimHost {
  return simHost(1, { disk: { syncDelayMs: 0.5 } });
}

/** Changes of every kind, some refused, several under way at once. */
async function work(
  sim: SimHost,
  acknowledged: (zxid: bigint) => void,
  options: EmbeddedOptions = OPTIONS,
): Promise<void> {
  const coordinator = await openEmbeddedCoordinator(
    sim.host,
    DIRECTORY,
    options,
  );
  const one = await coordinator.connect();
  const two = await coordinator.connect();
  await one.create("/q", null, "persistent");
  for (let round = 0; round < 8; round++) {
    await Promise.all(
      changes(one, two, round).map(async (change) => {
        try {
          await change;
          acknowledged(coordinator.lastZxid);
        } catch (error) {
          if (!(error instanceof ZkError)) throw error;
        }
      }),
    );
  }
  await two.close();
  await coordinator.close();
}

function changes(
  one: ZnodeClient,
  two: ZnodeClient,
  round: number,
): Promise<unknown>[] {
  const data = new Uint8Array(100 + round * 700).fill(round);
  return [
    one.create("/q/n-", data, "persistentSequential"),
    two.create("/q/e-", data, "ephemeralSequential"),
    two.create("/fixed", data, "persistent"),
    one.set("/q", data, -1),
    one.multi([
      { kind: "create", path: `/m${round}`, data, mode: "persistent" },
      { kind: "create", path: `/m${round}/x`, data: null, mode: "ephemeral" },
      { kind: "set", path: "/q", data: null, version: -1 },
    ]),
    two.delete("/fixed", -1),
    one.delete(`/m${round - 1}/x`, -1),
  ];
}

/** What a tree holds; times, and session ids made of them, depend on how fast the disk was. */
function contentsOf(tree: ZnodeTree): string {
  const rows: string[] = [`${tree.sessions.size} sessions`];
  const walk = (path: string) => {
    const node = tree.get(path)!;
    const { czxid, mzxid, pzxid, version, creations, ephemeralOwner } = node;
    rows.push(
      [
        path,
        czxid,
        mzxid,
        pzxid,
        version,
        creations,
        ephemeralOwner !== 0n,
        node.data,
      ]
        .join(" "),
    );
    for (const name of [...node.children ?? []].sort()) {
      walk(path === "/" ? `/${name}` : `${path}/${name}`);
    }
  };
  walk("/");
  return rows.join("\n");
}

/** The contents after each transaction of a run that nothing disturbs. */
async function history(): Promise<Map<bigint, string>> {
  const sim = machine();
  await sim.run(() => work(sim, () => {}, { snapshotTxnCount: 10_000 }));
  const tree = ZnodeTree.initial();
  const states = new Map([[0n, contentsOf(tree)]]);
  const { entries, tail } = readLog(sim.disk.readFile(`${FILES}/log.1`));
  equal(tail, "clean");
  for (const { context, txn } of entries) {
    tree.apply(context, txn);
    states.set(context.zxid, contentsOf(tree));
  }
  return states;
}

/** Runs the work until a fault ends it; gives the last acknowledged transaction. */
async function workUntilFault(sim: SimHost): Promise<bigint> {
  let last = 0n;
  try {
    await sim.run(() => work(sim, (zxid) => last = zxid > last ? zxid : last));
  } catch (error) {
    const isExpected = error instanceof SimCrash ||
      error instanceof HostError ||
      error instanceof StuckError;
    if (!isExpected) throw error;
  }
  return last;
}

/** Checks what a fault has left, then goes on with it and checks that as well. */
async function checkAfter(
  sim: SimHost,
  states: ReadonlyMap<bigint, string>,
  acknowledged: bigint,
  what: string,
): Promise<void> {
  sim.restart();
  sim.disk.clearFaults();
  if (sim.host.disk.stat(FILES) !== null) {
    const { tree } = recover(sim.host.disk, FILES);
    ok(tree.lastZxid >= acknowledged, `${what}: acknowledged changes are lost`);
    equal(contentsOf(tree), states.get(tree.lastZxid), what);
  } else {
    equal(acknowledged, 0n, what);
  }
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(
      sim.host,
      DIRECTORY,
      OPTIONS,
    );
    const znodes = await coordinator.connect();
    await znodes.create("/after", null, "persistent");
  });
  sim.restart();
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const znodes = await coordinator.connect();
    ok(
      await znodes.exists("/after"),
      `${what}: the next life's change is lost`,
    );
    const { names } = await znodes.children("/");
    for (const name of names.filter((each) => each.startsWith("m"))) {
      equal((await znodes.children(`/${name}`)).names.length, 0, what);
    }
    await coordinator.close();
  });
}

Deno.test("a crash at any call of the disk keeps what was acknowledged, and a state that there was", async () => {
  const states = await history();
  let crashes = 0;
  for (let n = 1;; n++) {
    const sim = machine();
    sim.disk.crashAtCall(n);
    const acknowledged = await workUntilFault(sim);
    if (!sim.isCrashed) break;
    crashes++;
    await checkAfter(sim, states, acknowledged, `crash at call ${n}`);
  }
  ok(crashes > 100, `${crashes} crashes`);
});

Deno.test("a failure at any call of the disk keeps what was acknowledged, and a state that there was", async () => {
  const states = await history();
  let failures = 0;
  for (const kind of ["io", "noSpace"] as const) {
    for (let n = 1;; n++) {
      const sim = machine();
      sim.disk.failNthCall(n, kind);
      const acknowledged = await workUntilFault(sim);
      if (!sim.disk.isFaultSpent) break;
      failures++;
      await checkAfter(sim, states, acknowledged, `${kind} at call ${n}`);
    }
  }
  ok(failures > 200, `${failures} failures`);
});

Deno.test("a power cut at any fsync keeps what was acknowledged, however long fsyncs take", async () => {
  const states = await history();
  let crashes = 0;
  for (let n = 1;; n++) {
    const sim = simHost(n, { disk: { syncDelayMs: [0.1, 5] } });
    sim.disk.crashAtCall(n, (call) => call.action === "sync");
    const acknowledged = await workUntilFault(sim);
    if (!sim.isCrashed) break;
    crashes++;
    await checkAfter(sim, states, acknowledged, `crash at sync ${n}`);
  }
  ok(crashes > 15, `${crashes} crashes`);
});
