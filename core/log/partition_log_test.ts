import { deepEqual, equal, strictEqual, throws } from "node:assert/strict";
import {
  appendTest,
  bytesOf,
  openTestLogs,
  readAll,
  testBatch,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "../testing/log_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { batchCrcIsValid, readBatchHeader } from "../record/batch_header.ts";
import { readEndTransactionMarker } from "../record/control_record.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { TransactionEnd } from "./check_producer.ts";
import type { LogDirs } from "./log_dirs.ts";
import type { PartitionLog } from "./partition_log.ts";

const UNLIMITED = { maxBytes: 1 << 20, minOneBatch: true, upToOffset: 1e9 };

/** Runs a test on an empty log of a simulated machine, and again on what a clean stop and a start make of it. */
function onLog(
  name: string,
  overrides: { readonly [key: string]: string | number },
  run: (log: PartitionLog, dirs: LogDirs) => void | Promise<void>,
  afterRestart?: (log: PartitionLog, dirs: LogDirs) => void | Promise<void>,
) {
  Deno.test(name, async () => {
    const sim = simHost(1);
    const config = testTopicConfig(overrides);
    await sim.run(async () => {
      const dirs = await openTestLogs(sim.host, { topicConfig: config });
      const log = dirs.createLog({
        topic: "t",
        partition: 0,
        topicId: TOPIC_ID,
        config,
      });
      await run(log, dirs);
      if (afterRestart === undefined) {
        dirs.abandon();
        return;
      }
      strictEqual(await dirs.close(), true);
      const again = await openTestLogs(sim.host, { topicConfig: config });
      strictEqual(again.wasClean, true);
      await afterRestart(again.log("t", 0)!, again);
      again.abandon();
    });
  });
}

function code(name: string) {
  return (error: unknown) =>
    error instanceof KafkaError && error.errorName === name;
}

onLog(
  "append() gives offsets in order, and read() gives the records back",
  {},
  (
    log,
  ) => {
    const first = appendTest(log, ["a", "b"]);
    const second = appendTest(log, ["c"], { leaderEpoch: 3 });
    deepEqual(
      [first.baseOffset, first.lastOffset, second.baseOffset],
      [0, 1, 2],
    );
    strictEqual(log.logEndOffset, 3);
    strictEqual(first.logAppendTimeMs, -1);
    deepEqual(valuesOf(readAll(log)), ["a", "b", "c"]);
    deepEqual(log.leaderEpochs.entries, [
      { epoch: 0, startOffset: 0 },
      { epoch: 3, startOffset: 2 },
    ]);
  },
  (log) => {
    deepEqual(valuesOf(readAll(log)), ["a", "b", "c"]);
    strictEqual(log.topicId, TOPIC_ID);
    strictEqual(log.recoveryPoint, 3);
    strictEqual(log.highWatermark, 3);
    deepEqual(log.endOffsetForEpoch(0), { epoch: 0, endOffset: 2 });
    strictEqual(appendTest(log, ["d"]).baseOffset, 3);
  },
);

onLog("read() starts with the batch that holds the offset", {}, (log) => {
  appendTest(log, ["a", "b", "c"]);
  appendTest(log, ["d"]);
  const read = log.read(1, UNLIMITED);
  strictEqual(read.baseOffset, 0);
  strictEqual(read.source.sizeBytes, log.sizeBytes);
  strictEqual(log.read(3, UNLIMITED).baseOffset, 3);
  strictEqual(log.read(4, UNLIMITED).source.sizeBytes, 0);
  throws(() => log.read(5, UNLIMITED), code("OFFSET_OUT_OF_RANGE"));
  throws(() => log.read(-1, UNLIMITED), code("OFFSET_OUT_OF_RANGE"));
});

onLog(
  "read() tells whether there is a later segment to read, as far as its limit",
  { "segment.bytes": 200 },
  (log) => {
    for (let i = 0; i < 3; i++) appendTest(log, ["a".repeat(100)]);
    strictEqual(log.segments.count, 3);
    const isOlder = (offset: number, upToOffset: number) =>
      log.read(offset, { ...UNLIMITED, upToOffset }).isInOlderSegment;
    deepEqual([0, 1, 2, 3].map((offset) => isOlder(offset, 3)), [
      true,
      true,
      false,
      false,
    ]);
    strictEqual(isOlder(0, 1), true);
    strictEqual(isOlder(1, 1), false);
  },
);

onLog("read() keeps to its limits", {}, (log) => {
  appendTest(log, ["a".repeat(100)]);
  const firstSize = log.sizeBytes;
  appendTest(log, ["b"]);
  const cut = log.read(0, { ...UNLIMITED, maxBytes: 50, minOneBatch: false });
  strictEqual(cut.source.sizeBytes, 50);
  strictEqual(cut.isFirstBatchCut, true);
  const whole = log.read(0, { ...UNLIMITED, maxBytes: 50 });
  strictEqual(whole.source.sizeBytes, firstSize);
  strictEqual(whole.isFirstBatchCut, false);
  const none = log.read(0, { ...UNLIMITED, maxBytes: 0, minOneBatch: false });
  strictEqual(none.source.sizeBytes, 0);
  const below = log.read(0, { ...UNLIMITED, upToOffset: 1 });
  strictEqual(below.source.sizeBytes, firstSize);
  strictEqual(log.read(1, { ...UNLIMITED, upToOffset: 1 }).source.sizeBytes, 0);
});

onLog("append() rolls by size", { "segment.bytes": 300 }, (log) => {
  for (let i = 0; i < 20; i++) appendTest(log, [`value ${i}`]);
  equal(log.segments.count > 4, true);
  for (const segment of log.segments.all()) {
    equal(segment.sizeBytes <= 300, true);
  }
  strictEqual(readAll(log).length, 20);
  throws(
    () => appendTest(log, ["x".repeat(400)]),
    code("RECORD_LIST_TOO_LARGE"),
  );
}, (log) => {
  strictEqual(readAll(log).length, 20);
  strictEqual(log.logEndOffset, 20);
});

onLog("append() rolls by the records' time", { "segment.ms": 1000 }, (log) => {
  appendTest(log, ["a"], { timestampMs: 10_000 });
  appendTest(log, ["b"], { timestampMs: 11_000 });
  strictEqual(log.segments.count, 1);
  appendTest(log, ["c"], { timestampMs: 11_001 });
  strictEqual(log.segments.count, 2);
  strictEqual(log.segments.active.baseOffset, 2);
});

onLog(
  "append() rolls when an index is full",
  { "index.interval.bytes": 0, "segment.index.bytes": 36 },
  (log) => {
    for (let i = 0; i < 10; i++) {
      appendTest(log, ["x"], { timestampMs: i * 10 });
    }
    equal(log.segments.count > 2, true);
    strictEqual(readAll(log).length, 10);
  },
  (log) => strictEqual(readAll(log).length, 10),
);

onLog("append() takes what a leader sent, with gaps", {}, (log) => {
  const replica = { leaderEpoch: -1, nowMs: 0, origin: "replica" } as const;
  const a = testBatch(["a"], { baseOffset: 5, partitionLeaderEpoch: 2 });
  const b = testBatch(["b", "c"], { baseOffset: 9, partitionLeaderEpoch: 4 });
  const both = new Uint8Array(a.length + b.length + 20);
  both.set(a);
  both.set(b, a.length);
  both.set(a.subarray(0, 20), a.length + b.length);
  const result = log.append(both, replica);
  deepEqual([result.baseOffset, result.lastOffset], [5, 10]);
  strictEqual(log.read(6, UNLIMITED).baseOffset, 9);
  deepEqual(log.leaderEpochs.entries.map((entry) => entry.startOffset), [5, 9]);
  throws(() => log.append(a, replica), code("OFFSET_OUT_OF_RANGE"));
  const broken = testBatch(["d"], { baseOffset: 11 });
  broken[broken.length - 1] ^= 1;
  throws(() => log.append(broken, replica), code("CORRUPT_MESSAGE"));
  const far = testBatch(["e"], { baseOffset: 2 ** 31 + 100 });
  log.append(far, replica);
  strictEqual(log.segments.active.baseOffset, 2 ** 31 + 100);
});

onLog(
  "append() stamps the time of the append where the topic says so",
  { "message.timestamp.type": "LogAppendTime" },
  (log) => {
    const result = appendTest(log, ["a", "b"], { nowMs: 123_456 });
    strictEqual(result.logAppendTimeMs, 123_456);
    deepEqual(readAll(log).map((record) => record.timestampMs), [
      123_456,
      123_456,
    ]);
  },
);

onLog("a slice of a deleted segment can still be read", {
  "segment.bytes": 200,
  "file.delete.delay.ms": 1000,
}, (log, dirs) => {
  for (let i = 0; i < 6; i++) appendTest(log, [`value ${i}`]);
  const read = log.read(0, UNLIMITED);
  strictEqual(log.deleteRecordsBefore(5), 5);
  equal(bytesOf(read).length > 0, true);
  throws(() => log.read(4, UNLIMITED), code("OFFSET_OUT_OF_RANGE"));
  const later = log.read(5, UNLIMITED);
  dirs.deleteLog("t", 0);
  equal(bytesOf(later).length > 0, true);
  throws(() => log.read(5, UNLIMITED), code("NOT_LEADER_OR_FOLLOWER"));
  strictEqual(dirs.log("t", 0), undefined);
});

onLog("deleteRecordsBefore() moves the start and drops whole segments", {
  "segment.bytes": 200,
}, (log) => {
  for (let i = 0; i < 10; i++) appendTest(log, [`value ${i}`]);
  const count = log.segments.count;
  strictEqual(log.deleteRecordsBefore(7), 7);
  equal(log.segments.count < count, true);
  equal(log.segments.first.baseOffset <= 7, true);
  deepEqual(valuesOf(readAll(log)), ["value 7", "value 8", "value 9"]);
  strictEqual(log.deleteRecordsBefore(3), 7);
  throws(() => log.deleteRecordsBefore(11), code("OFFSET_OUT_OF_RANGE"));
}, (log) => {
  strictEqual(log.logStartOffset, 7);
  strictEqual(log.deleteRecordsBefore(10), 10);
  deepEqual(readAll(log), []);
});

onLog("truncateTo() drops the end, and what it says of epochs and producers", {
  "segment.bytes": 400,
}, (log) => {
  for (let i = 0; i < 12; i++) {
    appendTest(log, [`value ${i}`], {
      leaderEpoch: i >> 2,
      producerId: 7,
      producerEpoch: 0,
      baseSequence: i,
    });
  }
  log.truncateTo(5);
  strictEqual(log.logEndOffset, 5);
  strictEqual(log.highWatermark, 5);
  deepEqual(log.leaderEpochs.entries.map((entry) => entry.epoch), [0, 1]);
  strictEqual(log.activeProducers()[0].lastSequence, 4);
  appendTest(log, ["again"], {
    leaderEpoch: 9,
    producerId: 7,
    producerEpoch: 0,
    baseSequence: 5,
  });
  deepEqual(valuesOf(readAll(log)).slice(-2), ["value 4", "again"]);
}, (log) => {
  strictEqual(log.logEndOffset, 6);
  strictEqual(log.activeProducers()[0].lastSequence, 5);
  log.truncateTo(0);
  strictEqual(log.logEndOffset, 0);
  deepEqual(log.activeProducers(), []);
});

onLog(
  "truncateTo() drops a batch that holds the offset as a whole",
  {},
  (log) => {
    appendTest(log, ["a", "b"]);
    appendTest(log, ["c", "d", "e"]);
    log.truncateTo(3);
    strictEqual(log.logEndOffset, 2);
    strictEqual(appendTest(log, ["f"]).baseOffset, 2);
  },
);

onLog("truncateFullyTo() empties the log, to go on elsewhere", {}, (log) => {
  appendTest(log, ["a", "b"]);
  log.truncateFullyTo(100);
  deepEqual(
    [log.logStartOffset, log.logEndOffset, log.highWatermark],
    [100, 100, 100],
  );
  strictEqual(appendTest(log, ["c"]).baseOffset, 100);
}, (log) => {
  strictEqual(log.logStartOffset, 100);
  deepEqual(valuesOf(readAll(log)), ["c"]);
});

onLog("flush.messages makes an append wait for its fsync", {
  "flush.messages": 2,
}, async (log) => {
  strictEqual(appendTest(log, ["a"]).durable, null);
  strictEqual(log.recoveryPoint, 0);
  const { durable } = appendTest(log, ["b"]);
  await durable;
  strictEqual(log.recoveryPoint, 2);
});

onLog(
  "concurrent flushes share fsyncs",
  { "flush.messages": 1 },
  async (log) => {
    const waits: (Promise<void> | null)[] = [];
    for (let i = 0; i < 10; i++) waits.push(appendTest(log, ["x"]).durable);
    strictEqual(new Set(waits).size <= 2, true);
    await Promise.all(waits);
    strictEqual(log.recoveryPoint, 10);
  },
);

Deno.test("flush.ms flushes after its time", async () => {
  const sim = simHost(2);
  const config = testTopicConfig({ "flush.ms": 500 });
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config,
    });
    appendTest(log, ["a"]);
    await new Promise<void>((done) => sim.host.clock.after(400, done));
    strictEqual(log.recoveryPoint, 0);
    await new Promise<void>((done) => sim.host.clock.after(200, done));
    strictEqual(log.recoveryPoint, 1);
    dirs.abandon();
  });
});

