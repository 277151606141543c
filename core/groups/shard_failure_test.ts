// What a shard does when its log fails it: what may not be durable is forgotten
// and read again, who asks meanwhile is told to come again, and nothing that was
// acknowledged is lost.

import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { type Host, sleep } from "../host/host.ts";
import { TestBroker, type TestClient } from "../testing/broker_fixture.ts";
import {
  openTestCoordinator,
  type TestCoordinator,
  testJoin,
  testSync,
} from "../testing/group_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { ErrorCode, KafkaError } from "../wire/kafka/errors.ts";
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from "../wire/kafka/messages/find_coordinator.ts";
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from "../wire/kafka/messages/offset_commit.ts";
import {
  offsetFetchRequest,
  offsetFetchResponse,
} from "../wire/kafka/messages/offset_fetch.ts";
import { heartbeatGroup } from "./classic/classic_protocol.ts";
import { commitOffsets, fetchOffsets } from "./commit_offsets.ts";

const STRANGER = { memberId: "", generation: -1 };

async function commit(
  { coordinator }: TestCoordinator,
  offset: number,
  { memberId, generation } = STRANGER,
): Promise<void> {
  const at = { partition: 0, leaderEpoch: -1, metadata: "" };
  const codes = await coordinator.shardOf("g").run((state, now) =>
    commitOffsets(state, {
      groupId: "g",
      by: {
        memberId,
        groupInstanceId: null,
        generationIdOrMemberEpoch: generation,
        apiVersion: 8,
      },
      topics: [{
        name: "t",
        partitions: [{ ...at, offset, commitTimestampMs: -1 }],
      }],
      retentionMs: -1,
      metadataMax: 4096,
    }, now)
  );
  deepStrictEqual(codes, [[0]]);
}

async function committed({ coordinator }: TestCoordinator) {
  const found = await coordinator.shardOf("g").run((state) => ({
    records: [],
    response: fetchOffsets(state, {
      groupId: "g",
      by: { memberId: null, memberEpoch: -1 },
      topics: [{ name: "t", partitionIndexes: [0] }],
      requireStable: false,
    }),
  }));
  return found.get("t")![0].committed?.offset ?? null;
}

const named = (name: string) => (error: unknown) =>
  error instanceof KafkaError && error.errorName === name;

