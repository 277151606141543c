// The client against this project's own server on a simulated machine.

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import { type Connection, type Host, sleep } from "../../host/host.ts";
import { type SimHost, simHost } from "../../testing/sim_host.ts";
import {
  startZnodeServer,
  type ZnodeServer,
} from "../../testing/znode_server.ts";
import {
  connectZooKeeper,
  EnsembleUnreachableError,
  type ZooKeeperClient,
} from "./zookeeper_client.ts";

const PORT = 2181;
const TIMEOUT_MS = 6000;

interface World {
  readonly sim: SimHost;
  readonly host: Host;
  server: ZnodeServer;
  connect(suffix?: string): Promise<ZooKeeperClient>;
  /** Stops the server, and starts it on the same port and data some time later. */
  restart(downMs: number): Promise<void>;
}

async function withServer(test: (world: World) => Promise<void>) {
  const sim = simHost(3);
  await sim.run(async () => {
    const { host } = sim;
    const start = () =>
      startZnodeServer(host, { port: PORT, directory: "/zk", tickMs: 500 });
    const world: World = {
      sim,
      host,
      server: await start(),
      connect: (suffix = "") =>
        connectZooKeeper({
          host,
          connect: `127.0.0.1:${PORT}${suffix}`,
          timeoutMs: TIMEOUT_MS,
        }),
      restart: async (downMs) => {
        await world.server.stop();
        await sleep(host.clock, downMs);
        world.server = await start();
      },
    };
    await test(world);
    await world.server.stop();
  });
}

Deno.test("every operation gives what ZooKeeper's gives", () =>
  withServer(async ({ connect }) => {
    const client = await connect();
    equal(client.timeoutMs, TIMEOUT_MS);
    ok(client.sessionId !== 0n);
    const made = await client.create({
      path: "/a",
      data: encodeUtf8("one"),
      mode: "persistent",
    });
    equal(made.path, "/a");
    equal(made.stat.dataLength, 3);
    equal(decodeUtf8((await client.get("/a")).data), "one");
    equal((await client.set("/a", encodeUtf8("two"), 0)).version, 1);
    await rejects(client.set("/a", null, 0), { errorName: "BAD_VERSION" });
    await rejects(client.get("/none"), { errorName: "NO_NODE" });
    await rejects(
      client.create({ path: "/a", data: null, mode: "persistent" }),
      { errorName: "NODE_EXISTS" },
    );
    const sequential = await client.create({
      path: "/a/s-",
      data: null,
      mode: "ephemeralSequential",
    });
    equal(sequential.path, "/a/s-0000000000");
    equal(sequential.stat.ephemeralOwner, client.sessionId);
    deepEqual((await client.children("/a")).names, ["s-0000000000"]);
    deepEqual(await client.ephemerals("/a"), ["/a/s-0000000000"]);
    equal(await client.countDescendants("/a"), 1);
    await client.create({ path: "/c", data: null, mode: "container" });
    await client.create({ path: "/t", data: null, mode: "ttl", ttlMs: 1000 });
    await rejects(client.delete("/a", -1), { errorName: "NOT_EMPTY" });
    await client.delete("/a/s-0000000000", 0);
    equal(await client.exists("/a/s-0000000000"), null);
    await client.sync("/a");
    await client.close();
    await rejects(client.get("/a"), { errorName: "SESSION_EXPIRED" });
  }));

Deno.test("identities open what access control lists close to others", () =>
  withServer(async ({ connect }) => {
    const owner = await connect(), other = await connect();
    const credentials = { scheme: "digest", auth: encodeUtf8("ann:secret") };
    await owner.authenticate(credentials);
    const identities = await owner.whoAmI();
    ok(
      identities.some(({ authScheme, user }) =>
        authScheme === "digest" && user === "ann"
      ),
    );
    await owner.create({
      path: "/own",
      data: null,
      mode: "persistent",
      acl: [{ perms: 31, id: { scheme: "auth", id: "" } }],
    });
    await rejects(other.get("/own"), { errorName: "NO_AUTH" });
    const { acl, stat } = await owner.getAcl("/own");
    equal(acl[0].id.scheme, "digest");
    await owner.setAcl(
      "/own",
      [...acl, { perms: 1, id: { scheme: "world", id: "anyone" } }],
      stat.aversion,
    );
    equal((await other.get("/own")).data.length, 0);
    await other.authenticate(credentials);
    await other.set("/own", null, 0);
    await Promise.all([owner.close(), other.close()]);
  }));

