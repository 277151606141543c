// Groups of the classic protocol step by step: who joins, who leads, who is sent
// away with which code, and when.

import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { decodeUtf8 } from "../../base/bytes.ts";
import { sleep } from "../../host/host.ts";
import {
  openTestCoordinator,
  type TestCoordinator,
  type TestCoordinatorOptions,
  testJoin,
  testSync,
} from "../../testing/group_fixture.ts";
import { type SimHost, simHost } from "../../testing/sim_host.ts";
import { ErrorCode, KafkaError } from "../../wire/kafka/errors.ts";
import { ClassicGroup } from "./classic_group.ts";
import { heartbeatGroup, leaveGroup } from "./classic_protocol.ts";

async function withCoordinator(
  run: (test: TestCoordinator, sim: SimHost) => Promise<void>,
  options: TestCoordinatorOptions = {},
): Promise<void> {
  const sim = simHost(700);
  await sim.run(async () => {
    const test = await openTestCoordinator(sim.host, options);
    await run(test, sim);
    test.coordinator.close();
    await test.logDirs.close({ brokerEpoch: 1 });
  });
}

function groupOf({ shard }: TestCoordinator, groupId = "g"): ClassicGroup {
  const group = shard.state.groups.get(groupId);
  ok(group instanceof ClassicGroup, `no classic group ${groupId}`);
  return group;
}

const beat = (
  { coordinator }: TestCoordinator,
  memberId: string,
  generationId: number,
  groupInstanceId: string | null = null,
) =>
  heartbeatGroup(coordinator, {
    groupId: "g",
    memberId,
    generationId,
    groupInstanceId,
  });

Deno.test("a member alone leads, and gets what it assigns itself", async () => {
  await withCoordinator(async (test) => {
    const joined = await testJoin(test);
    strictEqual(joined.errorCode, ErrorCode.NONE);
    strictEqual(joined.generationId, 1);
    strictEqual(joined.leader, joined.memberId);
    ok(/^test-[0-9a-f]{8}-[0-9a-f-]{27}$/.test(joined.memberId));
    strictEqual(joined.members!.length, 1);
    strictEqual(beat(test, joined.memberId, 1), ErrorCode.NONE);
    const synced = await testSync(test, joined, { [joined.memberId]: "all" });
    strictEqual(decodeUtf8(synced.assignment), "all");
    strictEqual(groupOf(test).state, "Stable");
  });
});

Deno.test("a member without a part gets an empty assignment, not none", async () => {
  await withCoordinator(async (test) => {
    const first = testJoin(test, { groupInstanceId: "a" });
    await first;
    const second = testJoin(test, { groupInstanceId: "b" });
    const again = await testJoin(test, {
      groupInstanceId: "a",
      memberId: (await first).memberId,
    });
    const joined = await second;
    const waiting = testSync(test, joined);
    await testSync(test, again, { [again.memberId]: "x" });
    deepStrictEqual((await waiting).assignment.length, 0);
    strictEqual((await waiting).errorCode, ErrorCode.NONE);
  });
});

