// What a broker says that cannot start, and how one stops.

import { equal, match } from "node:assert/strict";
import { denoHost } from "../core/host/deno_host.ts";
import { runCommand, startTestBroker } from "../core/testing/command_world.ts";
import { startZnodeServer } from "../core/testing/znode_server.ts";

async function withFolder(use: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "kq-start-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function refused(argv: string[], stderr: RegExp): Promise<void> {
  const result = await runCommand(["broker", "start", ...argv]);
  equal(result.exitCode, 2, result.stderr);
  match(result.stderr, stderr);
  equal(result.stderr.trimEnd().split("\n").length, 1, result.stderr);
  equal(result.stdout, "");
}

const FREE = ["--override", "listeners=PLAINTEXT://127.0.0.1:0"];

Deno.test("a broker says in one line when it is ready, and stops within a second", () =>
  withFolder(async (folder) => {
    const broker = await startTestBroker(`${folder}/data`, [
      "--override",
      "node.id=7",
    ]);
    match(
      broker.process.stderr,
      /^kq \S+: broker 7 of cluster \S{22} ready on PLAINTEXT:\/\/127\.0\.0\.1:\d+, data in .*\/data\n$/,
    );
    const start = performance.now();
    equal(await broker.stop(), 0);
    equal(performance.now() - start < 1000, true);
    match(broker.process.stderr, /broker 7 stopped\n$/);
  }));

Deno.test("a broker names keys without effect, and refuses unknown ones", () =>
  withFolder(async (folder) => {
    const path = `${folder}/server.properties`;
    await Deno.writeTextFile(
      path,
      "broker.id=3\nnum.io.threads=8\nmin.insync.replicas=2\n",
    );
    const broker = await startTestBroker(`${folder}/data`, [path]);
    match(
      broker.process.stderr,
      /^min\.insync\.replicas \(2\) is more than .*\nwithout effect in kq: num\.io\.threads\nkq /,
    );
    await broker.stop();
    await refused(
      [path, "--strict"],
      /^.*server\.properties:2 num\.io\.threads: .*--strict refuses it\)/,
    );
    await Deno.writeTextFile(path, "broker.id=3\nlog.dirss=/tmp/x\n");
    await refused(
      [path],
      /server\.properties:2 log\.dirss: .*did you mean "log\.dirs"/,
    );
    await Deno.writeTextFile(path, "broker.id=3\nnode.id=3\nbroker.id=4\n");
    await refused(
      [path],
      /server\.properties:3 broker\.id: expected once, got it again: first on line 1/,
    );
    await Deno.writeTextFile(path, "log.segment.bytes=10MB\n");
    await refused(
      [path],
      /server\.properties:1 log\.segment\.bytes: expected a whole number from 14/,
    );
    await refused([`${folder}/none.properties`], /none\.properties/);
    await refused([path, "--config", path], /given twice/);
  }));

Deno.test("a data directory that cannot be used is named, with what to do", () =>
  withFolder(async (folder) => {
    const at = (path: string) => [...FREE, "--override", `log.dirs=${path}`];
    await Deno.writeTextFile(`${folder}/file`, "");
    await refused(at(`${folder}/file`), /file/);
    await refused(at("/proc/kq-data"), /\/proc\/kq-data/);
    const broker = await startTestBroker(`${folder}/data`);
    await refused(
      at(`${folder}/data`),
      /lock.*: another broker runs on this directory: stop it, or set log\.dirs/,
    );
    await broker.stop();
    const meta = `${folder}/data/meta.properties`;
    const text = await Deno.readTextFile(meta);
    await Deno.writeTextFile(
      meta,
      text.replace(/cluster\.id=.*/, "cluster.id=AAAAAAAAAAAAAAAAAAAAAQ"),
    );
    await refused(at(`${folder}/data`), /AAAAAAAAAAAAAAAAAAAAAQ/);
    await Deno.writeTextFile(meta, text.replace(/^version=.*/m, "version=7"));
    await refused(at(`${folder}/data`), /meta\.properties.*version/);
  }));

Deno.test("a listener that cannot be bound is named, with what to do", () =>
  withFolder(async (folder) => {
    const on = (listener: string) => [
      "--override",
      `listeners=${listener}`,
      "--override",
      `log.dirs=${folder}/data`,
    ];
    const broker = await startTestBroker(`${folder}/other`);
    const taken = `PLAINTEXT://${broker.address}`;
    await refused(
      on(taken),
      /Listener PLAINTEXT: .*: stop the program that listens there.*it is not tried again/,
    );
    await broker.stop();
    await refused(
      on("PLAINTEXT://no-such-host.invalid:9092"),
      /Listener PLAINTEXT: .*no-such-host\.invalid/,
    );
    await refused(
      on("PLAINTEXT://[fe80::1%nosuch0]:9092"),
      /Listener PLAINTEXT/,
    );
    await refused(
      on("SSL://127.0.0.1:0"),
      /ssl\.keystore\.location|inter\.broker/,
    );
  }));

Deno.test("brokers on an ensemble are one cluster, and what cannot join it is told why", () =>
  withFolder(async (folder) => {
    const server = await startZnodeServer(denoHost(), {
      port: 0,
      directory: `${folder}/zk`,
      tickMs: 200,
    });
    const on = (connect: string, id: number) =>
      [
        `zookeeper.connect=${connect}`,
        "zookeeper.session.timeout.ms=1500",
        `broker.id=${id}`,
      ].flatMap((override) => ["--override", override]);
    const connect = `${server.connect}/kafka`;
    const first = await startTestBroker(`${folder}/1`, on(connect, 1));
    const second = await startTestBroker(`${folder}/2`, on(connect, 2));
    const info = await first.kq(["cluster", "info", "-o", "json"]);
    const { brokers } = JSON.parse(info.stdout);
    equal(brokers.length, 2, info.stdout);
    const made = await second.kq(["topic", "create", "t", "--partitions", "4"]);
    equal(made.exitCode, 0, made.stderr);
    const sent = await first.kq(["produce", "t"], { stdin: "a\nb\nc\n" });
    equal(sent.exitCode, 0, sent.stderr);
    const read = await second.kq(["consume", "t", "--until-end"]);
    equal(read.stdout.trim().split("\n").sort().join(), "a,b,c");
    // No coordinator of its own.
    equal(
      [...Deno.readDirSync(`${folder}/1`)].some(({ name }) =>
        name === "coordinator"
      ),
      false,
    );
    const again = [
      ...on(connect, 1),
      ...FREE,
      "--override",
      `log.dirs=${folder}/3`,
    ];
    const result = await runCommand(["broker", "start", ...again]);
    equal(result.exitCode, 2);
    match(result.stderr, /registered already/);
    match(
      result.stderr,
      /Cannot register broker 1: another live broker has this id/,
    );
    await second.stop();
    await first.stop();
    await server.stop();
  }));

Deno.test("an ensemble that cannot be reached is named, with what to do", () =>
  withFolder(async (folder) => {
    const at = (connect: string) => [
      ...FREE,
      "--override",
      `log.dirs=${folder}/data`,
      "--override",
      "zookeeper.connection.timeout.ms=200",
      "--override",
      `zookeeper.connect=${connect}`,
    ];
    await refused(
      at("127.0.0.1:1,127.0.0.1:2"),
      /Cannot reach ZooKeeper at 127\.0\.0\.1:1, 127\.0\.0\.1:2 within 200 ms.*start the servers, or correct zookeeper\.connect/,
    );
    await refused(at("a:b"), /zookeeper\.connect: expected HOST:PORT/);
  }));
