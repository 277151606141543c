// What makes no sense from a client: refused by name, or the connection ended,
// and nobody else is the worse for it.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { encodeUtf8 } from "../../base/bytes.ts";
import type { Connection } from "../../host/host.ts";
import { type SimHost, simHost } from "../../testing/sim_host.ts";
import {
  startZnodeServer,
  type ZnodeServer,
  type ZnodeServerOptions,
} from "../../testing/znode_server.ts";
import type { Step } from "../../testing/zookeeper_asked.ts";
import { Dialogue, WRONG_PASSWORD } from "../../testing/zookeeper_dialogue.ts";
import { digestOf } from "../access.ts";
import { DEFAULT_RULES } from "../rules.ts";

interface World {
  readonly sim: SimHost;
  readonly server: ZnodeServer;
  readonly d: Dialogue;
  /** What became of the last thing asked. */
  last(): string;
}

async function withServer(
  test: (world: World) => Promise<void>,
  options: Partial<ZnodeServerOptions> = {},
): Promise<void> {
  const sim = simHost(7);
  await sim.run(async () => {
    const server = await startZnodeServer(sim.host, {
      port: 2181,
      directory: "/zk",
      ...options,
    });
    const d = new Dialogue(sim.host.net, [server.address]);
    const last = () => d.lines.at(-1)!.replace(/^.* -> (\+\d+ )?/, "");
    await test({ sim, server, d, last });
    // Whatever came before, others are served.
    await d.connect("somebody else");
    await d.ask("somebody else", "exists", { path: "/" });
    match(last(), /^ok/);
    await d.end();
    await server.stop();
  });
}

function bytesOf(...values: (number | string | Uint8Array)[]): Uint8Array {
  const parts = values.map((value) => {
    if (typeof value === "string") return encodeUtf8(value);
    if (typeof value !== "number") return value;
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, value);
    return bytes;
  });
  const all = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function framed(...values: (number | string | Uint8Array)[]): Uint8Array {
  const payload = bytesOf(...values);
  return bytesOf(payload.length, payload);
}

Deno.test("34. a frame of no size, or of too much, ends the connection with a line", () =>
  withServer(async ({ d, server }) => {
    for (const size of [-1, -(2 ** 31), 0, 1024 * 1024 + 1, 0x7fffffff]) {
      const name = `size ${size}`;
      await d.connect(name);
      await d.sendBytes(name, bytesOf(size));
      await d.expectEnd(name);
      match(
        server.lines.at(-1)!,
        /Len error: .*(invalid frame size|jute\.maxbuffer)/,
      );
    }
  }));

Deno.test("35. a client that begins wrongly is refused, and no session is harmed", () =>
  withServer(async ({ d, server, last }) => {
    await d.connect("owner");
    await d.ask("owner", "create", { path: "/mine", flags: 1 });
    await d.connect("thief", {
      sessionId: d.sessionIdOf("owner"),
      password: WRONG_PASSWORD,
    });
    match(last(), /"timeOut":0,"session":"0"/);
    await d.expectEnd("thief");
    await d.ask("owner", "exists", { path: "/mine" });
    match(last(), /^ok/);
    await d.connect("ahead", { seenZxids: 1000n });
    equal(last(), "closed");
    match(server.lines.at(-1)!, /has seen zxid 0x3e\w, this server 0x\d/);
    for (
      const [timeoutMs, given] of [
        [0, 4000],
        [-1, 4000],
        [2 ** 31 - 1, 40_000],
        [-(2 ** 31), 4000],
      ]
    ) {
      await d.connect(`timeout ${timeoutMs}`, { timeoutMs });
      match(last(), new RegExp(`"timeOut":${given},`));
    }
    await d.connect("version 7", { protocolVersion: 7 });
    match(last(), /"protocolVersion":0,"timeOut":10000/);
    for (
      const bytes of [
        framed(0, 0, 0),
        // A password that is said to have 1 GiB.
        framed(0, 0, 0, 10_000, 0, 0, 2 ** 30),
        framed("what is this?"),
      ]
    ) {
      const name = `bytes ${bytes.length}`;
      await d.open(name);
      await d.sendBytes(name, bytes);
      await d.expectEnd(name);
    }
  }));