Deno.test("flush.ms that is set or cut down later holds for what was appended before", async () => {
  const sim = simHost(3);
  const plain = testTopicConfig();
  const within = (ms: number) => testTopicConfig({ "flush.ms": ms });
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: plain });
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config: plain,
    });
    const wait = (ms: number) =>
      new Promise<void>((done) => sim.host.clock.after(ms, done));
    appendTest(log, ["a"]);
    log.updateConfig(within(60_000));
    await wait(500);
    strictEqual(log.recoveryPoint, 0);
    log.updateConfig(within(300));
    await wait(200);
    strictEqual(log.recoveryPoint, 0);
    await wait(200);
    strictEqual(log.recoveryPoint, 1);
    dirs.abandon();
  });
});

onLog(
  "a roll flushes the segment that it closes",
  { "segment.bytes": 200 },
  async (
    log,
  ) => {
    for (let i = 0; i < 4; i++) appendTest(log, [`value number ${i}`]);
    await log.flush();
    strictEqual(log.recoveryPoint, 4);
  },
);

/** A marker of producer 5, in its epoch 0. */
function endOf(isCommit: boolean, rest: Partial<TransactionEnd> = {}) {
  return {
    producerId: 5,
    producerEpoch: 0,
    isCommit,
    coordinatorEpoch: 3,
    ...rest,
  };
}

