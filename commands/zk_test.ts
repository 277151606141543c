// The commands on znodes, against a server of this project's own.

import { deepEqual, equal, match } from "node:assert/strict";
import { run } from "../core/cli/run.ts";
import { denoHost } from "../core/host/deno_host.ts";
import {
  type CommandResult,
  runCommand,
} from "../core/testing/command_world.ts";
import { FakeProcess } from "../core/testing/fake_process.ts";
import { startZnodeServer } from "../core/testing/znode_server.ts";
import { commands } from "./mod.ts";

type Kq = (line: string, stdin?: string) => Promise<CommandResult>;

async function withServer(
  test: (kq: Kq, connect: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "kq-zk-" });
  const server = await startZnodeServer(denoHost(), { port: 0, directory });
  const env = { KQ_ZOOKEEPER: server.connect };
  try {
    await test(
      (line, stdin) => runCommand(line.split(" "), { env, stdin }),
      server.connect,
    );
  } finally {
    await server.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

async function succeeds(kq: Kq, line: string, stdin?: string): Promise<string> {
  const { exitCode, stdout, stderr } = await kq(line, stdin);
  equal(exitCode, 0, `${line}: ${stderr}`);
  return stdout;
}

async function fails(kq: Kq, line: string, code: number, stderr: RegExp) {
  const result = await kq(line);
  equal(result.exitCode, code, `${line}: ${result.stderr}`);
  match(result.stderr, stderr);
}

Deno.test("znodes are made, read, changed, listed and deleted", () =>
  withServer(async (kq) => {
    equal(await succeeds(kq, "zk create /app/config one -p"), "/app/config\n");
    equal(await succeeds(kq, "zk create /app/n- -s"), "/app/n-0000000001\n");
    equal(
      await succeeds(kq, "zk create /app/in --stdin", "x\ny\n"),
      "/app/in\n",
    );
    equal(await succeeds(kq, "zk get /app/in"), "x\ny\n");
    equal(await succeeds(kq, "zk ls /app"), "NAME\nconfig\nin\nn-0000000001\n");
    equal(
      await succeeds(kq, "zk ls /app -o name"),
      "/app/config\n/app/in\n/app/n-0000000001\n",
    );
    equal(await succeeds(kq, "zk set /app/config two --version 0"), "");
    await succeeds(kq, "zk set /app/in", "three");
    const shown = JSON.parse(await succeeds(kq, "zk get /app/config -o json"));
    deepEqual([shown.path, shown.data, shown.version], [
      "/app/config",
      "two",
      1,
    ]);
    const stat = JSON.parse(await succeeds(kq, "zk stat /app -o json"));
    equal(stat.childCount, 3);
    match(stat.createdZxid, /^0x[0-9a-f]+$/);
    equal(
      await succeeds(kq, "zk tree /app"),
      "/app\n  config  (3 bytes)\n  in  (5 bytes)\n  n-0000000001\n",
    );
    equal(
      await succeeds(kq, "zk tree / --depth 1 -o name"),
      "/\n/app\n/zookeeper\n",
    );
    equal(
      await succeeds(kq, "zk delete /app/in /app/n-0000000001 --yes -o csv"),
      "path,deleted\n/app/in,true\n/app/n-0000000001,true\n",
    );
    match(
      await succeeds(kq, "zk delete -r /app --dry-run"),
      /\/app\/config +false\n\/app +false/,
    );
    await succeeds(kq, "zk delete -r /app --yes");
    equal(await succeeds(kq, "zk ls / -o name"), "/zookeeper\n");
    await succeeds(kq, "zk delete /app --yes --if-exists");
    await succeeds(kq, "zk create /c --container");
    await succeeds(kq, "zk create /c --if-not-exists");
  }));

Deno.test("refusals say which they are by their exit codes", () =>
  withServer(async (kq) => {
    await succeeds(kq, "zk create /a/b -p");
    await fails(kq, "zk get /none", 4, /NO_NODE.*\/none/);
    await fails(kq, "zk stat /none", 4, /NO_NODE/);
    await fails(kq, "zk ls /none", 4, /NO_NODE/);
    await fails(kq, "zk tree /none", 4, /NO_NODE/);
    await fails(kq, "zk acl /none", 4, /NO_NODE/);
    await fails(kq, "zk delete /none --yes", 4, /NO_NODE/);
    await fails(kq, "zk create /a", 3, /NODE_EXISTS/);
    await fails(kq, "zk set /a x --version 7", 3, /BAD_VERSION/);
    await fails(kq, "zk delete /a --yes", 3, /NOT_EMPTY/);
    await fails(kq, "zk delete /a/b", 2, /--yes/);
    await fails(kq, "zk delete /", 2, /root/);
    await fails(kq, "zk get a", 2, /no path/);
    await fails(kq, "zk create /x -e --container", 2, /only one/);
    await fails(kq, "zk acl /a --set everyone", 2, /SCHEME:ID/);
    await fails(kq, "zk get /a --auth ann", 2, /USER:PASSWORD/);
    await fails(kq, "zk ls -z 127.0.0.1:1 --timeout 200ms", 7, /Cannot reach/);
    await fails(kq, "zk ls -z host:x", 2, /HOST:PORT/);
  }));

Deno.test("access control lists are shown, replaced and obeyed", () =>
  withServer(async (kq) => {
    await succeeds(kq, "zk create /own secret");
    equal(await succeeds(kq, "zk acl /own -o name"), "world:anyone:cdrwa\n");
    const shown = await succeeds(
      kq,
      "zk acl /own --set auth::cdrwa --set world:anyone:c --auth ann:pw",
    );
    match(shown, /digest +ann:\S+= +cdrwa\nworld +anyone +c\n/);
    await fails(kq, "zk get /own", 1, /NO_AUTH/);
    equal(await succeeds(kq, "zk get /own --auth ann:pw"), "secret");
    await succeeds(kq, "zk create /own/child --acl ip:127.0.0.0/8:r");
    equal(await succeeds(kq, "zk get /own/child"), "");
  }));

Deno.test("a chroot is where paths begin", () =>
  withServer(async (kq, connect) => {
    await succeeds(kq, "zk create /kafka/main/x -p");
    equal(
      await succeeds(kq, `zk ls / -o name -z ${connect}/kafka/main`),
      "/x\n",
    );
  }));

/** Starts a command that goes on until it is stopped. */
async function started(line: string, connect: string, said: RegExp) {
  const process = new FakeProcess({ env: { KQ_ZOOKEEPER: connect } });
  const host = denoHost();
  const ended = run(line.split(" "), { host, process, table: commands });
  const until = async (test: () => boolean) => {
    while (!test()) {
      await new Promise<void>((done) => host.clock.after(5, done));
    }
  };
  await until(() => said.test(process.stderr));
  return { process, ended, until };
}

Deno.test("changes are printed as they come, with the data where asked", () =>
  withServer(async (kq, connect) => {
    const watching = await started(
      "zk watch -r /w -o ndjson --data -n 4",
      connect,
      /watching \/w/,
    );
    await succeeds(kq, "zk create /w");
    await succeeds(kq, "zk create /w/a one");
    await succeeds(kq, "zk set /w/a two");
    await watching.until(() => watching.process.stdout.includes("two"));
    await succeeds(kq, "zk delete /w/a --yes");
    equal(await watching.ended, 0);
    const rows = watching.process.stdout.trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    deepEqual(rows.map(({ event, path, data }) => [event, path, data]), [
      ["created", "/w", ""],
      ["created", "/w/a", "one"],
      ["dataChanged", "/w/a", "two"],
      ["deleted", "/w/a", undefined],
    ]);
    const plain = await started("zk watch /w", connect, /watching/);
    await succeeds(kq, "zk create /w/b");
    await plain.until(() => plain.process.stdout.includes("/w"));
    plain.process.signal("SIGINT");
    equal(await plain.ended, 130);
    match(plain.process.stdout, /^\S+Z +childrenChanged +\/w\n$/);
  }));

Deno.test("an ephemeral is held until its command is stopped", () =>
  withServer(async (kq, connect) => {
    const holding = await started("zk create /lock -e", connect, /held/);
    equal(holding.process.stdout, "/lock\n");
    const stat = JSON.parse(await succeeds(kq, "zk stat /lock -o json"));
    match(stat.ephemeralOwner, /^0x/);
    holding.process.signal("SIGTERM");
    equal(await holding.ended, 0);
    await fails(kq, "zk get /lock", 4, /NO_NODE/);
  }));
