// A zoo.cfg, read: what ZooKeeper takes is taken, each mistake gets one line with
// its place.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { ConfigError } from "./config_error.ts";
import { coordinatorConfig } from "./coordinator_config.ts";
import {
  loadCoordinatorConfig,
  sessionTimeouts,
  type Setting,
} from "./coordinator_config_load.ts";

const file = (text: string) => ({
  name: "zoo.cfg",
  bytes: new TextEncoder().encode(text),
});

function load(text: string, overrides: readonly Setting[] = []) {
  return loadCoordinatorConfig({ file: file(text), overrides });
}

function messageOf(text: string, overrides: readonly Setting[] = []): string {
  try {
    load(text, overrides);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "taken";
}

Deno.test("loadCoordinatorConfig() reads a zoo.cfg of an ensemble", () => {
  const { config, servers, withoutEffect, doubts } = load([
    "# The number of milliseconds of each tick",
    "tickTime=2000",
    "initLimit=10",
    "syncLimit=5",
    "dataDir=/var/lib/zookeeper ",
    "clientPort=2181",
    "maxClientCnxns=0",
    "autopurge.snapRetainCount=5",
    "zookeeper.snapCount=20000",
    "4lw.commands.whitelist=stat, ruok",
    "jute.maxbuffer=0x1fffff",
    "preAllocSize=1024",
    "ssl.trustStore.location=/x",
    "server.1=zoo1:2888:3888",
    "server.2=zoo2:2888:3888:participant;0.0.0.0:2181",
    "server.3=zoo3:2888:3888:observer",
  ].join("\n"));
  equal(config.dataDir, "/var/lib/zookeeper");
  equal(config.clientPort, 2181);
  equal(config.maxClientCnxns, 0);
  equal(config["autopurge.snapRetainCount"], 5);
  equal(config.snapCount, 20_000, "with the prefix of Java's properties");
  deepEqual(config["4lw.commands.whitelist"], ["stat", "ruok"]);
  equal(config["jute.maxbuffer"], 0x1fffff);
  deepEqual(sessionTimeouts(config), { minMs: 4000, maxMs: 40_000 });
  deepEqual(
    servers.map(({ id, text, position }) => [id, text, position.line]),
    [
      ["1", "zoo1:2888:3888", 14],
      ["2", "zoo2:2888:3888:participant;0.0.0.0:2181", 15],
      ["3", "zoo3:2888:3888:observer", 16],
    ],
  );
  deepEqual(withoutEffect, ["preAllocSize", "ssl.trustStore.location"]);
  equal(doubts.length, 1, "two voters");
});

Deno.test("loadCoordinatorConfig() lets the command line win, and its servers replace all of the file's", () => {
  const { config, servers } = load(
    "tickTime=1000\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2",
    [
      { key: "tickTime", text: "500", source: "--tickTime" },
      { key: "server.7", text: "d:1:2", source: "--server" },
    ],
  );
  equal(config.tickTime, 500);
  deepEqual(servers.map(({ id }) => id), ["7"]);
});

Deno.test("loadCoordinatorConfig() reads the members of a dynamic file", () => {
  const dynamic = "server.1=a:1:2;3\nserver.2=b:1:2;3\nversion=100000000";
  const readDynamic = (name: string) => ({ ...file(dynamic), name });
  const { servers } = loadCoordinatorConfig({
    file: file("dynamicConfigFile=zoo.cfg.dynamic"),
    readDynamic,
  });
  deepEqual(servers.map(({ id, position }) => [id, position.source]), [
    ["1", "zoo.cfg.dynamic"],
    ["2", "zoo.cfg.dynamic"],
  ]);
});

Deno.test("loadCoordinatorConfig() names file, line and key of each mistake", () => {
  const mistakes: [string, RegExp][] = [
    [
      "tickTime=2s",
      /^zoo\.cfg:1 tickTime: expected a whole number from 1 .*"2s"/,
    ],
    ["\ntickTime=0", /^zoo\.cfg:2 tickTime: /],
    ["clientPort=70000", /^zoo\.cfg:1 clientPort: .*to 65535/],
    ["tickTime=1\ntickTime=2", /^zoo\.cfg:2 tickTime: .*first on line 1/],
    [
      "secureClientPort=2281",
      /^zoo\.cfg:1 secureClientPort: not served by kq: .*TLS/,
    ],
    ["sslQuorum=true", /^zoo\.cfg:1 sslQuorum: not served by kq: /],
    [
      "weight.1=2",
      /^zoo\.cfg:1 weight\.1: not served by kq: servers vote alike/,
    ],
    ["electionAlg=0", /^zoo\.cfg:1 electionAlg: /],
    [
      "minSessionTimeout=5000\nmaxSessionTimeout=4000",
      /^zoo\.cfg:1 minSessionTimeout: expected at most maxSessionTimeout, 4000/,
    ],
    ["autopurge.snapRetainCount=1", /^zoo\.cfg:1 autopurge\.snapRetainCount: /],
  ];
  for (const [text, message] of mistakes) match(messageOf(text), message);
  equal(messageOf("sslQuorum=false"), "taken");
});

Deno.test("loadCoordinatorConfig() goes on with unknown keys, and says what may be meant", () => {
  const { doubts } = load("tickTimes=2000\nmy.plugin=1");
  deepEqual(doubts, [
    'zoo.cfg:2 unknown configuration key "my.plugin"',
    'zoo.cfg:1 unknown configuration key "tickTimes", did you mean "tickTime"?',
  ]);
});

Deno.test("every key of a coordinator says in a line what it does", () => {
  for (const key of coordinatorConfig.keys) {
    match(coordinatorConfig.row(key)!.doc, /^[A-Z\d].*\.$/, key);
  }
});

Deno.test("a key of a coordinator that has an effect is read somewhere", () => {
  const root = new URL("../../", import.meta.url);
  const readers = [
    "core/config/coordinator_config_load.ts",
    "core/ensemble/coordinator_server.ts",
    "core/ensemble/membership.ts",
    "core/ensemble/server/admin_server.ts",
    "core/ensemble/server/word_gate.ts",
  ];
  const text = readers.map((path) => Deno.readTextFileSync(new URL(path, root)))
    .join("\n");
  // Refused, or with one value only.
  const byRow = ["secureClientPort", "electionAlg"];
  const isRead = (key: string) =>
    text.includes(`["${key}"]`) || new RegExp(`\\b${key}\\b`).test(text);
  for (const key of coordinatorConfig.keys) {
    const isUsed = coordinatorConfig.row(key)!.effect !== "none";
    if (!byRow.includes(key) && isUsed) ok(isRead(key), `${key} is read`);
  }
});