Deno.test("a shard whose append does not become durable is loaded anew from its log", async () => {
  const sim = simHost(740);
  let isFailing = false;
  await sim.run(async () => {
    const test = await openTestCoordinator(sim.host, {
      durable: () =>
        isFailing
          ? sleep(sim.host.clock, 50).then(() => {
            throw new KafkaError("REQUEST_TIMED_OUT");
          })
          : null,
    });
    const joined = await testJoin(test);
    await testSync(test, joined, { [joined.memberId]: "mine" });
    // Another waits for the rest to join again.
    const waiting = testJoin(test, { groupId: "g" });
    const by = { memberId: joined.memberId, generation: 1 };
    await commit(test, 1, by);
    isFailing = true;
    await rejects(
      async () => await commit(test, 2, by),
      named("COORDINATOR_NOT_AVAILABLE"),
    );
    isFailing = false;
    strictEqual((await waiting).errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    await rejects(
      async () => await committed(test),
      named("COORDINATOR_NOT_AVAILABLE"),
      "until it is loaded",
    );
    await sleep(sim.host.clock, 200);
    // It is in the log of the leader, and so it counts, as in Kafka.
    strictEqual(await committed(test), 2);
    const group = test.coordinator.shardOf("g").state.groups.get("g");
    strictEqual(group?.stateName, "Stable");
    strictEqual(
      heartbeatGroup(test.coordinator, {
        groupId: "g",
        memberId: joined.memberId,
        generationId: 1,
        groupInstanceId: null,
      }),
      ErrorCode.NONE,
      "its members go on",
    );
    ok(test.lines.some((line) => line.includes("are loaded anew")));
    test.coordinator.close();
    await test.logDirs.close({ brokerEpoch: 1 });
  });
});

Deno.test("a shard that cannot be loaded is tried again, later each time", async () => {
  const sim = simHost(741);
  await sim.run(async () => {
    const first = await openTestCoordinator(sim.host);
    await commit(first, 7);
    first.coordinator.close();
    await first.logDirs.close({ brokerEpoch: 1 });
    const test = await openTestCoordinator(sim.host);
    const { read } = test.log;
    let readCount = 0;
    const failing = {
      partition: 0,
      name: "__consumer_offsets-0",
      leaderEpoch: 0,
      log: Object.create(test.log, {
        logStartOffset: { get: () => test.log.logStartOffset },
        logEndOffset: { get: () => test.log.logEndOffset },
        read: {
          value: (...args: Parameters<typeof read>) => {
            if (readCount++ < 3) throw new KafkaError("KAFKA_STORAGE_ERROR");
            return test.log.read(...args);
          },
        },
      }),
      append: () => null,
      committed: () => null,
    };
    await test.coordinator.lead(failing);
    await rejects(
      async () => await committed(test),
      named("COORDINATOR_NOT_AVAILABLE"),
    );
    // 100, 200 and 400 ms.
    await sleep(sim.host.clock, 650);
    strictEqual(readCount, 3);
    await sleep(sim.host.clock, 100);
    strictEqual(await committed(test), 7);
    test.coordinator.close();
    await test.logDirs.close({ brokerEpoch: 1 });
  });
});

Deno.test("what is loaded counts once all replicas have it", async () => {
  const sim = simHost(742);
  await sim.run(async () => {
    const test = await openTestCoordinator(sim.host);
    await commit(test, 7);
    let lateCount = 0;
    const loading = test.coordinator.lead({
      partition: 0,
      name: "__consumer_offsets-0",
      leaderEpoch: 0,
      log: test.log,
      append: () => null,
      committed: () =>
        sleep(sim.host.clock, 1000).then(() => {
          if (lateCount++ < 3) throw new KafkaError("REQUEST_TIMED_OUT");
        }),
    });
    for (let i = 0; i < 3; i++) {
      await sleep(sim.host.clock, 1000);
      await rejects(
        async () => await committed(test),
        named("COORDINATOR_LOAD_IN_PROGRESS"),
      );
    }
    await loading;
    strictEqual(lateCount, 4);
    strictEqual(await committed(test), 7);
    test.coordinator.close();
    await test.logDirs.close({ brokerEpoch: 1 });
  });
});

const FIND = [findCoordinatorRequest, findCoordinatorResponse] as const;
const COMMIT = [offsetCommitRequest, offsetCommitResponse] as const;
const FETCH = [offsetFetchRequest, offsetFetchResponse] as const;
const CONFIG = {
  "offsets.topic.num.partitions": 1,
  "log.flush.interval.messages": 1,
};

/** A commit of a stranger through the wire; gives its error code. */
async function sendCommit(client: TestClient, offset: number) {
  const { topics } = await client.call(COMMIT, 7, {
    groupId: "g",
    memberId: "",
    generationIdOrMemberEpoch: -1,
    topics: [{
      name: "t",
      partitions: [{
        partitionIndex: 0,
        committedOffset: offset,
        committedMetadata: "x".repeat(1000),
      }],
    }],
  });
  return topics[0].partitions[0].errorCode;
}

/** @returns The offset, or the error's code as a negative number below -1. */
async function sendFetch(client: TestClient): Promise<number> {
  const { errorCode, topics } = await client.call(FETCH, 7, {
    groupId: "g",
    topics: [{ name: "t", partitionIndexes: [0] }],
  });
  if (errorCode !== 0) return -1 - errorCode;
  return topics[0].partitions[0].committedOffset;
}

async function fetchWhenLoaded(host: Host, client: TestClient) {
  for (;;) {
    const offset = await sendFetch(client);
    if (offset !== -1 - ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return offset;
    await sleep(host.clock, 10);
  }
}

Deno.test("a full disk refuses commits, and keeps those that were taken", async () => {
  const sim = simHost(743);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, CONFIG);
    await broker.createTopic("t");
    const client = await broker.connect();
    await client.call(FIND, 2, { key: "g" });
    strictEqual(await sendCommit(client, 1), 0);
    sim.disk.capacityBytes = sim.disk.usedBytes + 3000;
    let offset = 1;
    let code = 0;
    while (code === 0 && offset < 20) code = await sendCommit(client, ++offset);
    strictEqual(code, ErrorCode.NOT_COORDINATOR);
    strictEqual(await sendFetch(client), offset - 1, "it answers on");
    sim.disk.capacityBytes = Infinity;
    strictEqual(await sendCommit(client, 100), 0, "and takes commits again");
    strictEqual(await sendFetch(client), 100);
  });
  sim.crash("power");
  sim.restart();
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, CONFIG);
    const client = await broker.connect();
    strictEqual(await fetchWhenLoaded(sim.host, client), 100);
    await broker.stop();
  });
});

for (const callNumber of [1, 2, 3, 4, 5]) {
  Deno.test(`groups of a log directory whose disk fails in call ${callNumber} lose nothing acknowledged`, async () => {
    const sim = simHost(744 + callNumber);
    const config = { ...CONFIG, "log.dirs": "/data/a,/data/b" };
    let acknowledged = 0;
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, config);
      await broker.createTopic("t");
      const client = await broker.connect();
      await client.call(FIND, 2, { key: "g" });
      for (; acknowledged < 3; acknowledged++) {
        strictEqual(await sendCommit(client, acknowledged + 1), 0);
      }
      sim.disk.failNthCall(
        callNumber,
        "io",
        ({ action, path }) =>
          path.includes("__consumer_offsets-0") &&
          (action === "write" || action === "sync"),
      );
      let offset = acknowledged;
      let code = 0;
      for (let i = 0; code === 0 && i < 20; i++) {
        code = await sendCommit(client, ++offset);
        if (code === 0) acknowledged = offset;
      }
      strictEqual(code, ErrorCode.NOT_COORDINATOR);
      const { errorCode } = await client.call(FIND, 2, { key: "g" });
      ok(
        [0, ErrorCode.COORDINATOR_NOT_AVAILABLE].includes(errorCode),
        `${errorCode}`,
      );
      // Not an answer from what may not be on the disk, and none that is empty.
      const answer = await sendFetch(client);
      ok(
        answer === -1 - ErrorCode.NOT_COORDINATOR || answer === acknowledged,
        `${answer}`,
      );
    });
    sim.crash("power");
    sim.restart();
    await sim.run(async () => {
      const broker = await TestBroker.start(sim.host, config);
      const client = await broker.connect();
      const found = await fetchWhenLoaded(sim.host, client);
      ok(found >= acknowledged, `${found}, where ${acknowledged} was told`);
      await broker.stop();
    });
  });
}