const INSIDE = { producerId: 5, producerEpoch: 0, isTransactional: true };
const NOW = { leaderEpoch: 2, nowMs: 7000 };

onLog(
  "appendMarker() ends a transaction once, and lets readers of committed records go on",
  {},
  (log) => {
    appendTest(log, ["a"], { ...INSIDE, baseSequence: 0 });
    appendTest(log, ["b"]);
    deepEqual([log.lastStableOffset, log.highWatermark], [0, 2]);
    const end = endOf(false, { producerEpoch: 1, isEpochRaised: true });
    const result = log.appendMarker(end, NOW);
    deepEqual([result.baseOffset, result.lastOffset], [2, 2]);
    strictEqual(log.lastStableOffset, 0, "not before it is replicated");
    log.highWatermark = 3;
    strictEqual(log.lastStableOffset, 3);
    const again = log.appendMarker(end, NOW);
    deepEqual([again.isDuplicate, again.lastOffset], [true, 2]);
    strictEqual(log.logEndOffset, 3);
    const [record] = readAll(log, 2);
    deepEqual(readEndTransactionMarker(record), {
      type: "abort",
      coordinatorEpoch: 3,
    });
    strictEqual(record.timestampMs, 7000);
    throws(
      () => log.appendMarker(endOf(true, { coordinatorEpoch: 2 }), NOW),
      code("TRANSACTION_COORDINATOR_FENCED"),
    );
    deepEqual(
      log.read(0, { ...UNLIMITED, withAborted: true }).abortedTransactions
        ?.map(({ producerId, firstOffset }) => [producerId, firstOffset]),
      [[5, 0]],
    );
  },
  (log) => {
    strictEqual(log.lastStableOffset, 3);
    strictEqual(log.activeProducers()[0].producerEpoch, 1);
    const late = endOf(true, { producerEpoch: 1, isEpochRaised: true });
    strictEqual(log.appendMarker(late, NOW).isDuplicate, true);
  },
);

