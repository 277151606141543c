// A server as a whole, on the simulated host: starts, answers who looks after it,
// and stops.

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { connectZooKeeper } from "../client/zookeeper/zookeeper_client.ts";
import {
  type CoordinatorConfig,
  coordinatorConfig,
} from "../config/coordinator_config.ts";
import { readConfig } from "../config/table.ts";
import { type Host, HostError, sleep } from "../host/host.ts";
import { simHost } from "../testing/sim_host.ts";
import { askWord } from "./ask_word.ts";
import { restartOrder } from "./change_plan.ts";
import {
  type RunningCoordinator,
  startCoordinator,
} from "./coordinator_server.ts";
import { parseMember, QuorumConfig } from "./quorum/quorum_config.ts";
// What a server loads when it is needed: the simulated clock does not wait for it.
import "./quorum/peer.ts";
import "./server/admin_commands.ts";
import "./server/admin_json.ts";
import "./server/admin_server.ts";
import "./server/four_letter_words.ts";
import { ensembleStatus, serverStatus } from "./server_status.ts";

function configOf(keys: { [key: string]: string } = {}): CoordinatorConfig {
  return readConfig(
    coordinatorConfig,
    new Map(Object.entries({
      dataDir: "/data",
      clientPort: "2181",
      clientPortAddress: "127.0.0.1",
      ...keys,
    })),
  );
}

/** Runs a server that is alone for as long as `use` takes. */
async function withServer(
  keys: { [key: string]: string },
  use: (server: RunningCoordinator, host: Host) => Promise<void>,
): Promise<void> {
  const sim = simHost(7);
  await sim.run(async () => {
    const { host } = sim;
    const server = await startCoordinator({
      host,
      config: configOf(keys),
      release: "1.2.3",
      trace: () => {},
    });
    await use(server, host);
    await server.shutdown();
  });
}

async function word(host: Host, letters: string): Promise<string> {
  const address = { host: "127.0.0.1", port: 2181 };
  return await askWord(host, address, letters, 5000);
}

async function http(host: Host, request: string): Promise<string> {
  const io = await host.net.connect({ host: "127.0.0.1", port: 8080 });
  await io.write(new TextEncoder().encode(request));
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(65536);
  let text = "";
  for (;;) {
    const count = await io.read(bytes);
    if (count === null) return text;
    text += decoder.decode(bytes.subarray(0, count));
  }
}

async function adminDocument(host: Host, command: string) {
  const answer = await http(host, `GET /commands/${command} HTTP/1.1\r\n\r\n`);
  match(answer, /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/json\r\n/);
  return JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4));
}

async function withClient(
  host: Host,
  use: (
    client: Awaited<ReturnType<typeof connectZooKeeper>>,
  ) => Promise<void>,
  connect = "127.0.0.1:2181",
): Promise<void> {
  const client = await connectZooKeeper({
    host,
    connect,
    timeoutMs: 10_000,
  });
  await use(client);
  await client.close();
}

Deno.test("startCoordinator() serves clients, keeps what they wrote, and takes it up again", async () => {
  const sim = simHost(3);
  const start = () =>
    startCoordinator({ host: sim.host, config: configOf(), trace: () => {} });
  await sim.run(async () => {
    const server = await start();
    deepEqual(server.clientAddress, { host: "127.0.0.1", port: 2181 });
    await withClient(sim.host, async (client) => {
      await client.create({ path: "/a", data: null, mode: "persistent" });
    });
    await server.shutdown();
  });
  await sim.run(async () => {
    const server = await start();
    await withClient(sim.host, async (client) => {
      deepEqual((await client.children("/")).names.sort(), ["a", "zookeeper"]);
    });
    await server.shutdown();
  });
});

