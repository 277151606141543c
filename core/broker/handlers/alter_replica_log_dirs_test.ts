// Moving partitions between directories as clients ask for it and see it.

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  batchOf,
  produceOne,
  TestBroker,
  type TestClient,
  until,
} from "../../testing/broker_fixture.ts";
import { simHost } from "../../testing/sim_host.ts";
import { ErrorCode } from "../../wire/kafka/errors.ts";
import {
  alterReplicaLogDirsRequest,
  alterReplicaLogDirsResponse,
} from "../../wire/kafka/messages/alter_replica_log_dirs.ts";
import {
  describeLogDirsRequest,
  describeLogDirsResponse,
} from "../../wire/kafka/messages/describe_log_dirs.ts";

const { NONE } = ErrorCode;
const TWO_DIRECTORIES = { "log.dirs": "/data/one,/data/two" };

async function move(
  client: TestClient,
  topic: string,
  partition: number,
  path: string,
): Promise<number> {
  const { results } = await client.call(
    [alterReplicaLogDirsRequest, alterReplicaLogDirsResponse],
    2,
    { dirs: [{ path, topics: [{ name: topic, partitions: [partition] }] }] },
  );
  return results[0].partitions[0].errorCode;
}

/** `directory partition lag`, with `future` where it is on its way. */
async function places(client: TestClient): Promise<string[]> {
  const { results } = await client.call(
    [describeLogDirsRequest, describeLogDirsResponse],
    4,
    { topics: null },
  );
  return results.flatMap(({ logDir, topics }) =>
    topics.flatMap(({ partitions }) =>
      partitions.map(({ partitionIndex, offsetLag, isFutureKey }) =>
        `${logDir} ${partitionIndex} ${offsetLag}${
          isFutureKey ? " future" : ""
        }`
      )
    )
  );
}

Deno.test("AlterReplicaLogDirs moves a partition under its producers, and DescribeLogDirs shows how far", async () => {
  const sim = simHost(421);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      ...TWO_DIRECTORIES,
      "log.flush.interval.messages": 1,
      "replica.alter.log.dirs.io.max.bytes.per.second": 100_000,
    });
    await broker.createTopic("t", { partitionCount: 2 });
    const client = await broker.connect();
    const records = batchOf(["x".repeat(50_000)]);
    for (let i = 0; i < 50; i++) await produceOne(client, "t", records);
    deepStrictEqual(await places(client), [
      "/data/one 0 0",
      "/data/two 1 0",
    ]);
    strictEqual(await move(client, "t", 0, "/data/two"), NONE);
    const seen = await places(client);
    ok(seen.some((each) => /^\/data\/two 0 [1-9]\d* future$/.test(each)));
    let count = 50;
    const isDone = () =>
      broker.broker.logDirs.log("t", 0)!.directoryPath === "/data/two";
    await until(sim.host, async () => {
      if (count < 70) {
        const { errorCode, baseOffset } = await produceOne(
          client,
          "t",
          batchOf(["y"]),
        );
        strictEqual(errorCode, NONE);
        strictEqual(baseOffset, count++);
      }
      return isDone();
    });
    const { errorCode, baseOffset } = await produceOne(client, "t", records);
    deepStrictEqual({ errorCode, baseOffset }, {
      errorCode: NONE,
      baseOffset: count,
    });
    await until(
      sim.host,
      async () =>
        (await places(client)).join() === "/data/two 0 0,/data/two 1 0",
    );
    strictEqual(await broker.stop(), true);
  });
  sim.restart();
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, TWO_DIRECTORIES);
    const log = broker.broker.logDirs.log("t", 0)!;
    strictEqual(log.directoryPath, "/data/two");
    ok(log.logEndOffset >= 51);
    await broker.stop();
  });
});

Deno.test("AlterReplicaLogDirs remembers where new partitions are to be, and refuses what cannot be", async () => {
  const sim = simHost(422);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, TWO_DIRECTORIES);
    const client = await broker.connect();
    strictEqual(
      await move(client, "later", 0, "/data/two"),
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    );
    await broker.createTopic("later");
    const { logDirs } = broker.broker;
    strictEqual(logDirs.log("later", 0)!.directoryPath, "/data/two");
    strictEqual(
      await move(client, "later", 0, "/data/three"),
      ErrorCode.LOG_DIR_NOT_FOUND,
    );
    sim.disk.failNthCall(1, "io", ({ action }) => action === "sync");
    await produceOne(client, "later", batchOf(["a"]));
    await logDirs.log("later", 0)!.flush().catch(() => {});
    strictEqual(logDirs.log("later", 0), undefined);
    for (const path of ["/data/one", "/data/two"]) {
      strictEqual(
        await move(client, "later", 0, path),
        ErrorCode.KAFKA_STORAGE_ERROR,
      );
    }
    await broker.stop();
  });
});

Deno.test("A group's partition that moves goes on with its offsets", async () => {
  const sim = simHost(423);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, TWO_DIRECTORIES);
    await broker.createTopic("__consumer_offsets");
    const client = await broker.connect();
    const { groups, logDirs } = broker.broker;
    await until(sim.host, () => groups.findShard(0) !== undefined);
    const from = logDirs.log("__consumer_offsets", 0)!.directoryPath;
    const to = from === "/data/one" ? "/data/two" : "/data/one";
    strictEqual(await move(client, "__consumer_offsets", 0, to), NONE);
    await until(
      sim.host,
      () => logDirs.log("__consumer_offsets", 0)!.directoryPath === to,
    );
    await until(sim.host, () => groups.findShard(0) !== undefined);
    strictEqual(await broker.stop(), true);
  });
});
