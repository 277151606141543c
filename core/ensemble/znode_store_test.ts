import { equal } from "node:assert/strict";
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
