import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { MIB } from "../base/units.ts";
import { denoHost } from "../host/deno_host.ts";
import { type Connection, sleep } from "../host/host.ts";
import { FrameError } from "./frame_reader.ts";
import { RpcServer, type ServerCounts, type ServerLimits } from "./server.ts";
import {
  type Answer,
  type FrameHandler,
  PendingAnswer,
} from "./server_connection.ts";

const host = denoHost();

const LIMITS: ServerLimits = {
  frameMaxBytes: 4 * MIB,
  inFlightMax: 5,
  unsentMaxBytes: MIB,
  idleMs: 60_000,
  handshakeMs: 10_000,
  connectionsMax: 100,
  connectionsPerHostMax: () => 100,
  connectionsPerSecondMax: Infinity,
  memoryMaxBytes: 64 * MIB,
};

interface Started {
  readonly server: RpcServer;
  readonly counts: ServerCounts;
  readonly lines: string[];
  connect(): Promise<Connection>;
}

async function start(
  handler: FrameHandler,
  limits: Partial<ServerLimits> = {},
): Promise<Started> {
  const lines: string[] = [];
  const counts = {
    connectionsAccepted: 0,
    connectionsRefused: 0,
    connectionsOpen: 0,
    bytesReceived: 0,
    bytesSent: 0,
  };
  const server = new RpcServer({
    host,
    limits: { ...LIMITS, ...limits },
    counts,
    handler,
    trace: (line) => lines.push(line),
    onFatal: (error) => lines.push(`fatal ${error}`),
  });
  const address = await server.listen("PLAINTEXT", {
    host: "127.0.0.1",
    port: 0,
  });
  return { server, counts, lines, connect: () => host.net.connect(address) };
}

/** A frame whose payload is one byte, and then `size - 1` zeroes. */
function frame(first: number, size = 1): Uint8Array {
  const bytes = new Uint8Array(4 + size);
  new DataView(bytes.buffer).setInt32(0, size);
  bytes[4] = first;
  return bytes;
}

function answer(...bytes: number[]): Answer {
  return { bytes: Uint8Array.from(bytes), release() {} };
}

/** Reads until `count` bytes are there or the stream ends. */
async function readBytes(io: Connection, count: number): Promise<number[]> {
  const bytes: number[] = [];
  const target = new Uint8Array(4096);
  while (bytes.length < count) {
    const read = await io.read(target.subarray(0, count - bytes.length));
    if (read === null) break;
    bytes.push(...target.subarray(0, read));
  }
  return bytes;
}

async function isClosed(io: Connection): Promise<boolean> {
  try {
    return await io.read(new Uint8Array(1)) === null;
  } catch {
    return true;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 500 && !condition(); round++) {
    await sleep(host.clock, 10);
  }
  ok(condition(), "it did not come true within five seconds");
}

Deno.test("RpcServer answers in the order asked, though a later answer is ready first", async () => {
  const releases: (() => void)[] = [];
  const started: number[] = [];
  const { server, connect } = await start((bytes) => {
    const first = bytes[0];
    started.push(first);
    if (first !== 1) return answer(first);
    return new PendingAnswer(
      new Promise((done) => releases.push(() => done(answer(1)))),
      true,
    );
  });
  const io = await connect();
  await io.write(Uint8Array.from([...frame(1), ...frame(2), ...frame(3)]));
  await until(() => started.length === 3);
  releases[0]();
  deepStrictEqual(await readBytes(io, 3), [1, 2, 3]);
  io.close();
  await server.close(1000);
});

