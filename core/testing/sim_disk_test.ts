import {
  deepStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
} from "node:assert/strict";
import type { Disk } from "../host/host.ts";
import { SimCrash } from "./sim_life.ts";
import { simHost } from "./sim_host.ts";

const text = (value: string) => new TextEncoder().encode(value);

function write(disk: Disk, path: string, value: string | Uint8Array) {
  const file = disk.open(path, "create");
  file.writeAt(typeof value === "string" ? text(value) : value, 0);
  return file;
}

Deno.test("SimDisk.crash() forgets a name that no directory sync confirmed", async () => {
  const sim = simHost(1);
  await write(sim.host.disk, "/data/synced", "abc").sync();
  await sim.host.disk.syncDirectory("/data");
  await write(sim.host.disk, "/data/nameless", "abc").sync();
  sim.crash("power", "lost");
  sim.restart();
  deepStrictEqual(sim.host.disk.list("/data"), ["synced"]);
  deepStrictEqual(sim.disk.readFile("/data/synced"), text("abc"));
});

Deno.test("SimDisk.crash() takes back bytes that no sync confirmed", async () => {
  const sim = simHost(1);
  const file = write(sim.host.disk, "/data/a", "first");
  await file.sync();
  await sim.host.disk.syncDirectory("/data");
  file.writeAt(text("SECOND"), 0);
  file.truncate(3);
  sim.crash("power", "lost");
  deepStrictEqual(sim.disk.readFile("/data/a"), text("first"));
});

Deno.test("SimDisk.crash() of a killed process keeps all it wrote", () => {
  const sim = simHost(1);
  write(sim.host.disk, "/data/a", "first");
  sim.host.disk.rename("/data/a", "/data/b");
  sim.crash("kill");
  sim.restart();
  deepStrictEqual(sim.host.disk.list("/data"), ["b"]);
  deepStrictEqual(sim.disk.readFile("/data/b"), text("first"));
});

Deno.test("SimDisk.crash() forgets renames and removals that were not synced", async () => {
  const sim = simHost(1);
  const { disk } = sim.host;
  for (const name of ["a", "b", "c"]) {
    await write(disk, `/data/${name}`, name).sync();
  }
  await disk.syncDirectory("/data");
  disk.rename("/data/a", "/data/b");
  disk.remove("/data/c");
  deepStrictEqual(disk.list("/data"), ["b"]);
  sim.crash("power", "lost");
  sim.restart();
  deepStrictEqual(sim.host.disk.list("/data"), ["a", "b", "c"]);
  deepStrictEqual(sim.disk.readFile("/data/b"), text("b"));
});

Deno.test("SimDisk.crash() keeps changes of a directory in order", async () => {
  const lastKept = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const sim = simHost(seed);
    const { disk } = sim.host;
    for (let i = 0; i < 5; i++) await write(disk, `/data/${i}`, "x").sync();
    sim.crash("power");
    sim.restart();
    const names = sim.host.disk.list("/data");
    deepStrictEqual(names, ["0", "1", "2", "3", "4"].slice(0, names.length));
    lastKept.add(names.length);
  }
  ok(lastKept.size >= 4, `only saw ${[...lastKept]}`);
});

Deno.test("SimDisk.crash() keeps or loses a move between directories whole", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const sim = simHost(seed, { disk: { directories: ["/a", "/b"] } });
    const { disk } = sim.host;
    await write(disk, "/a/file", "x").sync();
    await disk.syncDirectory("/a");
    disk.rename("/a/file", "/b/file");
    if (seed % 2 === 0) await disk.syncDirectory("/b");
    sim.crash("power");
    const paths = sim.disk.paths();
    strictEqual(paths.length, 1, paths.join());
    if (seed % 2 === 0) deepStrictEqual(paths, ["/b/file"]);
    seen.add(paths[0]);
  }
  strictEqual(seen.size, 2);
});