Deno.test("four-letter words are answered line for line as ZooKeeper answers them", () =>
  withServer({}, async (_, host) => {
    equal(await word(host, "ruok"), "imok");
    equal(await word(host, "isro"), "rw");
    equal(
      await word(host, "srvr"),
      "Zookeeper version: 3.8.4-kq1.2.3, built on 02/12/2024 22:16 UTC\n" +
        "Latency min/avg/max: 0/0.0/0\nReceived: 3\nSent: 0\nConnections: 1\n" +
        "Outstanding: 0\nZxid: 0x0\nMode: standalone\nNode count: 5\n",
    );
    match(
      await word(host, "conf"),
      /^clientPort=2181\nsecureClientPort=-1\ndataDir=\/data\/version-2\ndataDirSize=\d+\ndataLogDir=\/data\/version-2\ndataLogSize=\d+\ntickTime=2000\nmaxClientCnxns=60\nminSessionTimeout=4000\nmaxSessionTimeout=40000\nclientPortListenBacklog=-1\nserverId=0\n$/,
    );
    await withClient(host, async (client) => {
      await client.create({ path: "/w", data: null, mode: "persistent" });
      await client.create({ path: "/w/e", data: null, mode: "ephemeral" });
      await client.get("/w", () => {});
      const session =
        /sid=(0x[0-9a-f]+),lop=GETD,est=\d+,to=10000,lcxid=0x[0-9a-f]+,lzxid=0x3,lresp=\d+,llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+\)\n/
          .exec(await word(host, "cons"))?.[1];
      ok(session !== undefined);
      equal(
        await word(host, "wchs"),
        "1 connections watching 1 paths\nTotal watches:1\n",
      );
      equal(await word(host, "wchc"), `${session}\n\t/w\n\n`);
      equal(await word(host, "wchp"), `/w\n\t${session}\n\n`);
      match(
        await word(host, "dump"),
        new RegExp(
          "^SessionTracker dump:\nSession Sets \\(1\\)/\\(1\\):\n1 expire at \\w{3} \\w{3} \\d\\d [\\d:]{8} UTC \\d{4}:\n" +
            `\t${session}\nephemeral nodes dump:\nSessions with Ephemerals \\(1\\):\n${session}:\n\t/w/e\n` +
            "Connections dump:\nConnections Sets \\(\\d\\)/\\(2\\):\n",
        ),
      );
      const monitor = await word(host, "mntr");
      for (
        const line of [
          "zk_server_state\tstandalone",
          "zk_ephemerals_count\t1",
          "zk_znode_count\t7",
          "zk_global_sessions\t1",
          "zk_watch_count\t1",
          "zk_cnt_fsynctime\t3",
          `zk_approximate_data_size\t${44 + "/w/w/e".length}`,
        ]
      ) ok(monitor.split("\n").includes(line), `${line} in ${monitor}`);
    });
    equal(await word(host, "srst"), "Server stats reset.\n");
    match(await word(host, "srvr"), /Received: 1\nSent: 0\n/);
    equal(await word(host, "zzzz"), "", "no word: an impossible frame");
  }));

Deno.test("words that are not in the whitelist are named as such", () =>
  withServer({ "4lw.commands.whitelist": "ruok" }, async (_, host) => {
    equal(await word(host, "ruok"), "imok");
    equal(
      await word(host, "stat"),
      "stat is not executed because it is not in the whitelist.\n",
    );
  }));

Deno.test("the admin server answers with ZooKeeper's names and fields", () =>
  withServer({}, async (server, host) => {
    deepEqual(server.adminAddress, { host: "127.0.0.1", port: 8080 });
    match(
      await http(host, "GET /commands HTTP/1.1\r\nHost: x\r\n\r\n"),
      /<a href="\/commands\/monitor">monitor<\/a>/,
    );
    deepEqual(await adminDocument(host, "ruok"), {
      command: "ruok",
      error: null,
    });
    deepEqual(await adminDocument(host, "nosuch"), {
      command: "nosuch",
      error: "Unknown command: nosuch",
    });
    deepEqual(await adminDocument(host, "conf"), {
      client_port: 2181,
      data_dir: "/data/version-2",
      data_log_dir: "/data/version-2",
      tick_time: 2000,
      max_client_cnxns: 60,
      min_session_timeout: 4000,
      max_session_timeout: 40_000,
      server_id: 0,
      client_port_listen_backlog: -1,
      command: "configuration",
      error: null,
    });
    await withClient(host, async (client) => {
      await client.create({ path: "/w", data: null, mode: "ephemeral" });
      const { connections } = await adminDocument(host, "connections");
      equal(connections[0].last_operation, "CREA");
      equal(connections[0].last_zxid, 2);
    });
    const { server_stats, node_count } = await adminDocument(host, "stat");
    deepEqual([server_stats.server_state, node_count], ["standalone", 5]);
    const isFraction = /"avg_latency" : \d+\.\d+,/;
    match(
      await http(host, "GET /commands/monitor HTTP/1.1\r\n\r\n"),
      isFraction,
    );
  }));

