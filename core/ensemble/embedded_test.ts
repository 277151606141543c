import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { simHost } from "../testing/sim_host.ts";
import type { ZnodeEvent } from "../coordination/znode_client.ts";
import { openEmbeddedCoordinator } from "./embedded.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);
const DIRECTORY = "/data/coordinator";

Deno.test("openEmbeddedCoordinator() keeps znodes over a clean restart and a power cut", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const znodes = await coordinator.connect();
    await znodes.create("/a", bytes("one"), "persistent");
    await znodes.create("/a/e", null, "ephemeral");
    await coordinator.close();
  });
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const znodes = await coordinator.connect();
    const { data, stat } = await znodes.get("/a");
    equal(text(data), "one");
    equal(stat.numChildren, 0, "the earlier process's ephemeral is gone");
    equal(stat.cversion, 2);
    await znodes.set("/a", bytes("two"), 0);
  });
  sim.restart();
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const znodes = await coordinator.connect();
    equal(text((await znodes.get("/a")).data), "two");
    await coordinator.close();
  });
});

Deno.test("create() counts sequential names by creations, not by children", async () => {
  const sim = simHost(2);
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const znodes = await coordinator.connect();
    await znodes.create("/q", null, "persistent");
    // Not awaited one by one: the second is decided while the first is on its way.
    const made = await Promise.all([
      znodes.create("/q/n-", null, "persistentSequential"),
      znodes.create("/q/n-", null, "ephemeralSequential"),
      znodes.create("/q/x", null, "persistent"),
      znodes.create("/q/n-", null, "persistentSequential"),
    ]);
    deepEqual(made.map((each) => each.path), [
      "/q/n-0000000000",
      "/q/n-0000000001",
      "/q/x",
      "/q/n-0000000003",
    ]);
    await znodes.delete("/q/n-0000000003", -1);
    const next = await znodes.create("/q/n-", null, "persistentSequential");
    equal(next.path, "/q/n-0000000004");
    await coordinator.close();
  });
});

Deno.test("changes are refused with ZooKeeper's errors", async () => {
  const sim = simHost(3);
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const znodes = await coordinator.connect();
    await znodes.create("/a", null, "persistent");
    await znodes.create("/a/b", null, "persistent");
    await znodes.create("/e", null, "ephemeral");
    const cases: [name: string, run: () => Promise<unknown>][] = [
      ["NODE_EXISTS", () => znodes.create("/a", null, "persistent")],
      ["NO_NODE", () => znodes.create("/x/y", null, "persistent")],
      [
        "NO_CHILDREN_FOR_EPHEMERALS",
        () => znodes.create("/e/x", null, "persistent"),
      ],
      ["BAD_VERSION", () => znodes.set("/a", null, 7)],
      ["NO_NODE", () => znodes.set("/x", null, -1)],
      ["NOT_EMPTY", () => znodes.delete("/a", -1)],
      ["BAD_VERSION", () => znodes.delete("/a/b", 1)],
      ["NO_NODE", () => znodes.delete("/x", -1)],
      ["NO_NODE", () => znodes.get("/x")],
      ["NO_NODE", () => znodes.children("/x")],
      ["NO_NODE", () => znodes.create("/x//b", null, "persistent")],
      ["BAD_ARGUMENTS", () => znodes.create("/a/..", null, "persistent")],
      ["BAD_ARGUMENTS", () => znodes.create("a", null, "persistent")],
      ["BAD_ARGUMENTS", () => znodes.create("/a/", null, "persistent")],
      ["BAD_ARGUMENTS", () => znodes.delete("/", -1)],
    ];
    for (const [errorName, run] of cases) await rejects(run, { errorName });
    await coordinator.close();
  });
});

Deno.test("multi() does all or nothing and names the step that failed", async () => {
  const sim = simHost(4);
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const znodes = await coordinator.connect();
    const made = await znodes.multi([
      { kind: "create", path: "/m", data: bytes("1"), mode: "persistent" },
      { kind: "set", path: "/m", data: bytes("2"), version: 0 },
      { kind: "check", path: "/m", version: 1 },
      {
        kind: "create",
        path: "/m/c-",
        data: null,
        mode: "persistentSequential",
      },
      { kind: "delete", path: "/m/c-0000000000", version: -1 },
    ]);
    deepEqual(made.map((each) => [each.kind, each.path]), [
      ["create", "/m"],
      ["set", "/m"],
      ["check", "/m"],
      ["create", "/m/c-0000000000"],
      ["delete", "/m/c-0000000000"],
    ]);
    equal(made[1].stat?.version, 1);
    equal(made[0].stat?.czxid, made[1].stat?.mzxid);
    await rejects(
      znodes.multi([
        { kind: "delete", path: "/m", version: -1 },
        { kind: "create", path: "/n", data: null, mode: "persistent" },
        { kind: "check", path: "/n", version: 9 },
      ]),
      { errorName: "BAD_VERSION", operationIndex: 2 },
    );
    equal(text((await znodes.get("/m")).data), "2");
    equal(await znodes.exists("/n"), null);
    await coordinator.close();
  });
});

