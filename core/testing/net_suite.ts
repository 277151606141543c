// Cases of the network, for every host. All connections are to the host itself.

import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import {
  type Connection,
  type Host,
  type Listener,
  sleep,
} from "../host/host.ts";
import type { RegisterCase } from "./host_suite.ts";

const HOST = "127.0.0.1";

/** Both ends of a new connection. */
async function pair(
  { net }: Host,
): Promise<{ client: Connection; server: Connection; listener: Listener }> {
  const accepted = Promise.withResolvers<Connection>();
  const listener = await net.listen(
    { host: HOST, port: 0 },
    accepted.resolve,
  );
  const client = await net.connect({ host: HOST, port: listener.address.port });
  return { client, server: await accepted.promise, listener };
}

/** Reads to the end, or until `count` bytes have come. */
async function readBytes(
  connection: Connection,
  count = Infinity,
): Promise<Uint8Array> {
  const chunk = new Uint8Array(8192);
  const bytes: number[] = [];
  while (bytes.length < count) {
    const read = await connection.read(
      chunk.subarray(0, Math.min(chunk.length, count - bytes.length)),
    );
    if (read === null) break;
    ok(read >= 1);
    for (let i = 0; i < read; i++) bytes.push(chunk[i]);
  }
  return Uint8Array.from(bytes);
}

const pattern = (count: number, factor: number) =>
  new Uint8Array(count).map((_, i) => i * factor + (i >> 8));

export function netSuite(test: RegisterCase): void {
  streamCases(test);
  endCases(test);
  listenCases(test);
}

function streamCases(test: RegisterCase): void {
  test("a connection carries bytes both ways", async (host) => {
    const { client, server, listener } = await pair(host);
    await client.write(new TextEncoder().encode("question"));
    strictEqual(
      new TextDecoder().decode(await readBytes(server, 8)),
      "question",
    );
    await server.write(new TextEncoder().encode("answer"));
    strictEqual(new TextDecoder().decode(await readBytes(client, 6)), "answer");
    strictEqual(client.peer, server.local);
    strictEqual(server.peer, client.local);
    strictEqual(client.peer, `${HOST}:${listener.address.port}`);
    client.close();
    server.close();
    listener.close();
  });

  test("much data arrives whole and in order, both ways at once", async (host) => {
    const { client, server, listener } = await pair(host);
    const there = pattern(1_500_000, 7);
    const back = pattern(1_200_000, 13);
    const [, atServer, , atClient] = await Promise.all([
      client.write(there),
      readBytes(server, there.length),
      server.write(back),
      readBytes(client, back.length),
    ]);
    strictEqual(atServer.findIndex((byte, i) => byte !== there[i]), -1);
    strictEqual(atClient.findIndex((byte, i) => byte !== back[i]), -1);
    client.close();
    server.close();
    listener.close();
  });

  test("a peer that does not read holds the writer up", async (host) => {
    const { client, server, listener } = await pair(host);
    let isWritten = false;
    const bytes = pattern(20_000_000, 3);
    const writing = client.write(bytes).then(() => {
      isWritten = true;
    });
    await sleep(host.clock, 100);
    strictEqual(isWritten, false);
    const target = new Uint8Array(1 << 20);
    let count = 0;
    while (count < bytes.length) {
      const read = await server.read(target);
      ok(read !== null);
      strictEqual(target[read - 1], bytes[count + read - 1]);
      count += read;
    }
    await writing;
    client.close();
    server.close();
    listener.close();
  });

  test("connections do not meet each other's bytes", async (host) => {
    const servers: Promise<void>[] = [];
    const listener = await host.net.listen(
      { host: HOST, port: 0 },
      (connection) => {
        servers.push((async () => {
          await connection.write(await readBytes(connection, 1000));
          connection.close();
        })());
      },
    );
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const client = await host.net.connect(
        { host: HOST, port: listener.address.port },
      );
      const bytes = pattern(1000, i + 1);
      await client.write(bytes);
      deepStrictEqual(await readBytes(client), bytes);
      client.close();
    }));
    await Promise.all(servers);
    strictEqual(servers.length, 20);
    listener.close();
  });
}