Deno.test("a multi does all or nothing, and names the step that failed", () =>
  withServer(async ({ connect }) => {
    const client = await connect();
    const acl = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
    const create = (path: string) =>
      ({ kind: "create", path, data: null, mode: "persistent", acl }) as const;
    const results = await client.multi([
      create("/m"),
      { kind: "set", path: "/m", data: encodeUtf8("x"), version: 0 },
      { kind: "check", path: "/m", version: 1 },
      create("/m/gone"),
      { kind: "delete", path: "/m/gone", version: 0 },
    ]);
    equal(results[0].path, "/m");
    equal(results[0].stat?.czxid, results[1].stat?.czxid);
    equal(results[1].stat?.version, 1);
    await rejects(
      client.multi([
        create("/n"),
        { kind: "check", path: "/m", version: 7 },
        create("/o"),
      ]),
      { errorName: "BAD_VERSION", operationIndex: 1 },
    );
    equal(await client.exists("/n"), null);
    await client.close();
  }));

Deno.test("a chroot is the client's root in requests, answers and events", () =>
  withServer(async ({ connect }) => {
    const outside = await connect(), inside = await connect("/kafka/main");
    await rejects(
      inside.create({ path: "/x", data: null, mode: "persistent" }),
      { errorName: "NO_NODE" },
    );
    for (const path of ["/kafka", "/kafka/main"]) {
      await outside.create({ path, data: null, mode: "persistent" });
    }
    const seen: string[] = [];
    await inside.children(
      "/",
      ({ type, path }) => seen.push(`${type} ${path}`),
    );
    await inside.exists("/x", ({ type, path }) => seen.push(`${type} ${path}`));
    const made = await inside.create({
      path: "/x",
      data: null,
      mode: "persistentSequential",
    });
    equal(made.path, "/x0000000000");
    await inside.create({ path: "/x", data: null, mode: "persistent" });
    deepEqual(seen, ["childrenChanged /", "created /x"]);
    ok(await outside.exists("/kafka/main/x") !== null);
    await Promise.all([outside.close(), inside.close()]);
  }));

Deno.test("one-shot watches fire once, before the change is seen", () =>
  withServer(async ({ connect }) => {
    const client = await connect(), other = await connect();
    await other.create({ path: "/w", data: null, mode: "persistent" });
    const seen: string[] = [];
    await client.get("/w", ({ type }) => seen.push(type));
    await other.set("/w", encodeUtf8("1"), -1);
    await other.set("/w", encodeUtf8("2"), -1);
    await client.sync("/w");
    const { data } = await client.get("/w");
    seen.push(decodeUtf8(data));
    deepEqual(seen, ["dataChanged", "2"]);
    await Promise.all([client.close(), other.close()]);
  }));

Deno.test("lasting watches fire each time, below their znode too, until they are stopped", () =>
  withServer(async ({ connect }) => {
    const client = await connect(), other = await connect();
    await other.create({ path: "/r", data: null, mode: "persistent" });
    const recursive: string[] = [], single: string[] = [];
    const stop = await client.addWatch(
      "/r",
      { isRecursive: true },
      ({ type, path }) => recursive.push(`${type} ${path}`),
    );
    // For one client, a znode is watched in one way: the later one.
    await other.addWatch(
      "/r",
      { isRecursive: false },
      ({ type, path }) => single.push(`${type} ${path}`),
    );
    await other.create({ path: "/r/a", data: null, mode: "persistent" });
    await other.set("/r/a", null, -1);
    await other.set("/r", null, -1);
    await other.delete("/r/a", -1);
    await client.sync("/r");
    deepEqual(recursive, [
      "created /r/a",
      "dataChanged /r/a",
      "dataChanged /r",
      "deleted /r/a",
    ]);
    deepEqual(single, [
      "childrenChanged /r",
      "dataChanged /r",
      "childrenChanged /r",
    ]);
    await stop();
    await other.set("/r", null, -1);
    await client.sync("/r");
    equal(recursive.length, 4);
    await Promise.all([client.close(), other.close()]);
  }));

