// Batches that the broker has made itself are not checked again, and are stamped
// and limited as all others.

import { deepEqual, strictEqual, throws } from "node:assert/strict";
import { readBatchHeader } from "../record/record_batch.ts";
import {
  openTestLogs,
  readAll,
  testBatch,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "../testing/log_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { PartitionLog } from "./partition_log.ts";

const OWN = {
  leaderEpoch: 3,
  nowMs: 5000,
  origin: "coordinator",
  isOwnWork: true,
} as const;

async function withLog(
  overrides: { readonly [key: string]: string | number },
  run: (log: PartitionLog) => void,
): Promise<void> {
  const sim = simHost(2);
  const config = testTopicConfig(overrides);
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    const identity = { topic: "t", partition: 0, topicId: TOPIC_ID };
    run(dirs.createLog({ ...identity, config }));
    dirs.abandon();
  });
}

/** The bytes of the log's last batch. */
function lastHeader(log: PartitionLog, offset: number) {
  const { source } = log.read(offset, {
    maxBytes: 1000,
    minOneBatch: true,
    upToOffset: log.logEndOffset,
  });
  const bytes = new Uint8Array(source.sizeBytes);
  source.readInto(bytes);
  return readBatchHeader(bytes);
}

Deno.test("own work is stamped, and its memory may be used again", async () => {
  await withLog({ "cleanup.policy": "compact" }, (log) => {
    const batch = testBatch(["a", "b"]);
    for (const baseOffset of [0, 2]) {
      const appended = log.append(batch, OWN);
      deepEqual(
        [appended.baseOffset, appended.lastOffset],
        [baseOffset, baseOffset + 1],
      );
    }
    batch.fill(0);
    deepEqual(valuesOf(readAll(log)), ["a", "b", "a", "b"]);
    const header = lastHeader(log, 2);
    deepEqual([header.baseOffset, header.partitionLeaderEpoch], [2, 3]);
  });
});

Deno.test("own work over the limit is refused, and nothing is left of it", async () => {
  await withLog({ "max.message.bytes": 100 }, (log) => {
    throws(
      () => log.append(testBatch(["x".repeat(200)]), OWN),
      (error) =>
        error instanceof KafkaError && error.errorName === "MESSAGE_TOO_LARGE",
    );
    strictEqual(log.logEndOffset, 0);
  });
});

Deno.test("own work gets the times and the compression that the topic asks for", async () => {
  await withLog({
    "message.timestamp.type": "LogAppendTime",
    "compression.type": "gzip",
  }, (log) => {
    strictEqual(log.append(testBatch(["a"]), OWN).logAppendTimeMs, 5000);
    const header = lastHeader(log, 0);
    deepEqual([header.maxTimestampMs, header.compressionId], [5000, 1]);
  });
});