Deno.test("SimDisk.crash() tears by whole sectors", async () => {
  const seen = { old: 0, new: 0, torn: 0 };
  for (let seed = 0; seed < 80; seed++) {
    const sim = simHost(seed);
    const before = new Uint8Array(512 * 8).fill(1);
    const file = write(sim.host.disk, "/data/a", before);
    await file.sync();
    await sim.host.disk.syncDirectory("/data");
    file.writeAt(new Uint8Array(512 * 8).fill(2), 0);
    sim.crash("power");
    const bytes = sim.disk.readFile("/data/a");
    strictEqual(bytes.length, before.length);
    const sectors = Array.from(
      { length: 8 },
      (_, i) => new Set(bytes.subarray(i * 512, (i + 1) * 512)),
    );
    ok(sectors.every((values) => values.size === 1), `seed ${seed}`);
    const values = new Set(bytes);
    if (values.size === 2) seen.torn += 1;
    else if (values.has(1)) seen.old += 1;
    else seen.new += 1;
  }
  ok(Math.min(seen.old, seen.new, seen.torn) > 5, JSON.stringify(seen));
});

Deno.test("SimDisk.crash() may leave an append at any size, with zeroes in it", async () => {
  const sizes = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const sim = simHost(seed);
    const file = write(sim.host.disk, "/data/a", new Uint8Array(700).fill(1));
    await file.sync();
    await sim.host.disk.syncDirectory("/data");
    file.writeAt(new Uint8Array(2000).fill(2), 700);
    sim.crash("power");
    const bytes = sim.disk.readFile("/data/a");
    ok(bytes.length >= 700 && bytes.length <= 2700);
    ok(bytes.subarray(0, 700).every((byte) => byte === 1), `seed ${seed}`);
    ok(bytes.subarray(700).every((byte) => byte === 2 || byte === 0));
    sizes.add(bytes.length);
  }
  ok(sizes.size > 8, `only saw ${[...sizes]}`);
});

Deno.test("File.sync() confirms what was written before it, not after", async () => {
  const sim = simHost(1, { disk: { syncDelayMs: 10 } });
  await sim.run(() => sim.host.disk.syncDirectory("/"));
  const file = write(sim.host.disk, "/data/a", "before");
  const syncing = Promise.all([
    file.sync(),
    sim.host.disk.syncDirectory("/data"),
  ]);
  file.writeAt(text("AFTER!"), 0);
  await sim.run(() => syncing);
  sim.crash("power", "lost");
  deepStrictEqual(sim.disk.readFile("/data/a"), text("before"));
});

Deno.test("File.sync() that failed is final: a later one does not help", async () => {
  const sim = simHost(1);
  const { disk } = sim.host;
  const file = write(disk, "/data/a", new Uint8Array(1024).fill(1));
  await file.sync();
  await disk.syncDirectory("/data");
  file.writeAt(new Uint8Array(1024).fill(2), 0);
  sim.disk.failNthCall(1, "io", (call) => call.action === "sync");
  await rejects(() => file.sync(), { kind: "io", message: /\/data\/a/ });
  file.writeAt(new Uint8Array([3]), 600);
  await file.sync();
  sim.crash("power");
  const bytes = sim.disk.readFile("/data/a");
  // The sector that was written again went to the disk whole; the other is lost.
  strictEqual(bytes[0], 1);
  strictEqual(bytes[512], 2);
  strictEqual(bytes[600], 3);
});

Deno.test("SimDisk.failNthCall() fails that call, once, with a part of it done", () => {
  const partCounts = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const sim = simHost(seed);
    const file = sim.host.disk.open("/data/a", "create");
    sim.disk.failNthCall(2, "io");
    file.writeAt(new Uint8Array(10), 0);
    throws(() => file.writeAt(new Uint8Array(100).fill(1), 10), {
      name: "HostError",
      kind: "io",
    });
    ok(sim.disk.isFaultSpent);
    partCounts.add(file.size());
    file.writeAt(new Uint8Array(100), 10);
    strictEqual(file.size(), 110);
  }
  ok(partCounts.size > 8, `only saw ${[...partCounts]}`);
});

