import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  batchOf,
  beginTerm,
  produceOne,
  TestBroker,
  type TestClient,
} from "../../testing/broker_fixture.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  listOffsetsRequest,
  listOffsetsResponse,
} from "../../wire/kafka/messages/list_offsets.ts";
import {
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from "../../wire/kafka/messages/offset_for_leader_epoch.ts";

const LIST_OFFSETS = [listOffsetsRequest, listOffsetsResponse] as const;
const OFFSET_FOR_LEADER_EPOCH = [
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
] as const;

const T0 = 1_700_000_000_000;

/** A topic `t` with offsets 0 to 5; the record at offset n is of T0 + 1000 n, but the last two are swapped. */
async function withRecords(
  test: (client: TestClient, broker: TestBroker) => Promise<void>,
): Promise<void> {
  const sim = simHost(31);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host);
    await broker.createTopic("t");
    const client = await broker.connect();
    for (const n of [0, 1, 2, 3, 5, 4]) {
      const batch = batchOf([`${n}`], { timestampMs: T0 + 1000 * n });
      await produceOne(client, "t", batch);
    }
    await test(client, broker);
    await broker.stop();
  });
}

async function listOne(
  client: TestClient,
  version: number,
  timestamp: number,
  wanted: { partition?: number; epoch?: number; isolation?: number } = {},
) {
  const { partition = 0, epoch, isolation } = wanted;
  const { topics } = await client.call(LIST_OFFSETS, version, {
    replicaId: -1,
    ...(isolation === undefined ? {} : { isolationLevel: isolation }),
    topics: [{
      name: "t",
      partitions: [{
        partitionIndex: partition,
        timestamp,
        ...(epoch === undefined ? {} : { currentLeaderEpoch: epoch }),
        ...(version === 0 ? { maxNumOffsets: 10 } : {}),
      }],
    }],
  });
  return topics[0].partitions[0];
}

Deno.test("ListOffsets finds ends and times, from version 1 on", async () => {
  await withRecords(async (client) => {
    const cases: [
      timestamp: number,
      offset: number,
      found: number,
      since: number,
    ][] = [
      [-1, 6, -1, 1],
      [-2, 0, -1, 1],
      [-3, 4, T0 + 5000, 7],
      [-4, 0, -1, 8],
      [-5, -1, -1, 9],
      [0, 0, T0, 1],
      [T0, 0, T0, 1],
      [T0 + 1, 1, T0 + 1000, 1],
      [T0 + 4000, 4, T0 + 5000, 1],
      [T0 + 5000, 4, T0 + 5000, 1],
      [T0 + 5001, -1, -1, 1],
    ];
    for (const [timestamp, offset, found, since] of cases) {
      for (let version = 1; version <= 9; version++) {
        const what = `timestamp ${timestamp}, version ${version}`;
        const answer = await listOne(client, version, timestamp);
        if (version < since) {
          strictEqual(answer.errorCode, ErrorCode.UNSUPPORTED_VERSION, what);
          continue;
        }
        strictEqual(answer.errorCode, ErrorCode.NONE, what);
        strictEqual(answer.offset, offset, what);
        strictEqual(answer.timestamp, found, what);
      }
    }
    const unknown = await listOne(client, 9, -6);
    strictEqual(unknown.errorCode, ErrorCode.UNSUPPORTED_VERSION);
  });
});

Deno.test("ListOffsets version 0 lists where segments begin, newest first", async () => {
  const sim = simHost(32);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      "log.segment.bytes": 1000,
    });
    await broker.createTopic("t");
    const client = await broker.connect();
    for (let n = 0; n < 5; n++) {
      await produceOne(client, "t", batchOf(["x".repeat(600)]));
    }
    const latest = await listOne(client, 0, -1);
    deepStrictEqual(latest.oldStyleOffsets, [5, 4, 3, 2, 1, 0]);
    const earliest = await listOne(client, 0, -2);
    deepStrictEqual(earliest.oldStyleOffsets, [0]);
    const before = await listOne(client, 0, 1);
    deepStrictEqual(before.oldStyleOffsets, []);
    const future = await listOne(client, 0, 9e15);
    deepStrictEqual(future.oldStyleOffsets, [5, 4, 3, 2, 1, 0]);
    await broker.stop();
  });
});