Deno.test("the admin server refuses what it does not speak", () =>
  withServer({}, async (_, host) => {
    match(
      await http(host, "POST /commands HTTP/1.1\r\n\r\n"),
      /^HTTP\/1\.1 405 /,
    );
    match(await http(host, "GET /other HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 404 /);
    match(await http(host, "nonsense\r\n\r\n"), /^HTTP\/1\.1 400 /);
    match(await http(host, `GET /${"x".repeat(8192 - 5)}`), /^HTTP\/1\.1 431 /);
  }));

Deno.test("secrets of the configuration are not shown", () =>
  withServer({
    "DigestAuthenticationProvider.superDigest": "super:geheim",
  }, async (_, host) => {
    for (const command of ["initial_configuration", "system_properties"]) {
      const text = JSON.stringify(await adminDocument(host, command));
      ok(!text.includes("geheim"));
      ok(text.includes("[hidden]"));
    }
  }));

Deno.test("an admin port that is taken costs the admin server only, with a line", async () => {
  const sim = simHost(4);
  await sim.run(async () => {
    const { host } = sim;
    const taken = await host.net.listen(
      { host: "127.0.0.1", port: 8080 },
      (io) => io.close(),
    );
    const lines: string[] = [];
    const server = await startCoordinator({
      host,
      config: configOf(),
      trace: (line) => lines.push(line),
    });
    equal(server.adminAddress, null);
    match(lines[0], /^No admin server: .*8080.*; set admin\.serverPort, or/);
    taken.close();
    await server.shutdown();
  });
});

Deno.test("a start that fails leaves nothing behind", async () => {
  const sim = simHost(5);
  await sim.run(async () => {
    const { host } = sim;
    const other = await host.net.listen(
      { host: "127.0.0.1", port: 2181 },
      (io) => io.close(),
    );
    const start = () =>
      startCoordinator({ host, config: configOf(), trace: () => {} });
    await rejects(
      start,
      (error) => error instanceof HostError && error.kind === "inUse",
    );
    equal(host.disk.stat("/data/version-2"), null, "no data directory");
    other.close();
    await (await start()).shutdown();
    await (await start()).shutdown();
  });
});

Deno.test("three servers are one ensemble, and say so", async () => {
  const sim = simHost(9);
  await sim.run(async () => {
    const { host } = sim;
    const members = new QuorumConfig(
      [1, 2, 3].map((id) =>
        parseMember(String(id), `127.0.0.1:${2880 + id}:${3880 + id}`)
      ),
      0n,
    );
    const addresses = [1, 2, 3].map((id) => ({
      host: "127.0.0.1",
      port: 2180 + id,
    }));
    const servers = await Promise.all(
      addresses.map(({ port }, index) =>
        startCoordinator({
          host,
          config: configOf({
            dataDir: `/data/${index + 1}`,
            clientPort: String(port),
            "admin.serverPort": index === 0 ? "8080" : "0",
          }),
          membership: { selfId: index + 1, members },
          trace: () => {},
        })
      ),
    );
    const statusNow = async () =>
      ensembleStatus(
        await Promise.all(
          addresses.map((address) => serverStatus(host, address, 5000)),
        ),
      );
    while ((await statusNow()).servingVoterCount < 3) {
      await sleep(host.clock, 50);
    }
    await withClient(host, async (client) => {
      await client.create({ path: "/a", data: null, mode: "ephemeral" });
    }, "127.0.0.1:2181");
    const status = await statusNow();
    deepEqual(
      [status.hasQuorum, status.leader?.id, status.voterCount],
      [true, 3, 3],
      "the highest number of equals leads",
    );
    deepEqual(status.servers.map(({ id, mode }) => [id, mode]), [
      [1, "follower"],
      [2, "follower"],
      [3, "leader"],
    ]);
    const { command: _, error, ...leader } = await adminDocument(
      host,
      "leader",
    );
    deepEqual([leader, error], [
      { is_leader: false, leader_id: 3, leader_ip: "127.0.0.1" },
      null,
    ]);
    const { current_config } = await adminDocument(host, "voting_view");
    deepEqual(Object.keys(current_config), ["1", "2", "3"]);
    match(
      await askWord(host, addresses[2], "srvr", 5000),
      /Mode: leader\nNode count: 5\nProposal sizes last\/min\/max: \d+\/\d+\/\d+\n$/,
    );
    match(
      await askWord(host, addresses[0], "conf", 5000),
      /serverId=1\ninitLimit=10\nsyncLimit=5\nelectionAlg=3\nelectionPort=3881\nquorumPort=2881\npeerType=0\nmembership: \nserver\.1=127\.0\.0\.1:2881:3881:participant\n.*version=\w+$/s,
    );
    const order = restartOrder(status).map(({ id }) => id);
    deepEqual(order, [1, 2, 3]);
    await servers[1].shutdown();
    await servers[0].shutdown();
    await sleep(host.clock, 1000);
    equal((await statusNow()).hasQuorum, false);
    await servers[2].shutdown();
  });
});

Deno.test("dataLogDir has the logs, and a start looks for them nowhere else", async () => {
  const sim = simHost(8);
  const keys = { dataDir: "/data/zk", dataLogDir: "/data/zk-logs" };
  const start = (keys: { [key: string]: string }) =>
    startCoordinator({
      host: sim.host,
      config: configOf(keys),
      trace: () => {},
    });
  await sim.run(async () => {
    const { host } = sim;
    const server = await start({ ...keys, snapCount: "4" });
    await withClient(host, async (client) => {
      for (let index = 0; index < 10; index++) {
        await client.create({
          path: `/n${index}`,
          data: null,
          mode: "persistent",
        });
      }
    });
    await server.shutdown();
    const [snapshots, logs] = [keys.dataDir, keys.dataLogDir].map((folder) =>
      host.disk.list(`${folder}/version-2`)
    );
    ok(snapshots.every((name) => name.startsWith("snapshot.")), `${snapshots}`);
    ok(logs.every((name) => name.startsWith("log.")), `${logs}`);
    ok(snapshots.length > 1 && logs.length > 1, "it has gone on to newer ones");
  });
  sim.restart();
  await sim.run(async () => {
    const server = await start(keys);
    await withClient(sim.host, async (client) => {
      equal((await client.children("/")).names.length, 11);
    });
    match(
      await word(sim.host, "conf"),
      /\ndataDir=\/data\/zk\/version-2\n.*\ndataLogDir=\/data\/zk-logs\/version-2\n/s,
    );
    await server.shutdown();
    const plain = await start({ dataDir: "/data/plain" });
    await withClient(sim.host, () => Promise.resolve());
    await plain.shutdown();
    await rejects(
      start({ dataDir: "/data/plain", dataLogDir: "/data/new" }),
      /"\/data\/plain\/version-2" has logs, .*dataLogDir is not what it was/,
    );
  });
});

Deno.test("a disk that fails ends the server, with its reason", async () => {
  const sim = simHost(6);
  await sim.run(async () => {
    const { host } = sim;
    const server = await startCoordinator({
      host,
      config: configOf(),
      trace: () => {},
    });
    const client = await connectZooKeeper({
      host,
      connect: "127.0.0.1:2181",
      timeoutMs: 4000,
    });
    sim.disk.failNthCall(1, "io", ({ action }) => action === "sync");
    const lost = rejects(
      client.create({ path: "/b", data: null, mode: "persistent" }),
    );
    match((await server.failed).message, /version-2\/log\./);
    await server.shutdown();
    await lost;
  });
});