Deno.test("RpcServer starts the next request only when the one before lets it", async () => {
  const releases: (() => void)[] = [];
  const started: number[] = [];
  const { server, connect } = await start((bytes) => {
    const first = bytes[0];
    started.push(first);
    return new PendingAnswer(
      new Promise((done) => releases.push(() => done(answer(first)))),
      false,
    );
  });
  const io = await connect();
  await io.write(Uint8Array.from([...frame(1), ...frame(2)]));
  await until(() => started.length === 1);
  await sleep(host.clock, 30);
  deepStrictEqual(started, [1]);
  releases[0]();
  await until(() => started.length === 2);
  releases[1]();
  deepStrictEqual(await readBytes(io, 2), [1, 2]);
  io.close();
  await server.close(1000);
});

Deno.test("RpcServer reads no further than the requests in flight allow", async () => {
  const releases: (() => void)[] = [];
  const { server, connect, counts } = await start(() =>
    new PendingAnswer(
      new Promise((done) => releases.push(() => done(answer(7)))),
      true,
    )
  );
  const io = await connect();
  const count = 400;
  const size = 60_000;
  const sending = (async () => {
    for (let i = 0; i < count; i++) await io.write(frame(1, size));
  })();
  await until(() => releases.length === 5);
  await sleep(host.clock, 50);
  strictEqual(releases.length, 5, "the cap holds");
  ok(counts.bytesReceived < 20 * size, "the rest waits in the sockets");
  const reading = readBytes(io, count);
  for (let released = 0; released < count; released++) {
    await until(() => releases.length > released);
    releases[released]();
  }
  await sending;
  strictEqual((await reading).length, count);
  io.close();
  await server.close(1000);
});

Deno.test("RpcServer reads no further while a client leaves its answers unread", async () => {
  let served = 0;
  const large: Answer = { bytes: new Uint8Array(300_000), release() {} };
  const { server, connect } = await start(() => {
    served++;
    return large;
  });
  const io = await connect();
  const count = 2000;
  for (let i = 0; i < count; i++) await io.write(frame(1));
  await sleep(host.clock, 100);
  ok(served < 200, `${served} served into a socket that nobody reads`);
  io.close();
  await server.close(1000);
});

