// What clients see of a log directory that fails while others go on, and of its
// repair.

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { Host } from "../host/host.ts";
import {
  batchOf,
  METADATA,
  produceOne,
  TestBroker,
  type TestClient,
  until,
} from "../testing/broker_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  describeLogDirsRequest,
  describeLogDirsResponse,
} from "../wire/kafka/messages/describe_log_dirs.ts";
import {
  deleteRecordsRequest,
  deleteRecordsResponse,
} from "../wire/kafka/messages/delete_records.ts";
import { fetchRequest, fetchResponse } from "../wire/kafka/messages/fetch.ts";
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from "../wire/kafka/messages/offset_commit.ts";
import {
  listOffsetsRequest,
  listOffsetsResponse,
} from "../wire/kafka/messages/list_offsets.ts";

const { KAFKA_STORAGE_ERROR, LEADER_NOT_AVAILABLE, NONE } = ErrorCode;
const PARTITIONS = [0, 1, 2, 3];
const TWO_DIRECTORIES = {
  "log.dirs": "/data/one,/data/two",
  "log.flush.interval.messages": 1,
};

async function fetchCode(client: TestClient, partition: number) {
  const { responses } = await client.call(
    [fetchRequest, fetchResponse],
    12,
    {
      maxWaitMs: 0,
      minBytes: 0,
      topics: [{
        topic: "t",
        partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1000 }],
      }],
    },
  );
  return responses[0].partitions[0].errorCode;
}

async function listOffsetsCode(client: TestClient, partition: number) {
  const { topics } = await client.call(
    [listOffsetsRequest, listOffsetsResponse],
    5,
    {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{
        name: "t",
        partitions: [{ partitionIndex: partition, timestamp: -1 }],
      }],
    },
  );
  return topics[0].partitions[0].errorCode;
}

async function deleteRecordsCode(client: TestClient, partition: number) {
  const { topics } = await client.call(
    [deleteRecordsRequest, deleteRecordsResponse],
    2,
    {
      timeoutMs: 1000,
      topics: [{
        name: "t",
        partitions: [{ partitionIndex: partition, offset: 0 }],
      }],
    },
  );
  return topics[0].partitions[0].errorCode;
}

async function produceCode(client: TestClient, partition: number) {
  return (await produceOne(client, "t", batchOf(["a"]), { partition }))
    .errorCode;
}

async function metadataOf(client: TestClient) {
  const { topics } = await client.call(METADATA, 8, {
    topics: [{ name: "t" }],
    allowAutoTopicCreation: false,
  });
  return topics[0].partitions.sort((a, b) =>
    a.partitionIndex - b.partitionIndex
  );
}

async function leadersAre(
  host: Host,
  broker: TestBroker,
  wanted: (index: number) => number,
) {
  await until(host, () => {
    const topic = broker.broker.cluster.image.topics.get("t")!;
    return topic.partitions.every(({ leader, index }) =>
      leader === wanted(index)
    );
  });
}

Deno.test("The partitions of a failed directory answer KAFKA_STORAGE_ERROR and have no leader; after its repair they are back", async () => {
  const sim = simHost(401);
  const isLost = (index: number) => index % 2 === 0;
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, TWO_DIRECTORIES);
    await broker.createTopic("t", { partitionCount: PARTITIONS.length });
    const client = await broker.connect();
    deepStrictEqual(
      PARTITIONS.map((index) =>
        broker.broker.logDirs.log("t", index)!.directoryPath
      ),
      ["/data/one", "/data/two", "/data/one", "/data/two"],
    );
    for (const index of PARTITIONS) {
      strictEqual(await produceCode(client, index), NONE);
    }
    sim.disk.failNthCall(
      1,
      "io",
      ({ action, path }) => action === "sync" && path.startsWith("/data/one/"),
    );
    const refused = await produceOne(client, "t", batchOf(["lost"]), {
      partition: 0,
    });
    strictEqual(refused.errorCode, KAFKA_STORAGE_ERROR);
    match(refused.errorMessage!, /\/data\/one\/t-0\/0+\.log/);
    await leadersAre(sim.host, broker, (index) => isLost(index) ? -1 : 1);
    for (const index of PARTITIONS) {
      const wanted = isLost(index) ? KAFKA_STORAGE_ERROR : NONE;
      for (
        const code of [
          produceCode,
          fetchCode,
          listOffsetsCode,
          deleteRecordsCode,
        ]
      ) strictEqual(await code(client, index), wanted, `${code.name} ${index}`);
    }
    deepStrictEqual(
      (await metadataOf(client)).map((
        { errorCode, leaderId, isrNodes, offlineReplicas },
      ) => ({ errorCode, leaderId, isrNodes, offlineReplicas })),
      PARTITIONS.map((index) =>
        isLost(index)
          ? {
            errorCode: LEADER_NOT_AVAILABLE,
            leaderId: -1,
            isrNodes: [1],
            offlineReplicas: [1],
          }
          : { errorCode: NONE, leaderId: 1, isrNodes: [1], offlineReplicas: [] }
      ),
    );
    const { results } = await client.call(
      [describeLogDirsRequest, describeLogDirsResponse],
      4,
      { topics: null },
    );
    deepStrictEqual(
      results.map(({ logDir, errorCode, topics }) => ({
        logDir,
        errorCode,
        partitions: topics.flatMap(({ partitions }) =>
          partitions.map(({ partitionIndex }) => partitionIndex)
        ),
      })),
      [
        { logDir: "/data/one", errorCode: KAFKA_STORAGE_ERROR, partitions: [] },
        { logDir: "/data/two", errorCode: NONE, partitions: [1, 3] },
      ],
    );
    // Another configuration, and another topic, make nothing of what is lost.
    await broker.broker.cluster.setTopicConfig(
      "t",
      new Map([["retention.ms", "5000"]]),
    );
    await broker.createTopic("u", { partitionCount: 2 });
    strictEqual(broker.broker.logDirs.log("t", 0), undefined);
    strictEqual(
      broker.broker.logDirs.log("u", 0)!.directoryPath,
      "/data/two",
    );
    strictEqual(await broker.stop(), false, "not marked as clean");
  });
  sim.restart();
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, TWO_DIRECTORIES);
    await leadersAre(sim.host, broker, () => 1);
    const client = await broker.connect();
    for (const index of PARTITIONS) {
      strictEqual(await produceCode(client, index), NONE);
      ok(broker.broker.logDirs.log("t", index)!.logEndOffset >= 2);
    }
    strictEqual(await broker.stop(), true);
  });
});

