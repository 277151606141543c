// The coordinator that outlives sessions, on this project's own server.

import { deepEqual, equal, notEqual, rejects } from "node:assert/strict";
import { OpCode } from "../../wire/zookeeper/records.ts";
import { type Host, sleep } from "../../host/host.ts";
import { simHost } from "../../testing/sim_host.ts";
import {
  startZnodeServer,
  type ZnodeServer,
} from "../../testing/znode_server.ts";
import { lastingZnodes } from "./lasting_znodes.ts";
import { connectZnodes } from "./networked_znodes.ts";

function startServer(host: Host): Promise<ZnodeServer> {
  return startZnodeServer(host, { port: 2181, directory: "/zk", tickMs: 500 });
}

async function withZnodes(
  test: (given: {
    readonly host: Host;
    readonly znodes: Awaited<ReturnType<typeof lastingZnodes>>;
    readonly states: string[];
    server: ZnodeServer;
  }) => Promise<void>,
) {
  const sim = simHost(9);
  await sim.run(async () => {
    const { host } = sim;
    const server = await startServer(host);
    const znodes = await lastingZnodes({
      clock: host.clock,
      open: () =>
        connectZnodes({
          host,
          connect: "127.0.0.1:2181/made/on/the/way",
          timeoutMs: 4000,
        }),
      trace: () => {},
    });
    const states: string[] = [];
    znodes.onState((state) => states.push(state));
    const given = { host, znodes, states, server };
    await test(given);
    await given.server.stop();
  });
}

/** Ends a session behind its client's back. */
function expire(server: ZnodeServer, sessionId: bigint): void {
  server.replica.submit({
    sessionId,
    cxid: 0,
    opCode: OpCode.closeSession,
    body: new Uint8Array(0),
    identities: [],
  }, () => {});
}

Deno.test("the chroot is made where it is missing", () =>
  withZnodes(async ({ znodes, server }) => {
    await znodes.create("/x", null, "persistent");
    equal(server.replica.tree.get("/made/on/the/way/x") !== null, true);
    await znodes.close();
    await rejects(znodes.get("/x"), { errorName: "SESSION_EXPIRED" });
  }));

Deno.test("what a broken connection left open is asked again", () =>
  withZnodes(async (given) => {
    const { znodes, host, states } = given;
    const { sessionId } = znodes;
    await znodes.create("/x", null, "persistent");
    const asked = [znodes.get("/x"), znodes.set("/x", null, -1)] as const;
    await given.server.stop();
    const later = znodes.exists("/x");
    await sleep(host.clock, 1500);
    given.server = await startServer(host);
    await Promise.all([...asked, later]);
    deepEqual(states, ["disconnected", "connected"]);
    equal(znodes.sessionId, sessionId);
    await znodes.close();
  }));

Deno.test("an expired session is followed by a new one, in which all is asked again", () =>
  withZnodes(async ({ znodes, host, states, server }) => {
    const { sessionId } = znodes;
    await znodes.create("/e", null, "ephemeral");
    expire(server, sessionId);
    await sleep(host.clock, 100);
    equal(await znodes.exists("/e"), null);
    notEqual(znodes.sessionId, sessionId);
    // The connection goes first; only the next server says that all is over.
    deepEqual(states, ["disconnected", "connected"]);
    const { stat } = await znodes.create("/e", null, "ephemeral");
    equal(stat.ephemeralOwner, znodes.sessionId);
    await znodes.close();
    deepEqual(states.at(-1), "closed");
  }));

Deno.test("who closes it does not wait for a coordinator that is away", () =>
  withZnodes(async (given) => {
    const { znodes, host } = given;
    await given.server.stop();
    const waiting = znodes.get("/");
    const startMs = host.clock.monotonicMs();
    const refused = rejects(waiting, { errorName: "SESSION_EXPIRED" });
    await sleep(host.clock, 10);
    await znodes.close();
    await refused;
    equal(host.clock.monotonicMs() - startMs < 100, true);
    given.server = await startServer(host);
  }));
