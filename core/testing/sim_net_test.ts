import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { type Connection, type Host, sleep } from "../host/host.ts";
import { type SimHost, simHost } from "./sim_host.ts";
import { SimLoop, StuckError } from "./sim_loop.ts";
import { SimNet } from "./sim_net.ts";
import { SimRandom } from "./sim_random.ts";

function twoNodes(seed: number): { a: SimHost; b: SimHost; net: SimNet } {
  const loop = new SimLoop();
  const net = new SimNet(loop, new SimRandom(seed));
  return {
    a: simHost(seed, { name: "a", loop, net }),
    b: simHost(seed + 1, { name: "b", loop, net }),
    net,
  };
}

/** `b` listens on port 7; both ends of a connection from `a`. */
async function join(
  a: Host,
  b: Host,
): Promise<{ client: Connection; server: Connection }> {
  const accepted = Promise.withResolvers<Connection>();
  await b.net.listen({ host: "", port: 7 }, accepted.resolve);
  const client = await a.net.connect({ host: "b", port: 7 });
  return { client, server: await accepted.promise };
}

const one = new Uint8Array(1);

Deno.test("SimNet cuts a stream at many places, and loses nothing", async () => {
  const { a, b } = twoNodes(4);
  await a.run(async () => {
    const { client, server } = await join(a.host, b.host);
    const bytes = new Uint8Array(100_000).map((_, i) => i);
    await client.write(bytes);
    const sizes = new Set<number>();
    const target = new Uint8Array(bytes.length);
    let count = 0;
    while (count < bytes.length) {
      const read = await server.read(target.subarray(count));
      ok(read !== null);
      sizes.add(read);
      count += read;
    }
    deepStrictEqual(target, bytes);
    ok(sizes.size > 1 && Math.min(...sizes) <= 16, `only saw ${[...sizes]}`);
    strictEqual(server.peer.replace(/\d+$/, ""), "a:");
    strictEqual(client.peer, "b:7");
  });
});

Deno.test("SimNet.partition() holds data up until heal()", async () => {
  const { a, b, net } = twoNodes(5);
  await a.run(async () => {
    const { client, server } = await join(a.host, b.host);
    net.partition("a", "b");
    await client.write(new Uint8Array([1, 2, 3]));
    let readCount = 0;
    const reading = server.read(new Uint8Array(9)).then((count) => {
      readCount += count ?? 0;
    });
    await sleep(a.host.clock, 60_000);
    strictEqual(readCount, 0);
    net.heal();
    await reading;
    ok(readCount >= 1);
  });
});

Deno.test("SimNet.partition() of one way lets the other way through", async () => {
  const { a, b, net } = twoNodes(6);
  await a.run(async () => {
    const { client, server } = await join(a.host, b.host);
    net.partition("a", "b", { isOneWay: true });
    await server.write(one);
    strictEqual(await client.read(new Uint8Array(1)), 1);
    await client.write(one);
    let hasRead = false;
    server.read(new Uint8Array(1)).then(() => {
      hasRead = true;
    });
    await sleep(a.host.clock, 5000);
    strictEqual(hasRead, false);
  });
});

Deno.test("SimNet lets a connect through a partition time out", async () => {
  const { a, b, net } = twoNodes(7);
  await a.run(async () => {
    await b.host.net.listen({ host: "", port: 7 }, () => {});
    net.partition("a", "b");
    const startMs = a.loop.nowMs;
    await rejects(
      () => a.host.net.connect({ host: "b", port: 7 }, { timeoutMs: 3000 }),
      { kind: "timedOut", message: /b:7/ },
    );
    strictEqual(a.loop.nowMs - startMs, 3000);
    const connecting = a.host.net.connect({ host: "b", port: 7 });
    await sleep(a.host.clock, 500);
    net.heal();
    (await connecting).close();
  });
});

Deno.test("SimNet tells the peers of a killed process", async () => {
  const { a, b } = twoNodes(8);
  await a.run(async () => {
    const { client } = await join(a.host, b.host);
    const reading = client.read(new Uint8Array(1));
    b.crash("kill");
    await rejects(() => reading, { kind: "reset" });
    await rejects(() => a.host.net.connect({ host: "b", port: 7 }), {
      kind: "refused",
    });
  });
});

