// Who a server is: what `myid`, the command line and the server lines may say, and
// what is refused in one line.

import { deepEqual, equal, match } from "node:assert/strict";
import { ConfigError } from "../config/config_error.ts";
import { loadCoordinatorConfig } from "../config/coordinator_config_load.ts";
import type { Disk } from "../host/host.ts";
import { simHost } from "../testing/sim_host.ts";
import { type Membership, membershipOf, noteMyid } from "./membership.ts";

const THREE = [
  "server.1=a:2888:3888",
  "server.2=b:2888:3888",
  "server.3=c:2888:3888:observer",
];

function writeMyid(disk: Disk, text: string): void {
  disk.makeDirectory("/data");
  const opened = disk.open("/data/myid", "create");
  opened.truncate(0);
  opened.writeAt(new TextEncoder().encode(text), 0);
  opened.close();
}

interface Given {
  readonly lines?: readonly string[];
  readonly myid?: string;
  readonly id?: number;
}

function who({ lines = THREE, myid, id }: Given): Membership | null | string {
  const { disk } = simHost(1).host;
  if (myid !== undefined) writeMyid(disk, myid);
  const bytes = new TextEncoder().encode(
    ["dataDir=/data", ...lines].join("\n"),
  );
  const { config, servers } = loadCoordinatorConfig({
    file: { name: "zoo.cfg", bytes },
  });
  try {
    return membershipOf({ disk, config, servers, id });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

function idOf(given: Given): number | string | null {
  const found = who(given);
  return found === null || typeof found === "string" ? found : found.selfId;
}

Deno.test("membershipOf() takes the number from myid or from the command line", () => {
  equal(idOf({ myid: "2\n" }), 2);
  equal(idOf({ id: 3 }), 3);
  equal(idOf({ myid: " 1 ", id: 1 }), 1);
});

Deno.test("membershipOf() leaves a server alone that has no others", () => {
  equal(who({ lines: [] }), null);
  equal(who({ lines: ["server.1=a:2888:3888"], myid: "1" }), null);
  const lines = ["server.1=a:2888:3888", "standaloneEnabled=false"];
  equal(idOf({ lines, myid: "1" }), 1);
});

Deno.test("membershipOf() keeps ports, roles and clients' addresses of the lines", () => {
  const lines = ["server.1=a:1:2;4", "server.2=[::1]:2:3:observer;b:5"];
  const found = who({ lines, id: 1 });
  equal(
    typeof found === "object" && found?.members.toText(),
    "server.1=a:1:2:participant;0.0.0.0:4\n" +
      "server.2=[::1]:2:3:observer;b:5\nversion=0",
  );
});

Deno.test("membershipOf() refuses what is not said, said in two ways, or wrong", () => {
  const mistakes: [Given, RegExp][] = [
    [{}, /^there is no "\/data\/myid": write .* or give --id$/],
    [
      { myid: "2", id: 1 },
      /"\/data\/myid" says 2, the command line says 1: this directory is another server's/,
    ],
    [{ myid: "9" }, /"\/data\/myid" says 9, but the servers are 1, 2, 3/],
    [{ id: 9 }, /^--id says 9, but the servers are 1, 2, 3/],
    [
      { myid: "1\n2\n" },
      /"\/data\/myid": expected one number from 0 to 255, got "1\\n2"/,
    ],
    [{ myid: "one" }, /got "one"/],
    [{ myid: "" }, /got ""/],
    [{ myid: "999" }, /got "999"/],
    [
      { lines: ["server.1=a:2888", "server.2=b:1:2"], id: 2 },
      /^zoo\.cfg:2 server\.1=a:2888: expected host:port:port/,
    ],
    [
      { lines: ["server.1=a:1:2", "server.2=a:1:3"], id: 2 },
      /^zoo\.cfg:3 server\.2: a:1 is taken by server\.1 already/,
    ],
    [
      { lines: ["server.x=a:1:2", "server.2=a:3:4"], id: 2 },
      /^zoo\.cfg:2 server\.x=.*the id must be a whole number/,
    ],
    [
      { lines: ["server.1=a:1:2:observer", "server.2=b:1:2:observer"], id: 2 },
      /all servers are observers/,
    ],
    [
      { lines: [...THREE, "peerType=observer"], id: 1 },
      /peerType=observer, but server\.1 is a participant/,
    ],
  ];
  for (const [given, message] of mistakes) match(String(idOf(given)), message);
});

Deno.test("noteMyid() writes a number down once", async () => {
  const sim = simHost(2);
  const read = () => {
    const { disk } = sim.host;
    const opened = disk.open("/data/myid", "read");
    const bytes = new Uint8Array(opened.size());
    opened.readAt(bytes, 0);
    opened.close();
    return new TextDecoder().decode(bytes);
  };
  await sim.run(async () => {
    const { disk } = sim.host;
    await noteMyid(disk, "/data", 7);
    await noteMyid(disk, "/data", 8);
  });
  deepEqual(read(), "7\n");
  sim.restart();
  deepEqual(read(), "7\n", "it survives a crash");
});