function endCases(test: RegisterCase): void {
  test("close() lets what was written arrive, then the end", async (host) => {
    const { client, server, listener } = await pair(host);
    const bytes = pattern(100_000, 5);
    await client.write(bytes);
    client.close();
    deepStrictEqual(await readBytes(server), bytes);
    strictEqual(await server.read(new Uint8Array(1)), null);
    server.close();
    listener.close();
  });

  test("close() ends a read under way", async (host) => {
    const { client, server, listener } = await pair(host);
    const reading = client.read(new Uint8Array(1)).catch((error) => {
      strictEqual(error.kind, "closed");
      return null;
    });
    await sleep(host.clock, 5);
    client.close();
    strictEqual(await reading, null);
    client.close();
    await rejects(() => client.read(new Uint8Array(1)), { kind: "closed" });
    await rejects(() => client.write(new Uint8Array(1)), { kind: "closed" });
    server.close();
    listener.close();
  });

  test("close() ends a write under way", async (host) => {
    const { client, server, listener } = await pair(host);
    const writing = client.write(new Uint8Array(30_000_000));
    const outcome = writing.then(() => "written", (error) => error.kind);
    await sleep(host.clock, 20);
    client.close();
    strictEqual(await outcome, "closed");
    server.close();
    listener.close();
  });

  test("writing to a peer that has gone ends in a reset", async (host) => {
    const { client, server, listener } = await pair(host);
    server.close();
    await rejects(async () => {
      for (let i = 0; i < 1000; i++) {
        await client.write(new Uint8Array(1000));
        await sleep(host.clock, 1);
      }
    }, { kind: "reset", message: new RegExp(client.peer) });
    client.close();
    listener.close();
  });
}

function listenCases(test: RegisterCase): void {
  test("connect() is refused where nobody listens", async (host) => {
    const { listener, client, server } = await pair(host);
    const { port } = listener.address;
    listener.close();
    listener.close();
    await sleep(host.clock, 5); // The system lets go of the port in its own time.
    await rejects(() => host.net.connect({ host: HOST, port }), {
      name: "HostError",
      kind: "refused",
      message: new RegExp(`${HOST}:${port}`),
    });
    await client.write(new Uint8Array([7]));
    deepStrictEqual(await readBytes(server, 1), new Uint8Array([7]));
    client.close();
    server.close();
  });

  test("connect() does not know every name", async (host) => {
    await rejects(
      () => host.net.connect({ host: "no-such-host.invalid", port: 9092 }),
      { kind: "unresolved", message: /no-such-host\.invalid:9092/ },
    );
  });

  test("listen() refuses a port that is taken", async (host) => {
    const listener = await host.net.listen({ host: HOST, port: 0 }, () => {});
    const { port } = listener.address;
    ok(port > 0);
    await rejects(() => host.net.listen({ host: HOST, port }, () => {}), {
      kind: "inUse",
      message: new RegExp(`${port}`),
    });
    listener.close();
    const again = await host.net.listen({ host: HOST, port }, () => {});
    again.close();
  });

  test("listen() on all interfaces is reached by localhost", async (host) => {
    const accepted = Promise.withResolvers<Connection>();
    const listener = await host.net.listen(
      { host: "", port: 0 },
      accepted.resolve,
    );
    const { port } = listener.address;
    const client = await host.net.connect({ host: "localhost", port });
    const server = await accepted.promise;
    server.close();
    strictEqual(await client.read(new Uint8Array(1)), null);
    client.close();
    listener.close();
  });

  test("connect() within its time is left alone after it", async (host) => {
    const accepted = Promise.withResolvers<Connection>();
    const listener = await host.net.listen(
      { host: HOST, port: 0 },
      accepted.resolve,
    );
    const client = await host.net.connect(
      { host: HOST, port: listener.address.port },
      { timeoutMs: 50 },
    );
    const server = await accepted.promise;
    await sleep(host.clock, 80);
    await server.write(new Uint8Array([1]));
    strictEqual(await client.read(new Uint8Array(1)), 1);
    client.close();
    server.close();
    listener.close();
  });
}
