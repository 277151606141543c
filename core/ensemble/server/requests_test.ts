// Clients' requests against what Apache ZooKeeper 3.8.4 answered to the same.

import { deepEqual, ok } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { Dialogue } from "../../testing/zookeeper_dialogue.ts";
import { scenarios } from "../../testing/zookeeper_scenarios.ts";
import { simHost } from "../../testing/sim_host.ts";
import { startZnodeServer } from "../../testing/znode_server.ts";
import { DEFAULT_RULES } from "../rules.ts";

const ANSWERS = new URL(
  "../../../testdata/conformance/zookeeper_answers.txt.gz",
  import.meta.url,
);

/** Lines by scenario. */
function recorded(): Map<string, string[]> {
  const text = new TextDecoder().decode(gunzipSync(Deno.readFileSync(ANSWERS)));
  return new Map(
    text.split(/^# /m).slice(1).map((part) => {
      const [name, ...lines] = part.trimEnd().split("\n");
      return [name, lines];
    }),
  );
}

Deno.test("requests are answered as ZooKeeper answers them", async (t) => {
  const answers = recorded();
  const sim = simHost(1);
  await sim.run(async () => {
    const server = await startZnodeServer(sim.host, {
      port: 2181,
      directory: "/zk",
      rules: DEFAULT_RULES,
    });
    for (const [name, scenario] of Object.entries(scenarios)) {
      const dialogue = new Dialogue(sim.host.net, [server.address]);
      await scenario(dialogue);
      await dialogue.end();
      await t.step(name, () => {
        ok(dialogue.lines.length > 1);
        deepEqual(dialogue.lines, answers.get(name));
      });
    }
    await server.stop();
  });
});