Deno.test("watches fire once, in order, before the change is answered", async () => {
  const sim = simHost(5);
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const writer = await coordinator.connect();
    const reader = await coordinator.connect();
    const seen: string[] = [];
    const watch = (event: ZnodeEvent) =>
      seen.push(`${event.type} ${event.path}`);
    equal(await reader.exists("/w", watch), null);
    await reader.children("/", watch);
    await writer.create("/w", bytes("1"), "persistent");
    deepEqual(seen.splice(0), ["created /w", "childrenChanged /"]);
    await writer.set("/w", bytes("2"), -1);
    deepEqual(seen, [], "nobody has watched again");
    await reader.get("/w", watch);
    await reader.get("/w", watch);
    await reader.children("/w", watch);
    await writer.set("/w", bytes("3"), -1);
    deepEqual(seen.splice(0), ["dataChanged /w"]);
    await reader.get("/w", watch);
    await writer.delete("/w", -1);
    deepEqual(seen.splice(0), ["deleted /w"], "both watches are one event");
    await rejects(reader.get("/w", watch), { errorName: "NO_NODE" });
    await writer.create("/w", null, "persistent");
    deepEqual(seen, [], "a failed get leaves no watch");
    await coordinator.close();
  });
});

Deno.test("a session's end takes its ephemerals, also those on their way", async () => {
  const sim = simHost(6, { disk: { syncDelayMs: 2 } });
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const [one, two] = [
      await coordinator.connect(),
      await coordinator.connect(),
    ];
    const states: string[] = [];
    one.onState((state) => states.push(state));
    await one.create("/e1", null, "ephemeral");
    const making = one.create("/e2", null, "ephemeral");
    const closing = one.close();
    await Promise.all([making, closing]);
    deepEqual((await two.children("/")).names.sort(), ["zookeeper"]);
    deepEqual(states, ["closed"]);
    await rejects(one.get("/"), { errorName: "SESSION_EXPIRED" });
    await two.create("/e3", null, "ephemeral");
    two.onState((state) => states.push(state));
    await coordinator.expireSession(two.sessionId);
    deepEqual(states, ["closed", "expired"]);
    const three = await coordinator.connect();
    equal(await three.exists("/e3"), null);
    await coordinator.close();
  });
});

Deno.test("an ephemeral that is deleted while its session ends is deleted once", async () => {
  const sim = simHost(11, { disk: { syncDelayMs: 2 } });
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const [one, two] = [
      await coordinator.connect(),
      await coordinator.connect(),
    ];
    await two.create("/p", null, "persistent");
    await two.create("/p/x", null, "persistent");
    await one.create("/p/e", null, "ephemeral");
    // All decided before the first of them is applied.
    const outcomes = await Promise.allSettled([
      one.delete("/p/e", -1),
      one.close(),
      two.delete("/p", -1),
    ]);
    deepEqual(outcomes.map((each) => each.status), [
      "fulfilled",
      "fulfilled",
      "rejected",
    ]);
    deepEqual((await two.children("/p")).names, ["x"]);
    await coordinator.close();
  });
});

Deno.test("answers of a session come in the order asked", async () => {
  const sim = simHost(7, { disk: { syncDelayMs: 3 } });
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const znodes = await coordinator.connect();
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    await Promise.all([
      znodes.create("/o", bytes("x"), "persistent").then(note("create")),
      znodes.get("/o").then(note("get")),
      znodes.create("/o", null, "persistent").catch(note("refused")),
      znodes.set("/o", null, 0).then(note("set")),
      znodes.exists("/o").then((stat) => order.push(`v${stat?.version}`)),
    ]);
    deepEqual(order, ["create", "get", "refused", "set", "v1"]);
    await coordinator.close();
  });
});

Deno.test("a second process on the directory is refused", async () => {
  const sim = simHost(8);
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    await rejects(openEmbeddedCoordinator(sim.host, DIRECTORY), {
      kind: "locked",
    });
    await coordinator.close();
    await (await openEmbeddedCoordinator(sim.host, DIRECTORY)).close();
  });
});

Deno.test("a failed fsync is final: nothing is acknowledged after it", async () => {
  const sim = simHost(9);
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(sim.host, DIRECTORY);
    const znodes = await coordinator.connect();
    await znodes.create("/kept", null, "persistent");
    sim.disk.failNthCall(1, "io", (call) => call.action === "sync");
    await rejects(znodes.create("/lost", null, "persistent"), { kind: "io" });
    await rejects(znodes.create("/more", null, "persistent"), { kind: "io" });
    await rejects(znodes.get("/kept"), { kind: "io" });
  });
});

Deno.test("snapshots are written on the way, and old files go", async () => {
  const sim = simHost(10);
  const options = { snapshotTxnCount: 20, snapshotsKept: 2 };
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(
      sim.host,
      DIRECTORY,
      options,
    );
    const znodes = await coordinator.connect();
    await znodes.create("/s", null, "persistent");
    for (let i = 0; i < 200; i++) {
      await znodes.create("/s/n-", bytes(`${i}`), "persistentSequential");
    }
    await coordinator.close();
  });
  const names = sim.host.disk.list(`${DIRECTORY}/version-2`);
  const count = (prefix: string) =>
    names.filter((name) => name.startsWith(prefix)).length;
  equal(count("snapshot."), 2);
  ok(count("log.") <= 4, names.join(" "));
  sim.restart();
  await sim.run(async () => {
    const coordinator = await openEmbeddedCoordinator(
      sim.host,
      DIRECTORY,
      options,
    );
    const znodes = await coordinator.connect();
    const { names, stat } = await znodes.children("/s");
    equal(names.length, 200);
    equal(stat.cversion, 200);
    await coordinator.close();
  });
});
