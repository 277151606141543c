import { deepEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  appendTest,
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
} from "../testing/log_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { encodeMessageSet } from "../record/message_set.ts";
import { encodeUtf8 } from "../base/bytes.ts";

const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

Deno.test("look-ups by timestamp find what a search through all records finds", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          timestampMs: fc.integer({ min: 1000, max: 5000 }),
          count: fc.integer({ min: 1, max: 6 }),
          codec: fc.integer({ min: 0, max: 4 }),
        }),
        { minLength: 1, maxLength: 25 },
      ),
      fc.integer({ min: 0, max: 100 }),
      async (batches, startPercent) => {
        const sim = simHost(1);
        const config = testTopicConfig({
          "segment.bytes": 500,
          "index.interval.bytes": 100,
        });
        await sim.run(async () => {
          const dirs = await openTestLogs(sim.host, { topicConfig: config });
          const log = dirs.createLog({
            topic: "t",
            partition: 0,
            topicId: TOPIC_ID,
            config,
          });
          for (const { timestampMs, count, codec } of batches) {
            appendTest(log, Array(count).fill("value"), {
              timestampMs,
              compression: CODECS[codec],
            });
          }
          const start = Math.floor(log.logEndOffset * startPercent / 100);
          log.deleteRecordsBefore(start);
          const records = readAll(log);
          for (let target = 900; target < 5700; target += 90) {
            const wanted = records.find((each) => each.timestampMs >= target);
            const found = log.offsetForTimestamp(target);
            deepEqual(
              found === null ? null : [found.offset, found.timestampMs],
              wanted === undefined ? null : [wanted.offset, wanted.timestampMs],
              `at ${target}`,
            );
          }
          dirs.abandon();
        });
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("offsetOfMaxTimestamp() finds the first record with the largest timestamp", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host);
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config: testTopicConfig(),
    });
    strictEqual(log.offsetOfMaxTimestamp(), null);
    strictEqual(log.offsetForTimestamp(0), null);
    appendTest(log, ["a", "b"], { timestampMs: 500, leaderEpoch: 2 });
    appendTest(log, ["c"], { timestampMs: 100, leaderEpoch: 2 });
    deepEqual(log.offsetOfMaxTimestamp(), {
      offset: 1,
      timestampMs: 600,
      leaderEpoch: 2,
    });
    dirs.abandon();
  });
});

Deno.test("a log with message sets of old is read, searched and recovered", async () => {
  const sim = simHost(1);
  const path = "/data/logs/old-0";
  const { disk } = sim.host;
  disk.makeDirectory(path);
  const file = disk.open(`${path}/${"0".repeat(20)}.log`, "create");
  const records = (first: number) =>
    [0, 1, 2].map((i) => ({
      offset: first + i,
      timestampMs: 1000 * (first + i),
      key: null,
      value: encodeUtf8(`value ${first + i}`),
    }));
  let position = 0;
  for (
    const bytes of [
      encodeMessageSet({ magic: 0, records: records(0) }),
      encodeMessageSet({ magic: 1, records: records(3) }),
      encodeMessageSet({ magic: 1, records: records(6), compression: "gzip" }),
    ]
  ) {
    file.writeAt(bytes, position);
    position += bytes.length;
  }
  file.close();
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host);
    const log = dirs.log("old", 0)!;
    strictEqual(log.logEndOffset, 9);
    strictEqual(log.offsetForTimestamp(7000)?.offset, 7);
    strictEqual(log.offsetForTimestamp(0)?.offset, 3);
    strictEqual(log.offsetOfMaxTimestamp()?.offset, 8);
    const read = log.read(7, {
      maxBytes: 1 << 20,
      minOneBatch: true,
      upToOffset: 9,
    });
    strictEqual(read.baseOffset, 8);
    strictEqual(appendTest(log, ["new"]).baseOffset, 9);
    dirs.abandon();
  });
});