onLog(
  "a marker is never too large, and has the time of its append where the topic wants that",
  {
    "max.message.bytes": 70,
    "segment.bytes": 70,
    "message.timestamp.type": "LogAppendTime",
    "compression.type": "gzip",
  },
  (log) => {
    strictEqual(log.appendMarker(endOf(true), NOW).logAppendTimeMs, 7000);
    const [record] = readAll(log);
    strictEqual(record.timestampMs, 7000);
    const bytes = bytesOf(log.read(0, UNLIMITED));
    strictEqual(batchCrcIsValid(bytes), true);
    strictEqual(readBatchHeader(bytes).timestampType, "LogAppendTime");
  },
);

onLog(
  "append() takes a transaction only with the guard that verified it",
  {},
  (log) => {
    const bytes = () => testBatch(["a"], { ...INSIDE, baseSequence: 0 });
    const options = { ...NOW, origin: "client" } as const;
    throws(
      () => log.append(bytes(), { ...options, verification: null }),
      code("INVALID_TXN_STATE"),
    );
    strictEqual(log.logEndOffset, 0);
    const verification = log.producers.startVerification({
      ...INSIDE,
      baseSequence: 0,
      hasOwnEpoch: false,
    }, 0);
    // The transaction ends while the coordinator's answer is on its way.
    log.appendMarker(endOf(false), NOW);
    throws(
      () => log.append(bytes(), { ...options, verification }),
      code("INVALID_TXN_STATE"),
    );
    strictEqual(log.logEndOffset, 1);
  },
);
