import { strictEqual } from "node:assert/strict";
import { simHost } from "../../testing/sim_host.ts";
import { SimLoop } from "../../testing/sim_loop.ts";
import { SimNet } from "../../testing/sim_net.ts";
import { SimRandom } from "../../testing/sim_random.ts";
import { Configurations } from "./configurations.ts";
import { ElectionLinks } from "./election_links.ts";
import { QuorumConfig } from "./quorum_config.ts";

const config = QuorumConfig.parse(
  "server.1=s1:2888:3888\nserver.2=s2:2888:3888",
);
const MESSAGE = new Uint8Array([0, 0, 0, 28, ...new Uint8Array(28)]);

Deno.test("a server that comes back after a power cut is talked to again", async () => {
  const loop = new SimLoop();
  const net = new SimNet(loop, new SimRandom(1));
  const hosts = [1, 2].map((id) => simHost(id, { name: `s${id}`, loop, net }));
  const received: number[] = [];
  const links = (id: number) =>
    new ElectionLinks({
      host: hosts[id - 1].host,
      selfId: id,
      configs: new Configurations({ selfId: id, active: config }),
      received: (from) => received.push(from * 10 + id),
      trace: () => {},
    });
  const second = links(2);
  await second.listen({ host: "s2", port: 3888 });
  const first = links(1);
  await first.listen({ host: "s1", port: 3888 });
  first.send(2, MESSAGE);
  second.send(1, MESSAGE);
  await loop.run(3000);
  strictEqual(received.includes(12) && received.includes(21), true);

  hosts[0].crash("power");
  hosts[0].restart();
  received.length = 0;
  const again = links(1);
  await again.listen({ host: "s1", port: 3888 });
  // The larger one has nothing to say, so only a question tells it.
  again.send(2, MESSAGE);
  await loop.run(3000);
  strictEqual(received.includes(12), true, "the question arrives");
  strictEqual(received.includes(21), true, "what it said last is said again");
  again.close();
  second.close();
});
