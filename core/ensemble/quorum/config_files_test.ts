// Files of configurations: what ZooKeeper's servers would find in them, and what a
// crash in between leaves.

import { deepEqual, equal } from "node:assert/strict";
import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import type { Disk } from "../../host/host.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ConfigFiles, versionOfName } from "./config_files.ts";
import { QuorumConfig } from "./quorum_config.ts";

const STATIC = [
  "# Ours",
  "tickTime=2000",
  "clientPort=2181",
  "server.1=a:2888:3888",
  "  server.2=b:2888:\\",
  "3888",
  "peerType=participant",
  "dataDir=/data",
  "",
].join("\n");

function configOf(version: bigint, ...ids: number[]): QuorumConfig {
  const lines = ids.map((id) => `server.${id}=h${id}:2888:3888;2181`);
  return QuorumConfig.parse(lines.join("\n")).withVersion(version);
}

function write(disk: Disk, path: string, text: string): void {
  disk.makeDirectory("/conf");
  const file = disk.open(path, "create");
  file.truncate(0);
  file.writeAt(encodeUtf8(text), 0);
  file.close();
}

function read(disk: Disk, path: string): string {
  const file = disk.open(path, "read");
  const bytes = new Uint8Array(file.size());
  file.readAt(bytes, 0);
  file.close();
  return decodeUtf8(bytes);
}

function filesOn(disk: Disk, isThere: boolean, lines: string[] = []) {
  return new ConfigFiles({
    disk,
    path: "/conf/zoo.cfg",
    isThere,
    selfId: 1,
    trace: (line) => lines.push(line),
  });
}

Deno.test("a configuration in force is named by zoo.cfg, which keeps all else", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const { disk } = sim.host;
    write(disk, "/conf/zoo.cfg", STATIC);
    const files = filesOn(disk, true);
    await files.keepSeen(configOf(0x10000000an, 1, 2, 10));
    equal(files.readSeen()?.version, 0x10000000an);
    equal(read(disk, "/conf/zoo.cfg"), STATIC);
    await files.keepActive(configOf(0x10000000an, 1, 2, 10));
    deepEqual(disk.list("/conf"), [
      "zoo.cfg",
      "zoo.cfg.bak",
      "zoo.cfg.dynamic.10000000a",
    ]);
    equal(
      read(disk, "/conf/zoo.cfg"),
      "# Ours\ntickTime=2000\ndataDir=/data\n" +
        "dynamicConfigFile=/conf/zoo.cfg.dynamic.10000000a\n",
    );
    equal(read(disk, "/conf/zoo.cfg.bak"), STATIC);
    equal(
      read(disk, "/conf/zoo.cfg.dynamic.10000000a"),
      "server.10=h10:2888:3888:participant;0.0.0.0:2181\n" +
        "server.1=h1:2888:3888:participant;0.0.0.0:2181\n" +
        "server.2=h2:2888:3888:participant;0.0.0.0:2181",
    );
    // The next one takes its place; the first zoo.cfg stays as the copy.
    await files.keepActive(configOf(0x200000001n, 1, 2));
    equal(
      read(disk, "/conf/zoo.cfg").trim().split("\n").at(-1),
      "dynamicConfigFile=/conf/zoo.cfg.dynamic.200000001",
    );
    equal(read(disk, "/conf/zoo.cfg.bak"), STATIC);
  });
});

Deno.test("a server without a file finds the newest configuration beside its data", async () => {
  const sim = simHost(2);
  await sim.run(async () => {
    const { disk } = sim.host;
    const files = filesOn(disk, false);
    equal(files.readActive(), null);
    equal(files.readSeen(), null);
    await files.keepActive(configOf(0xfn, 1, 2));
    await files.keepActive(configOf(0x10n, 1, 2, 3));
    await files.keepSeen(configOf(0x11n, 1, 2));
    equal(files.readActive()?.toText(), configOf(0x10n, 1, 2, 3).toText());
    equal(files.readSeen()?.version, 0x11n);
    deepEqual(disk.list("/conf").includes("zoo.cfg"), false);
  });
});

Deno.test("what is kept survives a power cut, and a disk that refuses is told of", async () => {
  const sim = simHost(3);
  await sim.run(async () => {
    const files = filesOn(sim.host.disk, false);
    await files.keepSeen(configOf(5n, 1, 2));
    await files.keepActive(configOf(4n, 1, 2, 3));
  });
  sim.crash("power");
  sim.restart();
  const lines: string[] = [];
  await sim.run(async () => {
    const { disk } = sim.host;
    const files = filesOn(disk, false, lines);
    equal(files.readSeen()?.version, 5n);
    equal(files.readActive()?.version, 4n);
    // A folder where the file would be.
    disk.makeDirectory("/conf/zoo.cfg.dynamic.6.tmp");
    await files.keepActive(configOf(6n, 1));
    equal(lines.length, 1);
    await files.keepActive(configOf(7n, 1));
    equal(files.readActive()?.version, 7n);
  });
});

Deno.test("versions are read from the names of dynamic files", () => {
  equal(versionOfName("/x/zoo.cfg.dynamic.10000000a"), 0x10000000an);
  equal(versionOfName("zoo.cfg.dynamic"), null);
  equal(versionOfName("zoo.cfg.dynamic.next"), null);
  equal(versionOfName("zoo.cfg.dynamic.100000001.tmp"), null);
});
