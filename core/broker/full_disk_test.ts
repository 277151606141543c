// A disk that fills up: producers are refused in time, groups go on committing,
// and all of it passes when there is room again.

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { MIB } from "../base/units.ts";
import { sleep } from "../host/host.ts";
import { batchOf, produceOne, TestBroker } from "../testing/broker_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { ErrorCode } from "../wire/kafka/errors.ts";
import {
  offsetCommitRequest,
  offsetCommitResponse,
} from "../wire/kafka/messages/offset_commit.ts";

Deno.test("A nearly full disk refuses producers and nobody else, until there is room again", async () => {
  const sim = simHost(411);
  await sim.run(async () => {
    const broker = await TestBroker.start(sim.host, {
      "log.dirs.min.free.bytes": 4 * MIB,
      "offsets.topic.num.partitions": 1,
      "log.segment.bytes": MIB,
    });
    await broker.createTopic("__consumer_offsets");
    await broker.createTopic("t");
    const client = await broker.connect();
    const commit = async () => {
      const { topics } = await client.call(
        [offsetCommitRequest, offsetCommitResponse],
        7,
        {
          groupId: "g",
          generationIdOrMemberEpoch: -1,
          memberId: "",
          topics: [{
            name: "t",
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
    sim.disk.capacityBytes = sim.disk.usedBytes + 8 * MIB;
    await sleep(sim.host.clock, 1500);
    const records = batchOf(["x".repeat(100_000)]);
    let acknowledgedCount = 0;
    let refused = await produceOne(client, "t", records);
    for (; refused.errorCode === ErrorCode.NONE; acknowledgedCount++) {
      refused = await produceOne(client, "t", records);
    }
    ok(acknowledgedCount >= 35 && acknowledgedCount <= 52);
    strictEqual(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
    match(refused.errorMessage!, /nearly full/);
    strictEqual(await commit(), ErrorCode.NONE, "groups commit all the same");
    strictEqual((await broker.createTopic("u")).length, 22);
    const { log } = broker.broker.partitions.get("t", 0);
    strictEqual(log!.logEndOffset, acknowledgedCount);
    strictEqual(log!.deleteRecordsBefore(acknowledgedCount), acknowledgedCount);
    log!.roll();
    log!.deleteRecordsBefore(acknowledgedCount);
    await sleep(sim.host.clock, 70_000);
    const taken = await produceOne(client, "t", records);
    strictEqual(taken.errorCode, ErrorCode.NONE);
    deepStrictEqual(
      broker.lines.filter((line) => line.startsWith("Log directory")).map((
        line,
      ) => line.includes("nearly full")),
      [true, false],
    );
    strictEqual(await broker.stop(), true);
  });
});
