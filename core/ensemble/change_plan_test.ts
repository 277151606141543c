// Plans for changing an ensemble: the order, and what is refused.

import { deepEqual, equal, throws } from "node:assert/strict";
import {
  planGrowth,
  PlanRefusal,
  planShrinking,
  restartOrder,
  spareCount,
} from "./change_plan.ts";
import { parseMember, QuorumConfig } from "./quorum/quorum_config.ts";
import {
  type EnsembleStatus,
  ensembleStatus,
  otherMembers,
  type ServerStatus,
} from "./server_status.ts";

type Modes = { readonly [id: number]: string | null };

function statusWith(modes: Modes, observers: number[] = []): EnsembleStatus {
  const ids = Object.keys(modes).map(Number);
  const members = new QuorumConfig(
    ids.map((id) => {
      const type = observers.includes(id) ? "observer" : "participant";
      return parseMember(String(id), `zk${id}:2888:3888:${type};2181`);
    }),
    7n,
  );
  const servers = ids.map((id): ServerStatus => {
    const mode = modes[id];
    return {
      address: { host: `zk${id}`, port: 2181 },
      id: mode === null ? null : id,
      mode,
      members: mode === null ? null : members,
      zxid: mode === null ? null : 0x100000000n,
      latencyMinMs: null,
      latencyAvgMs: null,
      latencyMaxMs: null,
      outstandingCount: null,
      connectionCount: null,
      sessionCount: null,
      znodeCount: null,
      fsyncAvgMs: null,
      fsyncMaxMs: null,
      uptimeMs: null,
      version: null,
      error: mode === null ? "connection refused" : null,
    };
  });
  return ensembleStatus(servers);
}

const F = "follower";
const L = "leader";
const joiner = (id: number) =>
  parseMember(String(id), `zk${id}:2888:3888;2181`);

function refused(run: () => unknown, message: RegExp): void {
  throws(
    run,
    (error) => error instanceof PlanRefusal && message.test(error.message),
  );
}

Deno.test("spareCount() is what a quorum can do without", () => {
  deepEqual([1, 2, 3, 4, 5].map(spareCount), [0, 0, 1, 1, 2]);
});

Deno.test("restartOrder() has observers first and the leader last", () => {
  const status = statusWith({ 1: L, 2: F, 3: F, 4: "observer" }, [4]);
  deepEqual(restartOrder(status).map(({ id }) => id), [4, 2, 3, 1]);
});

Deno.test("restartOrder() refuses to lose the quorum on the way", () => {
  refused(
    () => restartOrder(statusWith({ 1: L, 2: F, 3: null })),
    /^2 of 3 voters serve/,
  );
  refused(
    () => restartOrder(statusWith({ 1: null, 2: null, 3: null })),
    /no quorum/,
  );
  const five = statusWith({ 1: L, 2: F, 3: F, 4: F, 5: null });
  deepEqual(restartOrder(five).map(({ id }) => id), [2, 3, 4, 1]);
});

Deno.test("planGrowth() adds one server at a time, each started with all before it", () => {
  const status = statusWith({ 1: F, 2: F, 3: L });
  const { steps, after } = planGrowth(status, [joiner(4), joiner(5)], false);
  deepEqual(steps.map(({ action, server }) => [action, server]), [
    ["start", 4],
    ["reconfigure", 4],
    ["start", 5],
    ["reconfigure", 5],
  ]);
  equal(
    steps[0].what,
    "on zk4: kq coordinator start --id 4 --data DIR " +
      [1, 2, 3, 4].map((id) =>
        `--server '${id}=zk${id}:2888:3888:participant;0.0.0.0:2181'`
      ).join(" "),
  );
  equal(after.voterCount, 5);
});

Deno.test("planGrowth() without reconfiguration restarts all for each server", () => {
  const status = statusWith({ 1: F, 2: F, 3: L });
  const { steps } = planGrowth(status, [joiner(4)], true);
  deepEqual(steps.map(({ action, server }) => [action, server]), [
    ["start", 4],
    ["configure", null],
    ["restart", 1],
    ["restart", 2],
    ["restart", 3],
  ]);
});

Deno.test("planGrowth() refuses who is a member, and whose address is taken", () => {
  const status = statusWith({ 1: F, 2: F, 3: L });
  refused(() => planGrowth(status, [joiner(2)], false), /member already/);
  const same = parseMember("9", "zk1:2888:4000");
  refused(
    () => planGrowth(status, [same], false),
    /server\.9: zk1:2888 is server\.1's/,
  );
  refused(() => planGrowth(status, [joiner(4), joiner(4)], false), /twice/);
});

Deno.test("planShrinking() removes the leader last, and never below a quorum", () => {
  const status = statusWith({ 1: L, 2: F, 3: F, 4: F, 5: F });
  const { steps, after } = planShrinking(status, [1, 5], false);
  deepEqual(steps.map(({ action, server }) => [action, server]), [
    ["reconfigure", 5],
    ["stop", 5],
    ["reconfigure", 1],
    ["stop", 1],
  ]);
  deepEqual([...after.members.keys()], [2, 3, 4]);
  refused(() => planShrinking(status, [9], false), /server\.9 is none of 1, 2/);
  const weak = statusWith({ 1: L, 2: F, 3: F, 4: null, 5: null });
  refused(
    () => planShrinking(weak, [1, 2], false),
    /of the 4 voters that would be left, only 2 serve/,
  );
  refused(
    () => planShrinking(statusWith({ 1: L, 2: F }), [1, 2], false),
    /nobody would be left to vote/,
  );
});

Deno.test("ensembleStatus() sees a quorum by whoever serves, and knows whom it did not ask", () => {
  const status = statusWith({ 1: F, 2: null, 3: null });
  deepEqual(
    [status.hasQuorum, status.leader, status.voterCount],
    [true, null, 3],
    "a follower serves under a leader only",
  );
  deepEqual(
    otherMembers(status.servers.filter(({ id }) => id === 1)).map((address) =>
      `${address.host}:${address.port}`
    ),
    ["zk2:2181", "zk3:2181"],
  );
});
