import { equal, match, rejects } from "node:assert/strict";
import { sleep } from "../../host/host.ts";
import { simHost } from "../../testing/sim_host.ts";
import { startZnodeServer } from "../../testing/znode_server.ts";
import { Dialogue } from "../../testing/zookeeper_dialogue.ts";
import { ReadOnlyReplica } from "./read_only_replica.ts";

Deno.test("a server alone lets those read who asked for it, and writes nothing", async () => {
  const sim = simHost(5);
  await sim.run(async () => {
    const { host } = sim;
    const server = await startZnodeServer(host, {
      port: 2181,
      directory: "/zk",
    });
    const d = new Dialogue(host.net, [server.address]);
    await d.connect("before");
    await d.ask("before", "create", { path: "/a", data: "kept" });
    const { lastZxid } = server.replica.tree;
    server.service.serve(null);
    await d.expectEnd("before");
    const replica = new ReadOnlyReplica({
      clock: host.clock,
      tree: server.replica.tree,
      serverId: 1,
      tickMs: 500,
      expired: (sessionId) => server.service.end(sessionId),
    });
    server.service.serve(replica);
    await d.connect("writer", { readOnly: false });
    match(d.lines.at(-1)!, /-> closed$/);
    await d.connect("old", { readOnly: null });
    match(d.lines.at(-1)!, /-> closed$/);
    await d.connect("reader", { readOnly: true });
    match(d.lines.at(-1)!, /"isReadOnly":true/);
    await d.ask("reader", "getData", { path: "/a", watch: true });
    match(d.lines.at(-1)!, /ok "kept"/);
    for (const operation of ["create", "setData", "sync", "delete"] as const) {
      await d.ask("reader", operation, { path: "/a" });
      match(d.lines.at(-1)!, /NOT_READ_ONLY$/);
    }
    // A session of the ensemble is for the ensemble.
    await d.connect("stranger", { resumes: "before", readOnly: true });
    match(d.lines.at(-1)!, /-> closed$/);
    await rejects(replica.revalidate(7n, 1000), /not this server's/);
    equal(server.replica.tree.lastZxid, lastZxid);
    // One that is not heard of ends here, too.
    await sleep(host.clock, 12_000);
    await d.expectEnd("reader");
    replica.stop();
    await server.stop();
  });
});
