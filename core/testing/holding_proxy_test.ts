import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { readInt16, writeInt16, writeInt32 } from "../base/big_endian.ts";
import { type Connection, type Host, sleep } from "../host/host.ts";
import { FrameStream } from "../rpc/frame_stream.ts";
import { HoldingProxy } from "./holding_proxy.ts";
import { simHost } from "./sim_host.ts";

const BROKER = { host: "localhost", port: 7 };
const HELD_API = 26;
const HOLD_MS = 5000;

function requestOf(apiKey: number): Uint8Array {
  const bytes = new Uint8Array(10);
  writeInt32(bytes, 0, bytes.length - 4);
  writeInt16(bytes, 4, apiKey);
  return bytes;
}

/** Answers each request with its API key; notes what comes, and when. */
async function serve(host: Host, seen: string[]): Promise<void> {
  await host.net.listen(BROKER, async (connection) => {
    const frames = new FrameStream(connection, { frameMaxBytes: 100 });
    for (let frame; (frame = await frames.next()) !== null;) {
      const seconds = Math.round(host.clock.monotonicMs() / 1000);
      seen.push(`${readInt16(frame, 0)} at ${seconds} s`);
      await connection.write(requestOf(readInt16(frame, 0))).catch(() => {});
    }
  });
}

async function proxied(
  job: (host: Host, connect: () => Promise<Connection>) => Promise<void>,
): Promise<HoldingProxy> {
  const sim = simHost(1);
  return await sim.run(async () => {
    const { host } = sim;
    const proxy = await HoldingProxy.start(host, {
      listen: { host: "", port: 8 },
      target: BROKER,
      holdMs: (apiKey) => apiKey === HELD_API ? HOLD_MS : 0,
    });
    await job(host, () => host.net.connect(proxy.address));
    proxy.close();
    return proxy;
  });
}

Deno.test("HoldingProxy hands requests and answers on", async () => {
  const proxy = await proxied(async (host, connect) => {
    await serve(host, []);
    const connection = await connect();
    const answers = new FrameStream(connection, { frameMaxBytes: 100 });
    for (const apiKey of [3, 0, 3]) {
      await connection.write(requestOf(apiKey));
      strictEqual(readInt16((await answers.next())!, 0), apiKey);
    }
  });
  strictEqual(proxy.counts.heldCount, 0);
});

Deno.test("HoldingProxy delivers what it held after its client has gone, and lets others overtake it", async () => {
  const seen: string[] = [];
  const proxy = await proxied(async (host, connect) => {
    await serve(host, seen);
    const first = await connect();
    await first.write(requestOf(HELD_API));
    await first.write(requestOf(3));
    await sleep(host.clock, 1000);
    first.close();
    const second = await connect();
    await second.write(requestOf(0));
    await sleep(host.clock, 1000);
    second.close();
    await sleep(host.clock, 2 * HOLD_MS);
  });
  deepStrictEqual(seen, [
    "0 at 1 s",
    `${HELD_API} at 5 s`,
    "3 at 5 s",
  ]);
  deepStrictEqual(proxy.counts, {
    heldCount: 1,
    lateCount: 1,
    longestMs: HOLD_MS,
  });
});

Deno.test("HoldingProxy closes where there is no broker", async () => {
  await proxied(async (_, connect) => {
    const connection = await connect();
    strictEqual(await connection.read(new Uint8Array(1)), null);
  });
});
