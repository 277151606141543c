import { equal, rejects } from "node:assert/strict";
import { simHost } from "../testing/sim_host.ts";
import { OPEN_ACL } from "./acl_cache.ts";
import { Decider, type WriteRequest } from "./decide.ts";
import { type Proposal, proposalOf } from "./proposal.ts";
import { ZnodeStore } from "./znode_store.ts";
import { ZnodeTree } from "./znode_tree.ts";

const DIRECTORY = "/data";

function create(path: string): WriteRequest {
  const data = new TextEncoder().encode(path);
  return { kind: "create", path, data, acl: OPEN_ACL, mode: "persistent" };
}

/** Decides and applies requests; gives what a log of them holds. */
function proposals(
  tree: ZnodeTree,
  requests: readonly WriteRequest[],
): Proposal[] {
  const decider = new Decider(tree);
  return requests.map((request) => {
    const zxid = tree.lastZxid + 1n;
    const context = { sessionId: 7n, cxid: 0, zxid, timeMs: Number(zxid) };
    const txn = decider.decide(request, context);
    tree.apply(context, txn);
    decider.applied(zxid);
    return proposalOf(context, txn);
  });
}

Deno.test("a store opens again after it took over a tree that has later changes in it", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const leaders = ZnodeTree.initial();
    proposals(leaders, [create("/a"), create("/b")]);
    const sentZxid = leaders.lastZxid;
    const later = proposals(leaders, [
      create("/c"),
      { kind: "set", path: "/a", data: null, version: 0 },
      { kind: "delete", path: "/b", version: -1 },
    ]);
    const wanted = leaders.digest;
    // Written while changes went on: it claims to be older than it is.
    leaders.restoreZxid(sentZxid);

    const store = await ZnodeStore.open(sim.host, DIRECTORY);
    await store.replaceTree(leaders);
    await store.close();
    const again = await ZnodeStore.open(sim.host, DIRECTORY);
    equal(again.lastLoggedZxid, sentZxid);
    for (const proposal of later) {
      again.log(proposal, () => again.apply(proposal), () => {});
    }
    await again.close();

    const last = await ZnodeStore.open(sim.host, DIRECTORY);
    equal(last.tree.lastZxid, later.at(-1)?.context.zxid);
    equal(last.tree.digest, wanted);
    await last.close();
  });
});

/** A store with so many transactions in it; the first is 1. */
async function storeWith(
  sim: ReturnType<typeof simHost>,
  count: number,
  snapshotTxnCount: number,
): Promise<ZnodeStore> {
  const store = await ZnodeStore.open(sim.host, DIRECTORY, {
    snapshotTxnCount,
    historyCount: 10,
  });
  const tree = ZnodeTree.initial();
  const requests = Array.from({ length: count }, (_, i) => create(`/n${i}`));
  for (const proposal of proposals(tree, requests)) {
    store.log(proposal, () => store.apply(proposal), () => {});
    await store.settled();
  }
  return store;
}

Deno.test("what a killed process has left is durable once a store is open", async () => {
  const sim = simHost(1, { disk: { syncDelayMs: 5 } });
  await sim.run(async () => {
    const store = await ZnodeStore.open(sim.host, DIRECTORY);
    const [first, second] = proposals(ZnodeTree.initial(), [
      create("/a"),
      create("/b"),
    ]);
    store.log(first, () => store.apply(first), () => {});
    await store.settled();
    // Written, and the process is killed before the disk confirms it.
    store.log(second, () => {}, () => {});
    await null;
    await null;
  });
  sim.crash("kill");
  sim.restart();
  const opened = await sim.run(() => ZnodeStore.open(sim.host, DIRECTORY));
  equal(opened.lastLoggedZxid, 2n);
  sim.crash("power", "lost");
  sim.restart();
  const again = await sim.run(() => ZnodeStore.open(sim.host, DIRECTORY));
  equal(again.lastLoggedZxid, 2n);
});

Deno.test("a store goes back to a transaction, whenever a power cut comes between", async () => {
  for (let seed = 0, call = 1;; seed++, call = 1 + Math.floor(seed / 8)) {
    const sim = simHost(seed);
    const store = await sim.run(() => storeWith(sim, 30, 7));
    const before = store.lastLoggedZxid;
    sim.disk.crashAtCall(call);
    try {
      await sim.run(() => Promise.race([store.truncateTo(20n), sim.crashed]));
    } catch (error) {
      if (!sim.isCrashed) throw error;
    }
    if (!sim.isCrashed) {
      equal(store.tree.lastZxid, 20n);
      equal(store.tree.get("/n19") !== null, true);
      equal(store.tree.get("/n20"), null);
      return;
    }
    sim.disk.clearFaults();
    sim.restart();
    const again = await sim.run(() => ZnodeStore.open(sim.host, DIRECTORY));
    const { lastZxid } = again.tree;
    equal(lastZxid >= 20n && lastZxid <= before, true, `call ${call}`);
  }
});

Deno.test("a store that cannot go back leaves all as it is, and says that it needs a tree", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const store = await storeWith(sim, 3, 1000);
    const tree = ZnodeTree.initial();
    proposals(tree, [create("/x"), create("/y"), create("/z")]);
    await store.replaceTree(tree);
    await rejects(() => store.truncateTo(2n), { kind: "notFound" });
    equal(store.needsTree, true);
    equal(store.failure, null);
    await store.close();
    const again = await ZnodeStore.open(sim.host, DIRECTORY);
    equal(again.tree.digest, tree.digest);
    await again.close();
    const other = ZnodeTree.initial();
    proposals(other, [create("/x")]);
    await store.replaceTree(other);
    equal(store.needsTree, false);
  });
});

Deno.test("newer logs are gone for good before an older one is cut", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const store = await storeWith(sim, 30, 7);
    const actions: string[] = [];
    sim.disk.failNthCall(1e9, "io", ({ action }) => actions.push(action) > 0);
    await store.truncateTo(20n);
    const cutIndex = actions.indexOf("truncate");
    const removedIndex = actions.lastIndexOf("remove");
    const between = actions.slice(removedIndex, cutIndex);
    equal(between.includes("syncDirectory"), true, actions.join(" "));
  });
});

Deno.test("a store that took over a tree does not know what its old log lacks", async () => {
  const zxid = 5n << 32n;
  for (let call = 1;; call++) {
    const sim = simHost(call);
    const store = await sim.run(() => storeWith(sim, 3, 1000));
    const tree = ZnodeTree.initial();
    proposals(tree, [create("/x"), create("/y")]);
    tree.restoreZxid(zxid);
    sim.disk.crashAtCall(call);
    try {
      await sim.run(() => Promise.race([store.replaceTree(tree), sim.crashed]));
    } catch (error) {
      if (!sim.isCrashed) throw error;
    }
    if (!sim.isCrashed) return;
    sim.disk.clearFaults();
    sim.restart();
    const again = await sim.run(() =>
      ZnodeStore.open(sim.host, DIRECTORY, { historyCount: 10 })
    );
    const known = again.history.since((4n << 32n) + 1n);
    if (again.tree.lastZxid === zxid) equal(known, null, `call ${call}`);
  }
});
