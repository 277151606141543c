import { deepEqual } from "node:assert/strict";
import { sleep } from "../../host/host.ts";
import { SimLoop } from "../../testing/sim_loop.ts";
import { SimNet } from "../../testing/sim_net.ts";
import { SimRandom } from "../../testing/sim_random.ts";
import { simHost } from "../../testing/sim_host.ts";
import { OpCode } from "../../wire/zookeeper/records.ts";
import { ZnodeStore } from "../znode_store.ts";
import { Configurations } from "./configurations.ts";
import { Epochs } from "./epochs.ts";
import { LeaderTerm } from "./leader_term.ts";
import {
  encodeInt,
  encodeLearnerInfo,
  PROTOCOL_VERSION,
} from "./packet_data.ts";
import { PacketStream, PacketType } from "./packet_stream.ts";
import { QuorumConfig } from "./quorum_config.ts";

const EPOCH_ONE = 1n << 32n;
const CONFIG = QuorumConfig.parse(
  [1, 2, 3].map((id) => `server.${id}=s${id}:2888:3888`).join("\n"),
);

/** Registers as a follower that has nothing, and gives what comes up to NEWLEADER. */
async function follow(
  stream: PacketStream,
  serverId: number,
): Promise<number[]> {
  const info = {
    serverId,
    protocolVersion: PROTOCOL_VERSION,
    configVersion: 0n,
  };
  stream.send(PacketType.followerInfo, 0n, encodeLearnerInfo(info));
  const types = [(await stream.receive()).type];
  stream.send(PacketType.ackEpoch, 0n, encodeInt(0));
  while (types.at(-1) !== PacketType.newLeader) {
    types.push((await stream.receive()).type);
  }
  return types;
}

Deno.test("what is under way comes to a new follower behind NEWLEADER", async () => {
  const loop = new SimLoop();
  const net = new SimNet(loop, new SimRandom(1), {});
  const sims = [1, 2, 3].map((id) =>
    simHost(id, { name: `s${id}`, loop, net })
  );
  await sims[0].run(async () => {
    const { host } = sims[2];
    const store = await ZnodeStore.open(host, "/data", { historyCount: 10 });
    const serving = Promise.withResolvers<void>();
    const term = new LeaderTerm({
      host,
      selfId: 3,
      configs: new Configurations({ selfId: 3, active: CONFIG }),
      timing: { tickMs: 2000, initLimit: 10, syncLimit: 5 },
      store,
      epochs: Epochs.open(host.disk, store.files, 0n),
      isMute: () => false,
      events: { applied: () => {} },
      listensOnAll: false,
      containerCheckMs: 60_000,
      serving: () => serving.resolve(),
      trace: () => {},
    });
    const ended = term.run().catch(() => {});
    await sleep(host.clock, 10);
    const connect = async (index: number) =>
      new PacketStream(
        await sims[index].host.net.connect({ host: "s3", port: 2888 }, {
          timeoutMs: 1000,
        }),
      );

    const first = await connect(0);
    await follow(first, 1);
    first.send(PacketType.ack, EPOCH_ONE);
    await serving.promise;
    // One server alone has it: it is not committed.
    term.submit({
      sessionId: 7n,
      cxid: 0,
      opCode: OpCode.createSession,
      body: encodeInt(4000),
      identities: [],
    }, () => {});

    const second = await connect(1);
    deepEqual(await follow(second, 2), [
      PacketType.leaderInfo,
      PacketType.diff,
      PacketType.newLeader,
    ]);
    const { type, zxid } = await second.receive();
    deepEqual([type, zxid], [PacketType.proposal, EPOCH_ONE + 1n]);
    term.stop();
    await ended;
    await store.close();
  });
});