Deno.test("36. requests before the session, twice the beginning, operations that are none, xids used again", () =>
  withServer(async ({ d, last }) => {
    await d.open("early");
    await d.sendBytes("early", framed(1, 3, 1, "/", new Uint8Array(1)));
    await d.expectEnd("early");
    await d.connect("twice");
    // To a session that has begun it is a request of operation 0.
    await d.sendBytes("twice", framed(0, 0, 0, 10_000, 0, 0, 0));
    await d.expectAny("twice");
    match(d.lines.at(-1)!, /UNIMPLEMENTED$/);
    await d.expectEnd("twice");
    await d.connect("unknown");
    await d.askLast("unknown", "raw", { opCode: 4711, hex: "" });
    match(d.lines.at(-2)!, /UNIMPLEMENTED$/);
    await d.connect("xids");
    for (const xid of [-1, -2, -4, -8, 5, 5]) {
      await d.ask("xids", "exists", { path: "/" }, xid);
      match(last(), /^ok/);
    }
  }));

Deno.test("37. paths that are none, and znodes that are the server's own", () =>
  withServer(async ({ d, last }) => {
    await d.connect("a");
    await d.ask("a", "create", { path: "/a" });
    const paths = [
      ...["", "a", "/a/", "//", "/a/..", "/a/.", "/a\u0000b", "/a\ud800"],
    ];
    for (const path of paths) {
      await d.ask("a", "create", { path });
      // Half of a pair cannot be written as UTF-8: it comes as another character.
      const refused = path === "/a\ud800"
        ? /BAD_ARGUMENTS|NODE_EXISTS/
        : /^BAD_ARGUMENTS/;
      match(last(), refused, path);
    }
    for (const path of ["/a/../b", "/a/b/"]) {
      await d.ask("a", "setData", { path });
      match(last(), /^BAD_ARGUMENTS/);
    }
    const long = `/${"x".repeat(500_000)}`;
    await d.ask("a", "create", { path: long });
    match(last(), /^ok/);
    await d.ask("a", "delete", { path: long });
    match(last(), /^ok/);
    for (const path of ["/", "/zookeeper", "/zookeeper/quota"]) {
      await d.ask("a", "delete", { path });
      equal(last(), "BAD_ARGUMENTS");
    }
    await d.ask("a", "setData", { path: "/zookeeper/config", data: "x" });
    equal(last(), "NO_AUTH");
  }));

Deno.test("38. counts and sizes that cannot be are answered as malformed, then the connection ends", () =>
  withServer(async ({ d, server }) => {
    let malformed = 0;
    const tails = [
      // A list of 2^31 - 1 entries, of -2; data of -5 bytes, of more than there is.
      bytesOf(2, "/x", 1, "d", 0x7fffffff, 0),
      bytesOf(2, "/x", 1, "d", -2, 0),
      bytesOf(2, "/x", -5, 0, 0),
      bytesOf(2, "/x", 1000, "d"),
      bytesOf(-7),
      bytesOf(),
    ];
    for (const opCode of [1, 5, 4, 101, 15, 7]) {
      for (const [index, tail] of tails.entries()) {
        const name = `op ${opCode} ${index}`;
        await d.connect(name);
        await d.sendBytes(name, framed(1, opCode, tail));
        await d.expectAny(name);
        const said = d.lines.at(-1)!;
        if (!said.endsWith("MARSHALLING_ERROR")) {
          // What lies behind a whole request is not looked at.
          match(said, /NO_NODE|OK/);
          continue;
        }
        await d.expectEnd(name);
        malformed++;
      }
    }
    ok(malformed > 20);
    const lines = server.lines.filter((line) =>
      line.includes("malformed request of operation")
    );
    equal(lines.length, malformed);
  }));