Deno.test("SimDisk.crashAtCall() ends the process for good, until restart()", async () => {
  const sim = simHost(3);
  const { disk, clock, net } = sim.host;
  const file = disk.open("/data/a", "create");
  let hasRun = false;
  clock.after(5, () => {
    hasRun = true;
  });
  strictEqual(sim.disk.callCount, 1);
  sim.disk.crashAtCall(1);
  throws(() => file.writeAt(new Uint8Array(9), 0), SimCrash);
  ok(sim.isCrashed);
  throws(() => file.size(), SimCrash);
  throws(() => disk.list("/"), SimCrash);
  sim.restart();
  throws(() => disk.list("/"), SimCrash, "a life that is over stays over");
  throws(() => file.size(), SimCrash);
  ok(sim.host.disk.list("/").includes("data"));
  await sim.loop.run(100);
  strictEqual(hasRun, false, "timers end with the process");
  let isAnswered = false;
  net.connect({ host: "", port: 1 }).finally(() => {
    isAnswered = true;
  });
  await sim.loop.run(1e6);
  strictEqual(isAnswered, false, "nobody answers the dead");
});

Deno.test("SimDisk ends locks with the process that held them", () => {
  const sim = simHost(1);
  const lock = sim.host.disk.lock("/data/.lock");
  throws(() => sim.host.disk.lock("/data/.lock"), { kind: "locked" });
  sim.crash("kill");
  sim.restart();
  const next = sim.host.disk.lock("/data/.lock");
  lock.release();
  throws(() => sim.host.disk.lock("/data/.lock"), { kind: "locked" });
  next.release();
});

Deno.test("SimDisk fills up, and removing makes room", () => {
  const sim = simHost(1, { disk: { capacityBytes: 64 * 1024 } });
  const { disk } = sim.host;
  const file = write(disk, "/data/a", new Uint8Array(40_000));
  const other = disk.open("/data/b", "create");
  throws(() => other.writeAt(new Uint8Array(40_000), 0), {
    kind: "noSpace",
    message: /\/data\/b/,
  });
  file.writeAt(new Uint8Array(40_000), 0); // Overwriting takes nothing more.
  ok(disk.space("/data").freeBytes < 40_000);
  other.truncate(10_000_000); // A hole takes nothing.
  disk.remove("/data/a");
  other.writeAt(new Uint8Array(40_000), 0);
  sim.disk.capacityBytes = Infinity;
  other.writeAt(new Uint8Array(400_000), 0);
});

Deno.test("SimDisk.flipBit() damages one bit behind everybody's back", async () => {
  const sim = simHost(5);
  const file = write(sim.host.disk, "/data/a", new Uint8Array(9000));
  await file.sync();
  sim.disk.flipBit("/data/a");
  const bytes = sim.disk.readFile("/data/a");
  const damaged = bytes.filter((byte) => byte !== 0);
  strictEqual(damaged.length, 1);
  strictEqual(Math.log2(damaged[0]) % 1, 0);
  sim.disk.flipBit("/data/a", 8999, 7);
  strictEqual(sim.disk.readFile("/data/a")[8999] & 0x80, 0x80);
});

Deno.test("SimDisk.failRandomly() fails about as many as asked", () => {
  const sim = simHost(5);
  const { disk } = sim.host;
  sim.disk.failRandomly(0.3, "io", (call) => call.action === "stat");
  let failedCount = 0;
  for (let i = 0; i < 1000; i++) {
    try {
      disk.stat("/data");
    } catch {
      failedCount += 1;
    }
    disk.list("/data");
  }
  ok(failedCount > 230 && failedCount < 370, `${failedCount} failed`);
  sim.disk.clearFaults();
  disk.stat("/data");
});