Deno.test("SimNet leaves connections half-open after a power cut", async () => {
  const { a, b } = twoNodes(9);
  await a.run(async () => {
    const { client } = await join(a.host, b.host);
    let isSettled = false;
    const reading = client.read(new Uint8Array(1));
    reading.catch(() => {}).finally(() => {
      isSettled = true;
    });
    b.crash("power");
    await client.write(one);
    await sleep(a.host.clock, 600_000);
    strictEqual(isSettled, false);
    await rejects(
      () => a.host.net.connect({ host: "b", port: 7 }, { timeoutMs: 1000 }),
      { kind: "timedOut" },
    );
    b.restart();
    await client.write(one);
    await rejects(() => reading, { kind: "reset" });
  });
});

Deno.test("SimNet.resetConnections() breaks both ends", async () => {
  const { a, b, net } = twoNodes(10);
  await a.run(async () => {
    const { client, server } = await join(a.host, b.host);
    strictEqual(net.liveCount, 2);
    net.resetConnections("a");
    await rejects(() => server.read(new Uint8Array(1)), { kind: "reset" });
    await rejects(() => client.write(one), { kind: "reset" });
    strictEqual(net.liveCount, 0);
  });
});

Deno.test("SimNet keeps a loopback listener to its own node", async () => {
  const { a, b } = twoNodes(11);
  await a.run(async () => {
    await b.host.net.listen({ host: "127.0.0.1", port: 7 }, () => {});
    await rejects(() => a.host.net.connect({ host: "b", port: 7 }), {
      kind: "refused",
    });
    (await b.host.net.connect({ host: "b", port: 7 })).close();
    await rejects(
      () => a.host.net.listen({ host: "b", port: 8 }, () => {}),
      { kind: "other", message: /not an address of this machine/ },
    );
  });
});

Deno.test("SimLoop.settle() says when a promise waits for nothing", async () => {
  const sim = simHost(1);
  await rejects(() => sim.run(() => new Promise(() => {})), StuckError);
  const late = () => sleep(sim.host.clock, 5000);
  await rejects(() => sim.run(late, { limitMs: 4000 }), StuckError);
});

Deno.test("SimLoop runs by time, then in the order added", async () => {
  const loop = new SimLoop();
  const random = new SimRandom(3);
  const ran: [atMs: number, index: number][] = [];
  const delays = Array.from({ length: 500 }, () => random.below(50));
  delays.forEach((delayMs, i) => {
    const callOff = loop.schedule(delayMs, () => ran.push([loop.nowMs, i]));
    if (i % 7 === 0) callOff();
  });
  await loop.run(100);
  const expected = delays
    .map((delayMs, i): [number, number] => [delayMs, i])
    .filter(([, i]) => i % 7 !== 0)
    .sort((x, y) => x[0] - y[0] || x[1] - y[1]);
  deepStrictEqual(ran, expected);
  strictEqual(loop.nowMs, 100);
});

Deno.test("simHost() replays from its seed, and differs by seed", async () => {
  const trace = async (seed: number) => {
    const { a, b } = twoNodes(seed);
    const lines: string[] = [];
    await a.run(async () => {
      const { client, server } = await join(a.host, b.host);
      client.write(new Uint8Array(200_000));
      const target = new Uint8Array(50_000);
      for (let count = 0; count < 200_000;) {
        const read = await server.read(target) ?? 0;
        count += read;
        lines.push(`${a.host.clock.monotonicMs()} ${read}`);
      }
      lines.push(`${b.host.random()} ${a.host.randomBytes(4)}`);
    });
    return lines.join("\n");
  };
  strictEqual(await trace(42), await trace(42));
  ok(await trace(42) !== await trace(43));
});

Deno.test("SimClock drifts, and its calendar jumps alone", async () => {
  const sim = simHost(1, { clock: { driftPpm: 100_000, skewMs: 5000 } });
  const wallMs = sim.host.clock.wallMs();
  await sim.run(() => sleep(sim.host.clock, 1100));
  strictEqual(Math.round(sim.loop.nowMs), 1000);
  strictEqual(Math.round(sim.host.clock.monotonicMs()), 1100);
  sim.clock.jumpWall(-3_600_000);
  ok(Math.abs(sim.host.clock.wallMs() - wallMs + 3_598_900) <= 1);
  strictEqual(Math.round(sim.host.clock.monotonicMs()), 1100);
});