Deno.test("RpcServer answers what came before a bad frame, then closes and says why", async () => {
  const { server, connect, lines } = await start((bytes) => answer(bytes[0]));
  const cases: [bytes: number[], line: RegExp][] = [
    [[0x7f, 0xff, 0xff, 0xff], /frame of 2147483647 bytes exceeds/],
    [
      [...new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")],
      /looks like HTTP/,
    ],
    [[0, 0, 0, 0], /invalid frame size 0/],
  ];
  for (const [bad, line] of cases) {
    const io = await connect();
    await io.write(Uint8Array.from([...frame(9), ...bad]));
    deepStrictEqual(await readBytes(io, 2), [9]);
    await until(() => lines.some((l) => line.test(l)));
    io.close();
  }
  await server.close(1000);
});

Deno.test("RpcServer closes a connection whose request makes no sense", async () => {
  const { server, connect, lines } = await start((bytes) => {
    if (bytes[0] === 1) throw new FrameError("unknown api key 9999");
    return new PendingAnswer(Promise.reject(new FrameError("late")), false);
  });
  for (const first of [1, 2]) {
    const io = await connect();
    await io.write(frame(first));
    ok(await isClosed(io));
  }
  await until(() => lines.length === 2);
  ok(lines[0].includes("unknown api key 9999"), lines[0]);
  ok(lines[1].includes("late"), lines[1]);
  await server.close(1000);
});

Deno.test("RpcServer closes what is idle, and what does not finish its first request", async () => {
  const { server, connect, lines } = await start(() => answer(1), {
    idleMs: 2500,
    handshakeMs: 500,
  });
  const dribbling = await connect();
  await dribbling.write(frame(1).subarray(0, 3));
  const idle = await connect();
  const startMs = host.clock.monotonicMs();
  ok(await isClosed(dribbling));
  ok(host.clock.monotonicMs() - startMs < 2400, "long before it is idle");
  ok(await isClosed(idle));
  await until(() => lines.length === 2);
  ok(lines[0].includes("took more than 500 ms"), lines[0]);
  ok(lines[1].includes("idle for more than 2500 ms"), lines[1]);
  await server.close(1000);
});

Deno.test("RpcServer refuses connections over its limits", async () => {
  const { server, connect, lines, counts } = await start(() => answer(1), {
    connectionsPerHostMax: () => 2,
  });
  const open = [await connect(), await connect()];
  for (const io of open) {
    await io.write(frame(1));
    await readBytes(io, 1);
  }
  const third = await connect();
  ok(await isClosed(third));
  ok(lines[0].includes("has 2 connections already"), lines[0]);
  strictEqual(counts.connectionsRefused, 1);
  open[0].close();
  await until(() => server.connectionCount === 1);
  const fourth = await connect();
  await fourth.write(frame(1));
  deepStrictEqual(await readBytes(fourth, 1), [1]);
  await server.close(1000);
});

Deno.test("RpcServer gets frames through, one after another, where memory is short", async () => {
  const { server, connect, lines } = await start(
    (bytes) =>
      bytes[0] % 2 === 0 ? answer(bytes[0]) : new PendingAnswer(
        sleep(host.clock, 5).then(() => answer(bytes[0])),
        true,
      ),
    { memoryMaxBytes: 100_000 },
  );
  const clients = await Promise.all([0, 1, 2, 3, 4, 5].map(connect));
  const answers = await Promise.all(clients.map(async (io, i) => {
    const reading = readBytes(io, 3);
    for (let round = 0; round < 3; round++) await io.write(frame(i, 900_000));
    return await reading;
  }));
  deepStrictEqual(answers, [0, 1, 2, 3, 4, 5].map((i) => [i, i, i]));
  clients.forEach((io) => io.close());
  await server.close(1000);
  strictEqual(server.pool.lentBytes, 0);
  deepStrictEqual(lines, []);
});

Deno.test("RpcServer serves new connections no faster than it may", async () => {
  const { server, connect } = await start(() => answer(1), {
    connectionsPerSecondMax: 20,
  });
  const startMs = host.clock.monotonicMs();
  for (let i = 0; i < 30; i++) {
    const io = await connect();
    await io.write(frame(1));
    deepStrictEqual(await readBytes(io, 1), [1]);
    io.close();
  }
  const tookMs = host.clock.monotonicMs() - startMs;
  ok(tookMs > 400, `30 connections took ${tookMs} ms`);
  await server.close(1000);
});

Deno.test("RpcServer.close() lets what is under way be answered", async () => {
  let release = () => {};
  const { server, connect } = await start(() =>
    new PendingAnswer(
      new Promise((done) => release = () => done(answer(5))),
      false,
    )
  );
  const busy = await connect();
  const idle = await connect();
  await busy.write(frame(1));
  await until(() => server.connectionCount === 2);
  await sleep(host.clock, 30);
  const closing = server.close(5000);
  ok(await isClosed(idle), "an idle connection goes at once");
  release();
  deepStrictEqual(await readBytes(busy, 2), [5]);
  await closing;
});

Deno.test("RpcServer releases every answer once, whether it is sent or not", async () => {
  const open = new Set<number>();
  let number = 0;
  const { server, connect } = await start(() => {
    const id = number++;
    open.add(id);
    const made: Answer = {
      bytes: new Uint8Array(20_000),
      release: () => ok(open.delete(id), `answer ${id} is released twice`),
    };
    return id % 3 === 0
      ? made
      : new PendingAnswer(sleep(host.clock, id % 7).then(() => made), true);
  }, { inFlightMax: 50 });
  for (let round = 0; round < 6; round++) {
    const io = await connect();
    for (let i = 0; i < 100; i++) await io.write(frame(1));
    await readBytes(io, 10_000 * (round + 1));
    io.close();
  }
  await until(() => server.connectionCount === 0);
  await sleep(host.clock, 30);
  strictEqual(open.size, 0);
  await server.close(1000);
});