Deno.test("A directory that fails at a start has its partitions waited for, not made anew elsewhere", async () => {
  const sim = simHost(402);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, TWO_DIRECTORIES);
    await broker.createTopic("t", { partitionCount: PARTITIONS.length });
    const client = await broker.connect();
    for (const index of PARTITIONS) await produceCode(client, index);
    strictEqual(await broker.stop(), true);
  });
  sim.restart();
  sim.disk.failNthCall(
    1,
    "permission",
    ({ action, path }) => action === "lock" && path.startsWith("/data/two/"),
  );
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, TWO_DIRECTORIES);
    await leadersAre(sim.host, broker, (index) => index % 2 === 0 ? 1 : -1);
    const client = await broker.connect();
    for (const index of PARTITIONS) {
      strictEqual(
        await produceCode(client, index),
        index % 2 === 0 ? NONE : KAFKA_STORAGE_ERROR,
      );
    }
    // A new topic, and one made again, go where there is a directory.
    await broker.broker.cluster.deleteTopic({ name: "t" });
    await broker.createTopic("t", { partitionCount: PARTITIONS.length });
    for (const index of PARTITIONS) {
      strictEqual(await produceCode(client, index), NONE);
    }
    await broker.stop();
  });
  sim.restart();
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, TWO_DIRECTORIES);
    for (const index of PARTITIONS) {
      strictEqual(broker.broker.logDirs.log("t", index)!.logEndOffset, 1);
    }
    ok(broker.lines.some((line) => line.includes("is of a deleted topic")));
    await broker.stop();
  });
});

Deno.test("Groups whose partition lies in a failed directory are given up", async () => {
  const sim = simHost(403);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      ...TWO_DIRECTORIES,
      "offsets.topic.num.partitions": 2,
    });
    const { logDirs, groups } = broker.broker;
    await broker.createTopic("__consumer_offsets", { partitionCount: 2 });
    const client = await broker.connect();
    const commit = async (partition: number) => {
      const groupId = Array.from({ length: 100 }, (_, i) => `g${i}`)
        .find((id) => groups.partitionOf(id) === partition)!;
      const { topics } = await client.call(
        [offsetCommitRequest, offsetCommitResponse],
        7,
        {
          groupId,
          generationIdOrMemberEpoch: -1,
          memberId: "",
          topics: [{
            name: "__consumer_offsets",
            partitions: [{
              partitionIndex: 0,
              committedOffset: 1,
              committedMetadata: "",
            }],
          }],
        },
      );
      return topics[0].partitions[0].errorCode;
    };
    const [lost, kept] = [0, 1].toSorted((a) =>
      logDirs.log("__consumer_offsets", a)!.directoryPath === "/data/one"
        ? -1
        : 1
    );
    strictEqual(await commit(lost), NONE);
    strictEqual(await commit(kept), NONE);
    sim.disk.failNthCall(
      1,
      "io",
      ({ action, path }) => action === "sync" && path.startsWith("/data/one/"),
    );
    ok(await commit(lost) !== NONE, "what was not synced is not acknowledged");
    await until(sim.host, () => groups.findShard(lost) === undefined);
    ok(groups.findShard(kept) !== undefined);
    strictEqual(await commit(lost), ErrorCode.NOT_COORDINATOR);
    strictEqual(await commit(kept), NONE);
    await broker.stop();
  });
});