Deno.test("the protocol that most members prefer is elected among those all can do", async () => {
  const cases: [first: string[], second: string[], elected: string | null][] = [
    [["a", "b"], ["b", "a"], "a"],
    [["a", "b", "c"], ["c", "b"], "b"],
    [["a"], ["b"], null],
  ];
  for (const [first, second, elected] of cases) {
    await withCoordinator(async (test) => {
      const leader = await testJoin(test, { protocols: first });
      const joining = testJoin(test, { protocols: second });
      if (elected === null) {
        const { errorCode } = await joining;
        strictEqual(errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
        return;
      }
      const { memberId } = leader;
      const again = await testJoin(test, { memberId, protocols: first });
      strictEqual(again.protocolName, elected);
      strictEqual((await joining).protocolName, elected);
    });
  }
});

Deno.test("a new member is told its id from version 4 on, and never before", async () => {
  await withCoordinator(async (test) => {
    for (let apiVersion = 0; apiVersion <= 9; apiVersion++) {
      const groupId = `v${apiVersion}`;
      const first = await testJoin(test, { groupId, apiVersion });
      if (apiVersion < 4) {
        strictEqual(first.errorCode, ErrorCode.NONE, groupId);
        continue;
      }
      strictEqual(first.errorCode, ErrorCode.MEMBER_ID_REQUIRED, groupId);
      const { memberId } = first;
      const second = await testJoin(test, { groupId, memberId, apiVersion });
      strictEqual(second.errorCode, ErrorCode.NONE);
      strictEqual(second.memberId, memberId);
    }
  });
});

Deno.test("an id that nobody uses is forgotten after a session", async () => {
  await withCoordinator(async (test, { host }) => {
    const { memberId } = await testJoin(test, { apiVersion: 5 });
    strictEqual(groupOf(test).pendingMembers.size, 1);
    await sleep(host.clock, 10_100);
    strictEqual(groupOf(test).pendingMembers.size, 0);
    const late = await testJoin(test, { memberId, apiVersion: 5 });
    strictEqual(late.errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });
});

Deno.test("the first rebalance waits for more members, longer while they come", async () => {
  await withCoordinator(async (test, { host }) => {
    const startMs = host.clock.monotonicMs();
    const joining = [testJoin(test)];
    await sleep(host.clock, 2000);
    joining.push(testJoin(test));
    await sleep(host.clock, 2000);
    joining.push(testJoin(test));
    const joined = await Promise.all(joining);
    const tookMs = host.clock.monotonicMs() - startMs;
    ok(tookMs >= 9000 && tookMs < 9100, `${tookMs} ms: three delays`);
    deepStrictEqual(joined.map(({ generationId }) => generationId), [1, 1, 1]);
    strictEqual(joined[0].members!.length, 3);
  }, { config: { "group.initial.rebalance.delay.ms": 3000 } });
});

Deno.test("the first rebalance waits no longer than members would", async () => {
  await withCoordinator(async (test, { host }) => {
    const startMs = host.clock.monotonicMs();
    const joining = testJoin(test, { rebalanceTimeoutMs: 1000 });
    await joining;
    const tookMs = host.clock.monotonicMs() - startMs;
    ok(tookMs >= 1000 && tookMs < 1100, `${tookMs} ms`);
  }, { config: { "group.initial.rebalance.delay.ms": 3000 } });
});

Deno.test("a silent member is gone after its session, one that says so lives", async () => {
  await withCoordinator(async (test, { host }) => {
    const joined = await testJoin(test);
    const { memberId } = joined;
    await testSync(test, joined, { [memberId]: "x" });
    for (let i = 0; i < 5; i++) {
      await sleep(host.clock, 8000);
      strictEqual(beat(test, memberId, 1), ErrorCode.NONE);
    }
    await sleep(host.clock, 10_100);
    strictEqual(beat(test, memberId, 1), ErrorCode.UNKNOWN_MEMBER_ID);
    strictEqual(groupOf(test).state, "Empty");
    strictEqual(groupOf(test).generation, 2);
  });
});

Deno.test("who does not join again in time is gone", async () => {
  await withCoordinator(async (test, { host }) => {
    const first = await testJoin(test, { rebalanceTimeoutMs: 2000 });
    await testSync(test, first, {});
    const startMs = host.clock.monotonicMs();
    const second = await testJoin(test, { rebalanceTimeoutMs: 2000 });
    const tookMs = host.clock.monotonicMs() - startMs;
    ok(tookMs >= 2000 && tookMs < 2100, `${tookMs} ms`);
    strictEqual(second.leader, second.memberId, "it leads now");
    deepStrictEqual([...groupOf(test).members.keys()], [second.memberId]);
  });
});

Deno.test("who does not ask for its assignment in time is gone", async () => {
  await withCoordinator(async (test, { host }) => {
    const { memberId } = await testJoin(test, { rebalanceTimeoutMs: 2000 });
    await sleep(host.clock, 2100);
    strictEqual(beat(test, memberId, 1), ErrorCode.UNKNOWN_MEMBER_ID);
    strictEqual(groupOf(test).state, "Empty");
  });
});

Deno.test("a group takes no more members than it may have", async () => {
  await withCoordinator(async (test) => {
    const first = await testJoin(test);
    await testSync(test, first, {});
    const second = testJoin(test);
    const again = testJoin(test, { memberId: first.memberId });
    await Promise.all([second, again]);
    const third = await testJoin(test);
    strictEqual(third.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
    strictEqual(third.memberId, "");
  }, { config: { "group.max.size": 2 } });
});

Deno.test("a loaded group with more members than it may have is cut down", async () => {
  const sim = simHost(701);
  await sim.run(async () => {
    const before = await openTestCoordinator(sim.host, {
      config: { "group.initial.rebalance.delay.ms": 1000 },
    });
    const joined = await Promise.all(
      Array.from({ length: 4 }, () => testJoin(before)),
    );
    await testSync(before, joined[0], {});
    const ids = joined.map(({ memberId }) => memberId);
    before.coordinator.close();
    await before.logDirs.close({ brokerEpoch: 1 });

    const test = await openTestCoordinator(sim.host, {
      config: { "group.max.size": 2 },
    });
    strictEqual(groupOf(test).state, "PreparingRebalance");
    strictEqual(groupOf(test).members.size, 4);
    for (const memberId of ids) {
      const code = beat(test, memberId, 1);
      strictEqual(code, ErrorCode.REBALANCE_IN_PROGRESS, "it may commit first");
    }
    const answers = await Promise.all(
      ids.map((memberId) => testJoin(test, { memberId })),
    );
    deepStrictEqual(answers.map(({ errorCode }) => errorCode), [
      ErrorCode.NONE,
      ErrorCode.NONE,
      ErrorCode.GROUP_MAX_SIZE_REACHED,
      ErrorCode.GROUP_MAX_SIZE_REACHED,
    ]);
    deepStrictEqual(answers.map(({ generationId }) => generationId), [
      2,
      2,
      -1,
      -1,
    ]);
    deepStrictEqual([...groupOf(test).members.keys()], ids.slice(0, 2));
    test.coordinator.close();
    await test.logDirs.close({ brokerEpoch: 1 });
  });
});

Deno.test("a static member comes back without a rebalance, and fences itself", async () => {
  await withCoordinator(async (test) => {
    const groupInstanceId = "i";
    const before = await testJoin(test, { groupInstanceId });
    await testSync(test, before, { [before.memberId]: "mine" });
    const after = await testJoin(test, { groupInstanceId });
    strictEqual(after.generationId, 1);
    strictEqual(after.leader, before.memberId, "so that it does not assign");
    const { memberId } = before;
    strictEqual(beat(test, memberId, 1, "i"), ErrorCode.FENCED_INSTANCE_ID);
    strictEqual(beat(test, memberId, 1), ErrorCode.UNKNOWN_MEMBER_ID);
    strictEqual(beat(test, after.memberId, 1, "i"), ErrorCode.NONE);
    const synced = await testSync(test, after);
    strictEqual(decodeUtf8(synced.assignment), "mine");
    const skipping = await testJoin(test, { groupInstanceId, apiVersion: 9 });
    strictEqual(skipping.skipAssignment, true);
    strictEqual(skipping.leader, skipping.memberId);
  });
});

Deno.test("what cannot be stored is undone: the leader's assignment", async () => {
  let isFull = false;
  await withCoordinator(async (test) => {
    const joined = await testJoin(test);
    isFull = true;
    const refused = await testSync(test, joined, { [joined.memberId]: "x" });
    strictEqual(refused.errorCode, ErrorCode.NOT_COORDINATOR);
    strictEqual(groupOf(test).state, "PreparingRebalance");
    isFull = false;
    const again = await testJoin(test, { memberId: joined.memberId });
    strictEqual(again.generationId, 2);
    const synced = await testSync(test, again, { [joined.memberId]: "x" });
    strictEqual(decodeUtf8(synced.assignment), "x");
  }, {
    beforeAppend: () => {
      if (isFull) throw new KafkaError("KAFKA_STORAGE_ERROR");
    },
  });
});

Deno.test("what cannot be stored is undone: a static member's new id", async () => {
  let isFull = false;
  await withCoordinator(async (test) => {
    const groupInstanceId = "i";
    const before = await testJoin(test, { groupInstanceId });
    await testSync(test, before, {});
    isFull = true;
    const refused = await testJoin(test, { groupInstanceId });
    strictEqual(refused.errorCode, ErrorCode.NOT_COORDINATOR);
    strictEqual(beat(test, before.memberId, 1, "i"), ErrorCode.NONE);
    isFull = false;
    const after = await testJoin(test, { groupInstanceId });
    strictEqual(after.errorCode, ErrorCode.NONE);
  }, {
    beforeAppend: () => {
      if (isFull) throw new KafkaError("KAFKA_STORAGE_ERROR");
    },
  });
});

Deno.test("an answer waits until what it says is durable", async () => {
  let release = () => {};
  await withCoordinator(async (test, { host }) => {
    const joined = await testJoin(test);
    let isAnswered = false;
    const syncing = testSync(test, joined, { [joined.memberId]: "x" })
      .then((answer) => {
        isAnswered = true;
        return answer;
      });
    await sleep(host.clock, 100);
    strictEqual(isAnswered, false);
    release();
    strictEqual((await syncing).errorCode, ErrorCode.NONE);
  }, { durable: () => new Promise((done) => release = done) });
});

Deno.test("members leave alone, several at once, and by an administrator", async () => {
  await withCoordinator(async (test) => {
    const dynamic = await testJoin(test);
    await testSync(test, dynamic, {});
    const joining = testJoin(test, { groupInstanceId: "i" });
    await testJoin(test, { memberId: dynamic.memberId });
    await joining;
    const none = { groupInstanceId: null };
    const codes = leaveGroup(test.coordinator, "g", [
      { memberId: "nobody", ...none },
      { memberId: "", groupInstanceId: "other" },
      { memberId: "", groupInstanceId: "i" },
      { memberId: dynamic.memberId, ...none },
      { memberId: dynamic.memberId, ...none },
    ]);
    const unknown = ErrorCode.UNKNOWN_MEMBER_ID;
    deepStrictEqual(codes, [unknown, unknown, 0, 0, unknown]);
    strictEqual(groupOf(test).state, "Empty");
  });
});

Deno.test("requests that make no sense are refused", async () => {
  await withCoordinator(async (test) => {
    const refusals: [join: Parameters<typeof testJoin>[1], code: string][] = [
      [{ groupId: "" }, "INVALID_GROUP_ID"],
      [{ sessionTimeoutMs: 5999 }, "INVALID_SESSION_TIMEOUT"],
      [{ sessionTimeoutMs: 1_800_001 }, "INVALID_SESSION_TIMEOUT"],
    ];
    for (const [join, errorName] of refusals) {
      await rejects(testJoin(test, join), { errorName });
    }
    const answers: [join: Parameters<typeof testJoin>[1], code: number][] = [
      [{ memberId: "x" }, ErrorCode.UNKNOWN_MEMBER_ID],
      [{ protocols: [] }, ErrorCode.INCONSISTENT_GROUP_PROTOCOL],
      [{ protocolType: "" }, ErrorCode.INCONSISTENT_GROUP_PROTOCOL],
    ];
    for (const [join, code] of answers) {
      strictEqual((await testJoin(test, join)).errorCode, code);
    }
    const joined = await testJoin(test);
    strictEqual(beat(test, joined.memberId, 2), ErrorCode.ILLEGAL_GENERATION);
    const stale = { ...joined, generationId: 7 };
    strictEqual(
      (await testSync(test, stale)).errorCode,
      ErrorCode.ILLEGAL_GENERATION,
    );
    const other = await testJoin(test, { protocolType: "connect" });
    strictEqual(other.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  });
});

Deno.test("who waits when the partition goes elsewhere is sent there", async () => {
  await withCoordinator(async (test) => {
    const first = await testJoin(test);
    await testSync(test, first, {});
    const waiting = testJoin(test);
    test.coordinator.resign(0);
    strictEqual((await waiting).errorCode, ErrorCode.NOT_COORDINATOR);
    await rejects(testJoin(test), { errorName: "NOT_COORDINATOR" });
  });
});