Deno.test("39. a multi does all or nothing, whatever it is made of", () =>
  withServer(async ({ d, last, server }) => {
    await d.connect("a");
    await d.ask("a", "create", { path: "/m" });
    const create = (path: string): Step => ["create", { path }];
    await d.connect("no end");
    await d.askAll("no end", [["multi", {
      steps: [create("/m/1")],
      isUnended: true,
    }]]);
    match(d.lines.at(-2)!, /MARSHALLING_ERROR$/);
    await d.connect("nested");
    await d.askAll("nested", [["multi", {
      steps: [create("/m/2"), ["multi", { steps: [create("/m/3")] }]],
    }]]);
    match(d.lines.at(-2)!, /MARSHALLING_ERROR$/);
    await d.ask("a", "multi", {
      steps: [create("/m/4"), ["check", { path: "/absent" }], create("/m/5")],
    });
    equal(
      last(),
      "ok -1 0 OK; -1 -101 NO_NODE; -1 -2 RUNTIME_INCONSISTENCY (-1 -1)",
    );
    const many = Array.from(
      { length: 20_000 },
      (_, index) =>
        ["create", { path: `/m/n${index}`, acl: "world:anyone:31" }] as const,
    );
    await d.connect("too large");
    await d.askLast("too large", "multi", { steps: many });
    match(server.lines.at(-1)!, /jute\.maxbuffer/);
    await d.ask("a", "getChildren", { path: "/m" });
    equal(last(), "ok []");
    await d.ask("a", "multi", { steps: many.slice(0, 10_000) });
    ok(last().startsWith("ok 1 0 /m/n0;"));
    await d.ask("a", "getAllChildrenNumber", { path: "/m" });
    equal(last(), "ok 10000");
    // Lists of `auth` grow by who asks: what no server would read is not logged.
    for (let index = 0; index < 200; index++) {
      await d.askAll("a", [["auth", {
        scheme: "digest",
        auth: `u${index}:p`,
      }]]);
    }
    const grown = Array.from({ length: 400 }, (_, index): Step => ["create", {
      path: `/m/g${index}`,
      acl: "auth::31",
    }]);
    const { lastZxid } = server.replica.tree;
    await d.ask("a", "multi", { steps: grown });
    equal(last(), "BAD_ARGUMENTS");
    equal(server.replica.tree.lastZxid, lastZxid + 1n);
    await d.ask("a", "exists", { path: "/m/g0" });
    equal(last(), "NO_NODE");
  }));

Deno.test("40. create modes, times to live, lists and counters at their ends", () =>
  withServer(async ({ d, last, server }) => {
    await d.connect("a");
    for (const flags of [99, -1, 7]) {
      await d.ask("a", "create", { path: "/f", flags });
      equal(last(), "BAD_ARGUMENTS");
    }
    await d.ask("a", "create", { path: "/e", flags: 1 });
    await d.ask("a", "create", { path: "/e/x" });
    equal(last(), "NO_CHILDREN_FOR_EPHEMERALS");
    for (const ttlMs of [-1n, 0n, 2n ** 40n, 2n ** 62n]) {
      await d.ask("a", "createTtl", { path: "/t", flags: 5, ttlMs });
      equal(last(), "BAD_ARGUMENTS");
    }
    await d.ask("a", "createTtl", { path: "/t", flags: 5, ttlMs: 1000n });
    match(last(), /^ok/);
    for (const acl of ["", "nothing:x:31", "sasl:bob:31", "x509:CN=bob:31"]) {
      await d.ask("a", "create", { path: "/l", acl });
      equal(last(), "INVALID_ACL");
    }
    const secret = digestOf(encodeUtf8("bob:secret"));
    await d.ask("a", "create", { path: "/s", acl: `digest:${secret}:31` });
    await d.ask("a", "getAcl", { path: "/s" });
    equal(last(), "NO_AUTH");
    await d.ask("a", "create", {
      path: "/s2",
      acl: `digest:${secret}:31 world:anyone:1`,
    });
    await d.ask("a", "getAcl", { path: "/s2" });
    match(last(), /^ok digest:bob:x:31 world:anyone:1/);
    // A counter that has run over stays where it is.
    await d.ask("a", "create", { path: "/c" });
    const parent = server.replica.tree.get("/c")! as { creations: number };
    parent.creations = 2 ** 31 - 1;
    await d.ask("a", "create", { path: "/c/n", flags: 2 });
    equal(last(), "ok /c/n2147483647");
    await d.ask("a", "create", { path: "/c/n", flags: 2 });
    equal(last(), "NODE_EXISTS");
  }));

Deno.test("41. who watches everything hears of nothing that it may not read", () =>
  withServer(async ({ d }) => {
    await d.connect("spy");
    await d.connect("bob");
    await d.ask("bob", "auth", { scheme: "digest", auth: "bob:secret" });
    await d.ask("spy", "addWatch", { path: "/", mode: 1 });
    await d.ask("bob", "create", { path: "/own", acl: "auth::31" });
    await d.ask("bob", "create", { path: "/own/x", acl: "auth::31" });
    await d.ask("bob", "setData", { path: "/own/x", data: "1" });
    await d.ask("bob", "delete", { path: "/own/x" });
    await d.ask("bob", "create", { path: "/open" });
    deepEqual(d.lines.filter((line) => line.startsWith("spy!")), [
      "spy! NodeCreated /open",
    ]);
  }));

