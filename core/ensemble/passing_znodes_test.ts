import { deepEqual } from "node:assert/strict";
import { sleep } from "../host/host.ts";
import { simHost } from "../testing/sim_host.ts";
import { goneByThemselves, passedZnodes } from "./passing_znodes.ts";
import type { Txn } from "./txn.ts";
import { ZnodeTree } from "./znode_tree.ts";

const ACL = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

class World {
  readonly tree = ZnodeTree.initial();
  #zxid = 0n;

  apply(txn: Txn, timeMs = 0): void {
    const zxid = ++this.#zxid;
    this.tree.apply({ sessionId: 0n, cxid: 0, zxid, timeMs }, txn);
  }

  container(path: string): void {
    const made = { path, data: null, acl: ACL, parentCVersion: -1 };
    this.apply({ kind: "createContainer", ...made });
  }

  ttl(path: string, ttlMs: number, timeMs: number): void {
    const made = { path, data: null, acl: ACL, parentCVersion: -1 };
    this.apply({ kind: "createTtl", ...made, ttl: BigInt(ttlMs) }, timeMs);
  }
}

Deno.test("a container goes once its last child has gone; one that had none stays", () => {
  const world = new World();
  world.container("/empty");
  world.container("/used");
  world.container("/used/child");
  deepEqual(passedZnodes(world.tree, 0), []);
  world.apply({ kind: "delete", path: "/used/child" });
  deepEqual(passedZnodes(world.tree, 0), ["/used"]);
});

Deno.test("a time to live runs from the last change, and only without children", () => {
  const world = new World();
  world.ttl("/t", 1000, 5000);
  deepEqual(passedZnodes(world.tree, 6000), []);
  deepEqual(passedZnodes(world.tree, 6001), ["/t"]);
  world.apply({ kind: "setData", path: "/t", data: null, version: 1 }, 6500);
  deepEqual(passedZnodes(world.tree, 7500), []);
  world.container("/t/child");
  deepEqual(passedZnodes(world.tree, 99_000), []);
  world.apply({ kind: "delete", path: "/t/child" });
  deepEqual(passedZnodes(world.tree, 99_000), ["/t"]);
});

Deno.test("it is looked again and again, until it is stopped", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const world = new World();
    const { clock } = sim.host;
    world.ttl("/t", 1, clock.wallMs());
    const removed: string[] = [];
    const stop = goneByThemselves({
      clock,
      tree: world.tree,
      intervalMs: 100,
      remove: (path) => removed.push(path),
    });
    await sleep(clock, 350);
    deepEqual(removed, ["/t", "/t", "/t"]);
    stop();
    await sleep(clock, 500);
    deepEqual(removed.length, 3);
  });
});
