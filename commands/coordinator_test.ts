// What a coordinator says that starts, that cannot, and what its commands tell.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { run } from "../core/cli/run.ts";
import { denoHost } from "../core/host/deno_host.ts";
import { runCommand } from "../core/testing/command_world.ts";
import { FakeProcess } from "../core/testing/fake_process.ts";
import { commands } from "./mod.ts";

async function withFolder(use: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "kq-coordinator-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Started {
  readonly process: FakeProcess;
  /** `host:port` for clients. */
  readonly address: string;
  stop(): Promise<number>;
}

async function start(argv: readonly string[]): Promise<Started> {
  const process = new FakeProcess();
  const running = run(["coordinator", "start", ...argv], {
    host: denoHost(),
    process,
    table: commands,
  });
  const deadlineMs = performance.now() + 20_000;
  while (!/ready on/.test(process.stderr)) {
    const code = await Promise.race([
      running,
      new Promise((done) => setTimeout(done, 5)),
    ]);
    ok(code === undefined && performance.now() < deadlineMs, process.stderr);
  }
  return {
    process,
    address: /ready on (\S+?),/.exec(process.stderr)![1],
    stop: () => {
      process.signal("SIGTERM");
      return running;
    },
  };
}

const FREE = ["-p", "0", "admin.serverPort=0"];

async function refused(argv: string[], stderr: RegExp): Promise<void> {
  const result = await runCommand(["coordinator", "start", ...argv]);
  equal(result.exitCode, 2, result.stderr);
  match(result.stderr, stderr);
  equal(result.stderr.trimEnd().split("\n").length, 1, result.stderr);
  equal(result.stdout, "");
}

Deno.test("a coordinator says in one line when it is ready, and stops within a second", () =>
  withFolder(async (folder) => {
    const server = await start(["--data", `${folder}/zk`, ...FREE]);
    match(
      server.process.stderr,
      /^kq \S+: coordinator ready on 127\.0\.0\.1:\d+, http:\/\/127\.0\.0\.1:\d+\/commands, data in .*\/zk\n$/,
    );
    const startMs = performance.now();
    equal(await server.stop(), 0);
    ok(performance.now() - startMs < 1000);
    match(server.process.stderr, /coordinator stopped\n$/);
  }));

Deno.test("a coordinator takes every key as a flag and as an argument, and remarks on others", () =>
  withFolder(async (folder) => {
    const path = `${folder}/zoo.cfg`;
    await Deno.writeTextFile(
      path,
      `dataDir=${folder}/zk\nclientPort=1\nclientPortAddress=127.0.0.1\n` +
        "maxClientCnxn=7\nforceSync=yes\n",
    );
    const server = await start([path, "--tickTime", "500", ...FREE]);
    match(
      server.process.stderr,
      /^\S+zoo\.cfg:4 unknown configuration key "maxClientCnxn", did you mean "maxClientCnxns"\?\nwithout effect in kq: forceSync\nkq /,
    );
    const status = await runCommand([
      ...["coordinator", "status", server.address, "-o", "json"],
    ]);
    equal(status.exitCode, 0, status.stderr);
    const document = JSON.parse(status.stdout);
    deepEqual(
      [document.hasQuorum, document.leader, document.servers.length],
      [true, server.address, 1],
    );
    const [row] = document.servers;
    deepEqual([row.mode, row.zxid, row.sessions], ["standalone", "0x0", 0]);
    equal(await server.stop(), 0);
  }));

