// kq log verify --repair, on what Apache Kafka wrote and under a running broker.

import { deepEqual, equal, match } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { run } from "../core/cli/run.ts";
import type { Disk } from "../core/host/host.ts";
import { runCommand, startTestBroker } from "../core/testing/command_world.ts";
import { FakeProcess } from "../core/testing/fake_process.ts";
import { simHost } from "../core/testing/sim_host.ts";
import { readTar } from "../core/testing/tar.ts";
import { commands } from "./mod.ts";

const TAR = new URL("../testdata/log/kafka-data.tar.gz", import.meta.url);

function writeFile(disk: Disk, path: string, bytes: Uint8Array): void {
  disk.makeDirectory(path.slice(0, path.lastIndexOf("/")));
  const file = disk.open(path, "create");
  file.truncate(0);
  file.writeAt(bytes, 0);
  file.close();
}

Deno.test("log verify --repair makes again what Apache Kafka wrote beside its logs", async () => {
  const sim = simHost(1);
  const { disk } = sim.host;
  const files = readTar(gunzipSync(Deno.readFileSync(TAR)));
  const root = `/${files[0].path.split("/")[0]}`;
  for (const { path, bytes } of files) writeFile(disk, `/${path}`, bytes);
  const paths = sim.disk.paths().filter((path) => path.startsWith(root));
  const indexes = paths.filter((path) => path.endsWith("index"));
  const contents = indexes.map((path) => sim.disk.readFile(path));
  for (const path of [...indexes]) disk.remove(path);
  for (const path of paths) {
    if (path.endsWith("leader-epoch-checkpoint")) disk.remove(path);
    if (path.endsWith(".snapshot")) writeFile(disk, path, new Uint8Array(3));
  }
  const kq = (argv: string[]) =>
    sim.run(async () => {
      const process = new FakeProcess();
      const options = { host: sim.host, process, table: commands };
      const exitCode = await run(["log", "verify", root, ...argv], options);
      const { stdout, stderr } = process;
      return { exitCode, stdout, stderr };
    });
  const found = await kq(["-o", "json"]);
  equal(found.exitCode, 1);
  const rows = JSON.parse(found.stdout);
  deepEqual(
    new Set(rows.map((row: { repair: string }) => row.repair)),
    new Set(["rebuild"]),
  );
  match(found.stderr, /a start has to read \d+ of \d+ bytes, about \d+ ms/);
  const repaired = await kq(["--repair", "-o", "json"]);
  equal(repaired.exitCode, 0, repaired.stderr);
  deepEqual(
    new Set(
      JSON.parse(repaired.stdout)
        .map((row: { isRepaired: boolean }) => row.isRepaired),
    ),
    new Set([true]),
  );
  const again = await kq(["-o", "json"]);
  deepEqual([again.exitCode, again.stdout], [0, "[]\n"], again.stderr);
  match(again.stderr, /no faults; a start has nothing to rebuild/);
  indexes.forEach((path, i) => {
    // Of that topic, entries are as far apart as its configuration says.
    if (path.includes("/rolled-")) return;
    deepEqual(sim.disk.readFile(path), contents[i], path);
  });
});

Deno.test("log verify --repair leaves the directory of a running broker alone", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const broker = await startTestBroker(directory);
    try {
      await broker.kq(["topic", "create", "t"]);
      const index = `${directory}/t-0/00000000000000000000.index`;
      Deno.removeSync(index);
      const { exitCode, stderr } = await runCommand([
        "log",
        "verify",
        directory,
        "--repair",
      ]);
      equal(exitCode, 3, stderr);
      match(stderr, /stop the broker/);
    } finally {
      await broker.stop();
    }
    const repair = ["log", "verify", directory, "--repair"];
    const { exitCode, stderr } = await runCommand(repair);
    equal(exitCode, 0, stderr);
    const alone = await runCommand(["log", "verify", directory]);
    equal(alone.exitCode, 0, alone.stdout);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("log verify cuts nothing unless it is told to repair as well", async () => {
  const { exitCode, stderr } = await runCommand([
    "log",
    "verify",
    "x",
    "--truncate-tail",
  ]);
  equal(exitCode, 2);
  match(stderr, /--truncate-tail goes with --repair/);
});