Deno.test("a session lasts over a restart of the server, with its watches", () =>
  withServer(async (world) => {
    const client = await world.connect();
    const states: string[] = [];
    client.onState((state) => states.push(state));
    const { sessionId } = client;
    await client.create({ path: "/e", data: null, mode: "ephemeral" });
    for (const path of ["/d", "/r"]) {
      await client.create({ path, data: null, mode: "persistent" });
    }
    const seen: string[] = [];
    const note = (event: { type: string; path: string }) =>
      seen.push(`${event.type} ${event.path}`);
    await client.get("/d", note);
    await client.exists("/new", note);
    await client.children("/d", note);
    await client.addWatch("/r", { isRecursive: true }, note);
    await world.restart(1000);
    // Asked while there is no server: it waits.
    equal((await client.get("/e")).stat.ephemeralOwner, sessionId);
    deepEqual(states, ["disconnected", "connected"]);
    equal(client.sessionId, sessionId);
    const other = await world.connect();
    await other.create({ path: "/new", data: null, mode: "persistent" });
    await other.set("/d", null, -1);
    await other.create({ path: "/d/c", data: null, mode: "persistent" });
    await other.create({ path: "/r/c", data: null, mode: "persistent" });
    await client.sync("/d");
    deepEqual(seen, [
      "created /new",
      "dataChanged /d",
      "childrenChanged /d",
      "created /r/c",
    ]);
    await Promise.all([client.close(), other.close()]);
  }));

Deno.test("many watches are set again in portions that the server takes", () =>
  withServer(async (world) => {
    const client = await world.connect();
    const long = "x".repeat(400);
    const paths = Array.from(
      { length: 4000 },
      (_, index) => `/${long}${index}`,
    );
    let count = 0;
    const note = () => count++;
    await Promise.all(paths.map((path) => client.exists(path, note)));
    await world.restart(100);
    await client.sync("/");
    const other = await world.connect();
    for (const path of [paths[0], paths[2000], paths[3999]]) {
      await other.create({ path, data: null, mode: "persistent" });
    }
    await client.sync("/");
    equal(count, 3);
    await Promise.all([client.close(), other.close()]);
  }));

Deno.test("what was on its way when the connection broke fails, what follows waits", () =>
  withServer(async (world) => {
    const client = await world.connect();
    await client.create({ path: "/p", data: null, mode: "persistent" });
    const onTheWay = client.set("/p", null, -1);
    const stopped = world.server.stop();
    await rejects(onTheWay, { errorName: "CONNECTION_LOSS" });
    const waiting = client.get("/p");
    await stopped;
    world.server = await startZnodeServer(world.host, {
      port: PORT,
      directory: "/zk",
      tickMs: 500,
    });
    equal((await waiting).data.length, 0);
    await client.close();
  }));

Deno.test("a session that was away for too long expires, and says so", () =>
  withServer(async (world) => {
    const client = await world.connect();
    const states: string[] = [];
    client.onState((state) => states.push(state));
    await client.create({ path: "/e", data: null, mode: "ephemeral" });
    const { sessionId } = client;
    await world.server.stop();
    await rejects(client.get("/e"), { errorName: "CONNECTION_LOSS" });
    // Now nothing is held any more.
    await rejects(client.get("/e"), { errorName: "CONNECTION_LOSS" });
    ok(client.livesUntilMs < world.host.clock.monotonicMs());
    world.server = await startZnodeServer(world.host, {
      port: PORT,
      directory: "/zk",
      tickMs: 500,
    });
    world.server.replica.submit({
      sessionId,
      cxid: 0,
      opCode: -11,
      body: new Uint8Array(0),
      identities: [],
    }, () => {});
    await sleep(world.host.clock, 3000);
    deepEqual(states, ["disconnected", "expired"]);
    await rejects(client.get("/e"), { errorName: "SESSION_EXPIRED" });
    const other = await world.connect();
    equal(await other.exists("/e"), null);
    await other.close();
  }));

Deno.test("a quiet session is kept alive by pings, and its life is known", () =>
  withServer(async ({ connect, host }) => {
    const client = await connect();
    const states: string[] = [];
    client.onState((state) => states.push(state));
    for (let second = 0; second < 60; second++) {
      await sleep(host.clock, 1000);
      ok(client.livesUntilMs > host.clock.monotonicMs());
    }
    deepEqual(states, []);
    await client.close();
    equal(client.livesUntilMs, -Infinity);
  }));

Deno.test("a client of several servers finds the one that serves", () =>
  withServer(async ({ host, server }) => {
    const client = await connectZooKeeper({
      host,
      connect: `127.0.0.1:1,127.0.0.1:2,${server.connect},127.0.0.1:3`,
      timeoutMs: TIMEOUT_MS,
    });
    equal(client.server, server.connect);
    await client.close();
  }));