Deno.test("schemes that there is no provider for are refused by name", () =>
  withServer(async ({ d }) => {
    for (const scheme of ["x509", "sasl", "kerberos"]) {
      await d.connect(scheme);
      await d.askLast(scheme, "auth", { scheme, auth: "bob" });
      match(d.lines.at(-2)!, /AUTH_FAILED$/);
    }
    await d.connect("token");
    await d.askLast("token", "raw", { opCode: 102, hex: "00000000" });
    match(d.lines.at(-2)!, /AUTH_FAILED$/);
  }));

Deno.test("the super user may do everything, others only where lists are not looked at", async () => {
  const superDigest = digestOf(encodeUtf8("super:admin"));
  await withServer(async ({ d, last }) => {
    await d.connect("root");
    await d.ask("root", "setData", { path: "/zookeeper/config", data: "x" });
    equal(last(), "NO_AUTH");
    await d.ask("root", "auth", { scheme: "digest", auth: "super:wrong" });
    await d.ask("root", "setData", { path: "/zookeeper/config", data: "x" });
    equal(last(), "NO_AUTH");
    await d.ask("root", "auth", { scheme: "digest", auth: "super:admin" });
    await d.ask("root", "setData", { path: "/zookeeper/config", data: "x" });
    match(last(), /^ok/);
  }, { superDigest });
  await withServer(async ({ d, last }) => {
    await d.connect("a");
    await d.ask("a", "addWatch", { path: "/n", mode: 0 });
    await d.ask("a", "create", { path: "/n", acl: "world:anyone:0" });
    ok(d.lines.includes("a! NodeCreated /n"));
    await d.ask("a", "getData", { path: "/n" });
    match(last(), /^ok/);
    await d.ask("a", "setAcl", { path: "/n", acl: "world:anyone:31" });
    match(last(), /^ok/);
  }, { rules: { ...DEFAULT_RULES, skipsAcl: true } });
});

Deno.test("a hard quota refuses what goes over it, where quotas are enforced", async () => {
  const quota = "/zookeeper/quota/q";
  const limits = "count=-1,bytes=-1=;byteHardLimit=20;countHardLimit=3";
  for (const enforcesQuota of [true, false]) {
    await withServer(async ({ d, last }) => {
      const over = enforcesQuota ? /^QUOTA_EXCEEDED$/ : /^ok/;
      await d.connect("a");
      await d.ask("a", "create", { path: "/q", data: "12345" });
      await d.ask("a", "create", { path: quota });
      await d.ask("a", "create", {
        path: `${quota}/zookeeper_limits`,
        data: limits,
      });
      await d.ask("a", "create", { path: `${quota}/zookeeper_stats` });
      await d.ask("a", "getData", { path: `${quota}/zookeeper_stats` });
      match(last(), /"count=1,bytes=5"/);
      await d.ask("a", "setData", { path: "/q", data: "x".repeat(21) });
      match(last(), over);
      await d.ask("a", "setData", { path: "/q", data: "x" });
      await d.ask("a", "create", { path: "/q/1" });
      await d.ask("a", "create", { path: "/q/2" });
      await d.ask("a", "create", { path: "/q/3" });
      match(last(), over);
      await d.ask("a", "delete", { path: "/q/1" });
      await d.ask("a", "create", { path: "/q/4", data: "x".repeat(20) });
      match(last(), over);
    }, { rules: { ...DEFAULT_RULES, enforcesQuota } });
  }
});

Deno.test("a client that takes nothing is not read from, and keeps nobody else from being served", () =>
  withServer(async ({ d, sim, server, last }) => {
    await d.connect("a");
    const data = new Uint8Array(500_000).fill(0x61);
    await d.ask("a", "create", { path: "/large", data });
    const io: Connection = await sim.host.net.connect(server.address);
    await io.write(framed(0, 0, 0, 10_000, 0, 0, 0, new Uint8Array(1)));
    const request = framed(1, 4, 6, "/large", new Uint8Array(1));
    let sent = 0;
    const send = async () => {
      for (; sent < 5000; sent++) await io.write(request);
    };
    send().catch(() => {});
    await d.ask("a", "exists", { path: "/large" });
    match(last(), /^ok/);
    let held = 0;
    for (const { outstandingCount } of server.service.connections()) {
      held += outstandingCount;
    }
    ok(held <= 10, `${held} requests are held`);
    io.close();
  }, { inFlightMax: 10 }));
