// What strangers, and members gone wrong, send to the ports between servers: it
// costs them their connection and this server one line, and nothing else.

import { deepEqual, match, strictEqual } from "node:assert/strict";
import { type Connection, sleep } from "../../host/host.ts";
import { simHost } from "../../testing/sim_host.ts";
import { SimLoop } from "../../testing/sim_loop.ts";
import { SimNet } from "../../testing/sim_net.ts";
import { SimRandom } from "../../testing/sim_random.ts";
import { utf8Size, Writer } from "../../wire/writer.ts";
import { ZnodeStore } from "../znode_store.ts";
import { Configurations } from "./configurations.ts";
import { ElectionLinks } from "./election_links.ts";
import { Elector } from "./elector.ts";
import { Epochs } from "./epochs.ts";
import { LeaderTerm } from "./leader_term.ts";
import { encodeInt, encodeLearnerInfo } from "./packet_data.ts";
import { PacketStream, PacketType } from "./packet_stream.ts";
import { QuorumConfig } from "./quorum_config.ts";
import { decodeNotification, encodeNotification } from "./vote.ts";

const CONFIG = QuorumConfig.parse(
  [1, 2, 3].map((id) => `server.${id}=s${id}:2888:3888`).join("\n"),
);
const TIMING = { tickMs: 2000, initLimit: 10, syncLimit: 5 };

function world() {
  const loop = new SimLoop();
  const net = new SimNet(loop, new SimRandom(1), {});
  return [1, 2, 3].map((id) => simHost(id, { name: `s${id}`, loop, net }));
}

function hello(version: bigint, id: bigint, size: number | null = null) {
  const address = "s9:3888";
  const writer = new Writer();
  writer.bigInt64(version);
  writer.bigInt64(id);
  writer.int32(size ?? utf8Size(address));
  writer.text(address, utf8Size(address));
  return writer.written();
}

function framed(size: number, bytes: Uint8Array): Uint8Array {
  const writer = new Writer();
  writer.int32(size);
  writer.raw(bytes);
  return writer.written();
}

/** Whether the other side has ended the connection. */
async function isEnded(io: Connection): Promise<boolean> {
  const rest = new Uint8Array(256);
  try {
    while (await io.read(rest) !== null);
  } catch {
    // Ended, too.
  }
  return true;
}

Deno.test("bad input 42: what makes no sense on the election port ends its connection, with one line", async () => {
  const sims = world();
  await sims[0].run(async () => {
    const lines: string[] = [];
    const received: number[] = [];
    const links = new ElectionLinks({
      host: sims[0].host,
      selfId: 1,
      configs: new Configurations({ selfId: 1, active: CONFIG }),
      received: (id) => received.push(id),
      trace: (line) => lines.push(line),
    });
    await links.listen({ host: "s1", port: 3888 });
    const vote = new Uint8Array(40);
    const cases: [string, Uint8Array[], RegExp][] = [
      ["a stranger", [hello(-65536n, 9n)], /server 9, which is not in/],
      ["itself", [hello(-65536n, 1n)], /server 1, which is not in/],
      ["another protocol", [hello(-7n, 2n)], /unknown version -7/],
      ["an endless address", [hello(-65536n, 2n, 0x7fffffff)], /2147483647/],
      ["a negative address", [hello(-65536n, 2n, -5)], /-5/],
      [
        "an endless vote",
        [hello(-65536n, 2n), framed(0x7fffffff, vote)],
        /2147483647/,
      ],
      ["a negative vote", [hello(-65536n, 2n), framed(-1, vote)], /-1/],
      ["a short vote", [hello(-65536n, 2n), framed(4, vote)], /4 bytes/],
    ];
    for (const [name, parts, wanted] of cases) {
      lines.length = 0;
      const io = await sims[1].host.net.connect({ host: "s1", port: 3888 });
      for (const part of parts) await io.write(part);
      strictEqual(await isEnded(io), true, name);
      strictEqual(lines.length, 1, `${name}: ${lines.join("; ")}`);
      match(lines[0], wanted, name);
    }
    deepEqual(received, []);
    links.close();
  });
});

Deno.test("bad input 42: a vote for nobody in the configuration, of an epoch out of this world, elects nobody", async () => {
  const [sim] = world();
  await sim.run(async () => {
    const { clock } = sim.host;
    const elector = new Elector(
      {
        clock,
        selfId: 1,
        configs: new Configurations({ selfId: 1, active: CONFIG }),
        hasSay: () => true,
        send: () => {},
        connectAll: () => {},
      } as unknown as ConstructorParameters<typeof Elector>[0],
    );
    let found: number | null = null;
    elector.lookForLeader({ leader: 1, zxid: 5n, peerEpoch: 1n })
      .then(({ leader }) => found = leader, () => {});
    for (const leader of [9, -1]) {
      const stray = decodeNotification(
        encodeNotification({
          state: "looking",
          leader,
          zxid: 2n ** 63n - 1n,
          electionEpoch: 1n,
          peerEpoch: 2n ** 63n - 1n,
          config: "",
        }).subarray(4),
      );
      for (const id of [2, 3, 9]) elector.receive(id, stray);
    }
    await sleep(clock, 2000);
    strictEqual(found, null);
    elector.stop();
  });
});

Deno.test("bad input 42: what makes no sense on the quorum port ends its connection, and the leader stays", async () => {
  const sims = world();
  await sims[0].run(async () => {
    const { host } = sims[2];
    const store = await ZnodeStore.open(host, "/data", { historyCount: 10 });
    const lines: string[] = [];
    const term = new LeaderTerm({
      host,
      selfId: 3,
      configs: new Configurations({ selfId: 3, active: CONFIG }),
      timing: TIMING,
      store,
      epochs: Epochs.open(host.disk, store.files, 0n),
      isMute: () => false,
      events: { applied: () => {} },
      listensOnAll: false,
      containerCheckMs: 60_000,
      serving: () => {},
      trace: (line) => lines.push(line),
    });
    let isOver = false;
    const ended = term.run().catch(() => isOver = true);
    await sleep(host.clock, 10);
    const info = (serverId: number) =>
      encodeLearnerInfo({
        serverId,
        protocolVersion: 0x10000,
        configVersion: 0n,
      });
    const packets: [string, number, Uint8Array | null][] = [
      ["a stranger", PacketType.followerInfo, info(9)],
      ["the leader itself", PacketType.followerInfo, info(3)],
      ["no information", PacketType.followerInfo, null],
      ["a vote of thanks", PacketType.upToDate, info(1)],
    ];
    for (const [name, type, data] of packets) {
      lines.length = 0;
      const io = await sims[0].host.net.connect({ host: "s3", port: 2888 });
      new PacketStream(io).send(type, 0n, data);
      strictEqual(await isEnded(io), true, name);
      strictEqual(lines.length, 1, `${name}: ${lines.join("; ")}`);
    }
    for (const size of [-5, 0x7fffffff]) {
      lines.length = 0;
      const io = await sims[0].host.net.connect({ host: "s3", port: 2888 });
      const writer = new Writer();
      writer.int32(PacketType.followerInfo);
      writer.bigInt64(0n);
      writer.raw(encodeInt(size));
      await io.write(writer.written());
      strictEqual(await isEnded(io), true, `a size of ${size}`);
      strictEqual(lines.length, 1, lines.join("; "));
    }
    strictEqual(isOver, false, "the leader looks on for followers");
    term.stop();
    await ended;
  });
});
