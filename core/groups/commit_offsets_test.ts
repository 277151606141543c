// Commits and reads of offsets that wait for the same log: what an answer says is
// what held when the request was decided.

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { sleep } from "../host/host.ts";
import {
  openTestCoordinator,
  type TestCoordinator,
} from "../testing/group_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { commitOffsets, fetchOffsets } from "./commit_offsets.ts";

function commit({ shard }: TestCoordinator, offset: number, metadata = "") {
  return shard.run((state, now) =>
    commitOffsets(state, {
      groupId: "g",
      by: {
        memberId: "",
        groupInstanceId: null,
        generationIdOrMemberEpoch: -1,
        apiVersion: 8,
      },
      topics: [{
        name: "t",
        partitions: [{
          partition: 0,
          offset,
          leaderEpoch: 1,
          metadata,
          commitTimestampMs: -1,
        }],
      }],
      retentionMs: -1,
      metadataMax: 4096,
    }, now)
  );
}

async function read({ shard }: TestCoordinator): Promise<number | undefined> {
  const found = await shard.run((state) => ({
    records: [],
    response: fetchOffsets(state, {
      groupId: "g",
      by: { memberId: null, memberEpoch: -1 },
      topics: null,
      requireStable: false,
    }),
  }));
  return found.get("t")?.[0].committed?.offset;
}

Deno.test("a read that waits shows what held when it was asked, not a commit that came meanwhile", async () => {
  const sim = simHost(750);
  await sim.run(async () => {
    const durable = () => sleep(sim.host.clock, 50);
    const test = await openTestCoordinator(sim.host, { durable });
    const events: unknown[] = [];
    const note = (event: unknown) => events.push(event);
    // All in one turn of the event loop.
    const answers = [
      Promise.resolve(commit(test, 1)).then(() => note("first commit")),
      read(test).then(note),
      Promise.resolve(commit(test, 2)).then(() => note("second commit")),
      read(test).then(note),
    ];
    deepStrictEqual(events, [], "nothing is durable yet");
    await Promise.all(answers);
    deepStrictEqual(events, ["first commit", 1, "second commit", 2]);
    test.coordinator.close();
    await test.logDirs.close();
  });
});

Deno.test("an append that fails refuses its commit alone, and leaves the offset as it was", async () => {
  const sim = simHost(751);
  let isFull = false;
  await sim.run(async () => {
    const test = await openTestCoordinator(sim.host, {
      beforeAppend: () => {
        if (isFull) throw new KafkaError("KAFKA_STORAGE_ERROR");
      },
    });
    await commit(test, 1);
    isFull = true;
    let refusal: unknown;
    try {
      await commit(test, 2);
    } catch (error) {
      refusal = error;
    }
    strictEqual((refusal as KafkaError).errorName, "NOT_COORDINATOR");
    strictEqual(await read(test), 1);
    isFull = false;
    await commit(test, 3);
    strictEqual(await read(test), 3);
    test.coordinator.close();
    await test.logDirs.close();
  });
});