Deno.test("a coordinator that cannot start says why in one line, with exit code 2", () =>
  withFolder(async (folder) => {
    const data = `${folder}/zk`;
    const three = [1, 2, 3].flatMap((id) => [
      ...["--server", `${id}=127.0.0.1:${23450 + id}:${23460 + id}`],
    ]);
    await refused(["--data", data, "-p", "abc"], /-p: expected a whole number/);
    await refused(["--data", data, "tickTime=2s"], /^KEY=VALUE tickTime: /);
    await refused(["--tickTime", "0"], /^--tickTime tickTime: expected/);
    await refused([`${folder}/none.cfg`], /none\.cfg/);
    await refused(
      ["--data", data, "secureClientPort=2281"],
      /secureClientPort: not served by kq/,
    );
    const path = `${folder}/zoo.cfg`;
    await Deno.writeTextFile(path, "clientPort=0\n");
    await refused([path], /: dataDir: expected a folder, got none/);
    await Deno.writeTextFile(path, `dataDir=${folder}/zk2\n`);
    await refused([path], /: clientPort: expected a port, got none/);
    await refused(["--data", data, ...three], /there is no ".*myid": .* --id/);
    await refused(["--data", data, ...three, "--id", "4"], /says 4, but the/);
    await Deno.mkdir(data);
    await Deno.writeTextFile(`${data}/myid`, "2\n");
    await refused(
      ["--data", data, ...three, "--id", "1"],
      /myid" says 2, the command line says 1/,
    );
    await Deno.writeTextFile(`${folder}/file`, "");
    await refused(["--data", `${folder}/file/zk`, ...FREE], /file/);
    const server = await start(["--data", `${folder}/other`, ...FREE]);
    await refused(
      ["--data", `${folder}/other`, ...FREE],
      /another coordinator runs on this directory/,
    );
    const port = server.address.split(":")[1];
    await refused(
      ["--data", `${folder}/third`, "-p", port],
      /127\.0\.0\.1, port \d+: .*: stop the program that listens there, or set another clientPort/,
    );
    await server.stop();
  }));

Deno.test("kq coordinator status ends with 1 where nobody serves", async () => {
  const result = await runCommand([
    ...["coordinator", "status", "127.0.0.1:1", "-o", "json"],
  ]);
  equal(result.exitCode, 1);
  const { hasQuorum, servers } = JSON.parse(result.stdout);
  equal(hasQuorum, false);
  match(servers[0].error, /127\.0\.0\.1:1/);
  match(result.stderr, /no quorum/);
});

Deno.test("a backup that is taken from a running server is verified, restored and served", () =>
  withFolder(async (folder) => {
    const data = `${folder}/zk`;
    const server = await start(["--data", data, ...FREE]);
    const kq = (...argv: string[]) => runCommand(argv);
    await kq("zk", "create", "/a", "one", "-z", server.address);
    const backup = await kq("coordinator", "backup", data, `${folder}/b`);
    equal(backup.exitCode, 0, backup.stderr);
    match(backup.stdout, /ZNODES +5\n/);
    const again = await kq("coordinator", "backup", data, `${folder}/b`);
    equal(again.exitCode, 3, again.stderr);
    const busy = await kq("coordinator", "restore", `${folder}/b`, data);
    equal(busy.exitCode, 3, busy.stderr);
    match(busy.stderr, /stop the server before its files are replaced/);
    await server.stop();
    const restored = `${folder}/restored`;
    const restore = await kq(
      ...["coordinator", "restore", `${folder}/b`, restored, "--id", "4"],
    );
    equal(restore.exitCode, 0, restore.stderr);
    equal(await Deno.readTextFile(`${restored}/myid`), "4\n");
    const verified = await kq("coordinator", "verify", restored, data);
    equal(verified.exitCode, 0, verified.stderr);
    const other = await start(["--data", restored, ...FREE]);
    const get = await kq("zk", "get", "/a", "-z", other.address);
    equal(get.stdout.trim(), "one", get.stderr);
    await other.stop();
  }));

Deno.test("kq coordinator verify names what is damaged, with exit code 1", () =>
  withFolder(async (folder) => {
    const data = `${folder}/zk`;
    await (await start(["--data", data, ...FREE])).stop();
    const path = `${data}/version-2/snapshot.0`;
    const bytes = await Deno.readFile(path);
    bytes[100] ^= 0xff;
    await Deno.writeFile(path, bytes);
    const result = await runCommand(["coordinator", "verify", data]);
    equal(result.exitCode, 1);
    match(result.stdout, /snapshot\.0 .* damaged /);
    match(
      result.stderr,
      /no snapshot is intact.*\n.*snapshot\.0: snapshot does not match/,
    );
    const none = await runCommand(["coordinator", "verify", folder]);
    equal(none.exitCode, 4, none.stderr);
  }));
