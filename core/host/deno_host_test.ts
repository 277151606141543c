import { deepStrictEqual } from "node:assert/strict";
import { hostSuite } from "../testing/host_suite.ts";
import { denoHost } from "./deno_host.ts";
import { giveWay } from "./host.ts";

hostSuite("denoHost()", async (run) => {
  const directory = await Deno.makeTempDir();
  try {
    await run(denoHost(), directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("denoHost(): who only gives way lets connections and syncs go on", async () => {
  const { clock, disk } = denoHost();
  const path = await Deno.makeTempFile();
  const file = disk.open(path, "write");
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const got: string[] = [];
  const accepted = listener.accept().then(async (connection) => {
    await connection.read(new Uint8Array(1));
    connection.close();
    got.push("bytes");
  });
  const sent = Deno.connect({ port: listener.addr.port })
    .then(async (connection) => {
      await connection.write(new Uint8Array(1));
      connection.close();
    });
  file.writeAt(new Uint8Array(1), 0);
  const synced = file.sync().then(() => got.push("sync"));
  const endMs = clock.monotonicMs() + 10_000;
  while (got.length < 2 && clock.monotonicMs() < endMs) await giveWay(clock);
  deepStrictEqual(got.toSorted(), ["bytes", "sync"]);
  await Promise.all([accepted, sent, synced]);
  listener.close();
  file.close();
  await Deno.remove(path);
});