Deno.test("ListOffsets and OffsetForLeaderEpoch say what is wrong with each partition", async () => {
  await withRecords(async (client, broker) => {
    const { leaderEpoch } = broker.broker.partitions.get("t", 0).leadership;
    const cases: [partition: number, epoch: number, code: number][] = [
      [0, leaderEpoch, ErrorCode.NONE],
      [0, -1, ErrorCode.NONE],
      [0, leaderEpoch + 1, ErrorCode.UNKNOWN_LEADER_EPOCH],
      [1, -1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ];
    for (const [partition, epoch, code] of cases) {
      const listed = await listOne(client, 6, -1, { partition, epoch });
      strictEqual(listed.errorCode, code);
      const { topics } = await client.call(OFFSET_FOR_LEADER_EPOCH, 4, {
        topics: [{
          topic: "t",
          partitions: [{
            partition,
            currentLeaderEpoch: epoch,
            leaderEpoch: 0,
          }],
        }],
      });
      strictEqual(topics[0].partitions[0].errorCode, code);
    }
  });
});

Deno.test("ListOffsets refuses a partition that is named twice", async () => {
  await withRecords(async (client) => {
    const wanted = { partitionIndex: 0, timestamp: -1 };
    const { topics } = await client.call(LIST_OFFSETS, 3, {
      replicaId: -1,
      topics: [{ name: "t", partitions: [wanted, wanted] }],
    });
    deepStrictEqual(
      topics[0].partitions.map(({ errorCode }) => errorCode),
      [ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST],
    );
    const old = await client.call(LIST_OFFSETS, 0, {
      replicaId: -1,
      topics: [{ name: "t", partitions: [wanted, wanted] }],
    });
    deepStrictEqual(
      old.topics[0].partitions.map(({ errorCode }) => errorCode),
      [ErrorCode.NONE, ErrorCode.NONE],
    );
  });
});

Deno.test("ListOffsets takes the first record as the latest where none has a time", async () => {
  await withRecords(async (client, broker) => {
    await broker.createTopic("untimed");
    for (const value of ["a", "b"]) {
      const batch = batchOf([value], { timestampMs: -1 });
      await produceOne(client, "untimed", batch);
    }
    const { topics } = await client.call(LIST_OFFSETS, 7, {
      replicaId: -1,
      topics: [{
        name: "untimed",
        partitions: [{ partitionIndex: 0, timestamp: -3 }],
      }],
    });
    const [{ offset, timestamp }] = topics[0].partitions;
    deepStrictEqual([offset, timestamp], [0, -1]);
  });
});

Deno.test("a leader epoch below -1 is an old one", async () => {
  await withRecords(async (client) => {
    const { errorCode } = await listOne(client, 9, -1, { epoch: -2 });
    strictEqual(errorCode, ErrorCode.FENCED_LEADER_EPOCH);
  });
});

Deno.test("OffsetForLeaderEpoch gives the end of each term, in every version", async () => {
  await withRecords(async (client, broker) => {
    const first = broker.broker.partitions.get("t", 0).leadership.leaderEpoch;
    for (let term = 0; term < 2; term++) {
      beginTerm(broker, "t");
      await produceOne(client, "t", batchOf(["a", "b"]));
    }
    const asked = [first, first + 1, first + 2, 99];
    for (let version = 0; version <= 4; version++) {
      const { topics } = await client.call(OFFSET_FOR_LEADER_EPOCH, version, {
        topics: [{
          topic: "t",
          partitions: asked.map((leaderEpoch) => ({
            partition: 0,
            leaderEpoch,
          })),
        }],
      });
      deepStrictEqual(
        topics[0].partitions.map(({ endOffset }) => endOffset),
        [6, 8, 10, -1],
      );
      if (version === 0) continue;
      deepStrictEqual(
        topics[0].partitions.map(({ leaderEpoch }) => leaderEpoch),
        [first, first + 1, first + 2, -1],
      );
    }
  });
});