Deno.test("no server in time is an error that lists all of them", () =>
  withServer(async ({ host }) => {
    const startMs = host.clock.monotonicMs();
    const failing = connectZooKeeper({
      host,
      connect: "127.0.0.1:1,127.0.0.1:2",
      timeoutMs: TIMEOUT_MS,
      connectTimeoutMs: 2000,
    });
    await rejects(failing, (error) => {
      ok(error instanceof EnsembleUnreachableError);
      deepEqual(error.addresses, ["127.0.0.1:1", "127.0.0.1:2"]);
      return true;
    });
    equal(Math.round(host.clock.monotonicMs() - startMs), 2000);
  }));

Deno.test("only so many requests are on their way as the client wants", () =>
  withServer(async ({ host, server }) => {
    const client = await connectZooKeeper({
      host,
      connect: server.connect,
      timeoutMs: TIMEOUT_MS,
      inFlightMax: 2,
    });
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        await client.exists("/");
        order.push(index);
      }),
    );
    deepEqual(order, [...order.keys()]);
    await client.close();
  }));

/** A listener that sends something to whoever comes. */
async function liar(host: Host, port: number, bytes: Uint8Array) {
  return await host.net.listen(
    { host: "127.0.0.1", port },
    (connection) => {
      connection.write(bytes).catch(() => {});
      connection.read(new Uint8Array(1000)).catch(() => {});
    },
  );
}

Deno.test("what is no ZooKeeper server is left for one that is", () =>
  withServer(async ({ host, server }) => {
    const lies = [
      encodeUtf8("HTTP/1.1 400 Bad Request\r\n\r\n"),
      new Uint8Array([0, 0, 0, 3, 1, 2, 3]),
      new Uint8Array([0x7f, 0xff, 0xff, 0xff]),
      new Uint8Array([0xff, 0xff, 0xff, 0xff]),
      new Uint8Array(4),
      new Uint8Array(0),
    ];
    const listeners = await Promise.all(
      lies.map((bytes, index) => liar(host, 3000 + index, bytes)),
    );
    const liars = lies.map((_, index) => `127.0.0.1:${3000 + index}`).join();
    const client = await connectZooKeeper({
      host,
      connect: `${liars},${server.connect}`,
      timeoutMs: TIMEOUT_MS,
    });
    equal(client.server, server.connect);
    await client.close();
    await rejects(
      connectZooKeeper({
        host,
        connect: liars,
        timeoutMs: TIMEOUT_MS,
        connectTimeoutMs: 3000,
      }),
      EnsembleUnreachableError,
    );
    for (const each of listeners) each.close();
  }));

Deno.test("a server that talks nonsense in between is left, and the session goes on", () =>
  withServer(async ({ host, server }) => {
    const proxies: { close(): void }[] = [];
    // Hands on all bytes, and after the handshake an answer to nothing.
    let nonsense: Uint8Array | null = new Uint8Array([
      ...[0, 0, 0, 16],
      ...[0, 0, 0x12, 0x34],
      ...new Array(8).fill(0),
      ...[0, 0, 0, 0],
    ]);
    const listener = await host.net.listen(
      { host: "127.0.0.1", port: 4000 },
      async (client) => {
        const behind = await host.net.connect(server.address);
        proxies.push(client, behind);
        const hand = async (from: Connection, to: Connection) => {
          const buffer = new Uint8Array(4096);
          for (;;) {
            const count = await from.read(buffer);
            if (count === null) break;
            await to.write(buffer.slice(0, count));
          }
          to.close();
        };
        host.clock.after(500, () => {
          if (nonsense !== null) client.write(nonsense).catch(() => {});
          nonsense = null;
        });
        hand(client, behind).catch(() => behind.close());
        hand(behind, client).catch(() => client.close());
      },
    );
    const client = await connectZooKeeper({
      host,
      connect: "127.0.0.1:4000",
      timeoutMs: TIMEOUT_MS,
    });
    const states: string[] = [];
    client.onState((state) => states.push(state));
    const { sessionId } = client;
    await sleep(host.clock, 1000);
    await client.exists("/");
    deepEqual(states, ["disconnected", "connected"]);
    equal(client.sessionId, sessionId);
    await client.close();
    listener.close();
    for (const each of proxies) each.close();
  }));
