// Retention by each of its rules, on a simulated clock where hours pass at once.

import { deepEqual, ok, strictEqual, throws } from "node:assert/strict";
import { encodeUtf8 } from "../base/bytes.ts";
import { encodeBatch } from "../record/record_batch.ts";
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
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { LogDirs } from "./log_dirs.ts";
import type { PartitionLog } from "./partition_log.ts";
import { Retention } from "./retention.ts";

const HOUR_MS = 3_600_000;
const FOLDER = "/data/logs/t-0";
/** Of a batch of `values`, and of a segment that holds two such. */
const BATCH_BYTES = testBatch(["0123456789"]).length;

interface World {
  readonly sim: SimHost;
  readonly dirs: LogDirs;
  readonly log: PartitionLog;
  readonly lines: string[];
  /** Appends one record of a time. */
  add(value: string, timestampMs?: number): void;
  now(): number;
  wait(ms: number): Promise<void>;
  /** Names of the `.log` files. */
  files(suffix?: string): string[];
}

/** Runs with one log, of which each segment holds two records, unless told otherwise. */
function withLog(
  overrides: { readonly [key: string]: string | number },
  run: (world: World) => Promise<void> | void,
  broker: { readonly [key: string]: string } = {},
): Promise<void> {
  const sim = simHost(5);
  const config = testTopicConfig({
    "segment.bytes": 2 * BATCH_BYTES,
    "file.delete.delay.ms": 1000,
    ...overrides,
  });
  return sim.run(async () => {
    const lines: string[] = [];
    const dirs = await openTestLogs(sim.host, {
      topicConfig: config,
      report: (line) => lines.push(line),
      broker: { "log.retention.check.interval.ms": "60000", ...broker },
    });
    const identity = { topic: "t", partition: 0, topicId: TOPIC_ID, config };
    const log = dirs.createLog(identity);
    const now = () => sim.host.clock.wallMs();
    await run({
      sim,
      dirs,
      log,
      lines,
      now,
      add: (value, timestampMs = now()) => {
        appendTest(log, [value.padEnd(10)], { timestampMs, nowMs: now() });
      },
      wait: (ms) => new Promise((done) => sim.host.clock.after(ms, done)),
      files: (suffix = ".log") =>
        sim.host.disk.list(FOLDER).filter((name) => name.endsWith(suffix))
          .map((name) => name.replace(/^0+(?=\d)/, "")),
    });
    dirs.abandon();
  }, { limitMs: 1000 * HOUR_MS });
}

const bases = (log: PartitionLog) =>
  log.segments.all().map((segment) => segment.baseOffset);

const errorName = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (error instanceof KafkaError) return error.errorName;
    throw error;
  }
  return null;
};

Deno.test("retention.ms lets segments go whose newest record is older, and no other", () =>
  withLog({ "retention.ms": HOUR_MS }, async ({ log, add, wait, now }) => {
    for (let i = 0; i < 3; i++) {
      add("a");
      add("b");
      await wait(1000);
    }
    deepEqual(bases(log), [0, 2, 4]);
    // The first segment's newest record is exactly an hour old.
    await wait(HOUR_MS - 3000);
    deepEqual(log.deleteOldSegments(now()), []);
    const [deleted, ...more] = log.deleteOldSegments(now() + 1);
    deepEqual(more, []);
    deepEqual([deleted.rule, deleted.count, deleted.endOffset], ["time", 1, 2]);
    strictEqual(deleted.sizeBytes, 2 * BATCH_BYTES);
    deepEqual([log.logStartOffset, bases(log)], [2, [2, 4]]);
  }));

Deno.test("retention stops at the first segment that must stay, whatever comes after it", () =>
  withLog({ "retention.ms": 1000 }, async ({ log, add, wait, now }) => {
    add("a");
    add("tomorrow", now() + 24 * HOUR_MS);
    add("b");
    add("c");
    add("d");
    await wait(2 * HOUR_MS);
    deepEqual(log.deleteOldSegments(now()), []);
    strictEqual(log.logStartOffset, 0);
    await wait(23 * HOUR_MS);
    strictEqual(log.logStartOffset, 5);
  }));

Deno.test("records of the year 0 of the clock are old; without a time the file's counts", () =>
  withLog({ "retention.ms": HOUR_MS }, async ({ log, add, wait, now }) => {
    add("a", 0);
    add("b", 0);
    add("c", -1);
    add("d", -1);
    add("e");
    strictEqual(log.deleteOldSegments(now())[0].endOffset, 2);
    await wait(HOUR_MS);
    deepEqual(log.deleteOldSegments(now()), []);
    strictEqual(log.deleteOldSegments(now() + 1)[0].endOffset, 5);
  }));

Deno.test("retention.ms=-1 and retention.bytes=-1 keep all", () =>
  withLog({ "retention.ms": -1 }, ({ log, add, now }) => {
    for (let i = 0; i < 9; i++) add("x", 0);
    deepEqual(log.deleteOldSegments(now()), []);
  }));

Deno.test("retention.bytes lets segments go as long as the log stays that large", () =>
  withLog(
    { "retention.bytes": 5 * BATCH_BYTES },
    ({ log, add, now }) => {
      for (let i = 0; i < 6; i++) add("x");
      // Without two records it would hold four, which is less than five.
      deepEqual(log.deleteOldSegments(now()), []);
      add("x");
      const [deleted] = log.deleteOldSegments(now());
      deepEqual([deleted.rule, deleted.count], ["size", 1]);
      deepEqual([log.sizeBytes, log.logStartOffset], [5 * BATCH_BYTES, 2]);
      deepEqual(log.deleteOldSegments(now()), []);
    },
  ));

Deno.test("retention.bytes=0 empties a log, and the next record gets the next offset", () =>
  withLog({ "retention.bytes": 0 }, ({ log, add, now }) => {
    for (let i = 0; i < 5; i++) add("x");
    strictEqual(log.deleteOldSegments(now())[0].count, 3);
    deepEqual([log.logStartOffset, bases(log), log.sizeBytes], [5, [5], 0]);
    deepEqual(log.deleteOldSegments(now()), []);
    add("y");
    deepEqual(readAll(log).map(({ offset }) => offset), [5]);
  }));

Deno.test("nothing goes at or beyond the high watermark", () =>
  withLog({ "retention.ms": 1000 }, ({ sim, log, now }) => {
    for (let i = 0; i < 6; i++) {
      log.append(testBatch(["0123456789"], { timestampMs: 5 }), {
        leaderEpoch: 0,
        nowMs: now(),
        origin: "client",
      });
    }
    deepEqual(log.deleteOldSegments(now()), []);
    log.highWatermark = 3;
    strictEqual(log.deleteOldSegments(now())[0].endOffset, 2);
    log.highWatermark = 6;
    strictEqual(log.deleteOldSegments(now())[0].endOffset, 6);
    strictEqual(sim.isCrashed, false);
  }));

Deno.test("the active segment of an idle topic ages out", () =>
  withLog({ "retention.ms": HOUR_MS }, async ({ log, add, wait, files }) => {
    add("a");
    strictEqual(bases(log).length, 1);
    await wait(2 * HOUR_MS);
    deepEqual([log.logStartOffset, log.logEndOffset], [1, 1]);
    deepEqual(files(), ["1.log"]);
    strictEqual(errorName(() => readAll(log, 0)), "OFFSET_OUT_OF_RANGE");
    add("b");
    deepEqual(readAll(log).map(({ offset }) => offset), [1]);
  }));

Deno.test("cleanup.policy=compact keeps all but what is before the log's start", () =>
  withLog({
    "cleanup.policy": "compact",
    "retention.ms": 1000,
    "retention.bytes": 0,
  }, async ({ log, wait, now }) => {
    for (let i = 0; i < 5; i++) appendKeyed(log, now());
    await wait(HOUR_MS);
    deepEqual([log.logStartOffset, bases(log)[0]], [0, 0]);
    deepEqual(log.deleteOldSegments(now()), []);
  }));

Deno.test("cleanup.policy=compact,delete lets go by time, in the cleaner's rhythm", async () => {
  const overrides = {
    "cleanup.policy": "compact,delete",
    "retention.ms": 60_000,
    "min.cleanable.dirty.ratio": 1,
  };
  const run = async ({ log, wait, now }: World) => {
    for (let i = 0; i < 5; i++) appendKeyed(log, now());
    await wait(200_000);
    return log.logStartOffset;
  };
  await withLog(overrides, async (world) => {
    strictEqual(await run(world), 5);
  }, {
    "log.cleaner.enable": "true",
    "log.retention.check.interval.ms": "1000000000",
  });
  // Without a cleaner nobody looks, as in Apache Kafka.
  await withLog(overrides, async (world) => {
    strictEqual(await run(world), 0);
  }, { "log.cleaner.enable": "false" });
});

Deno.test("DeleteRecords moves the start, and retention goes on from there", () =>
  withLog({ "retention.bytes": 4 * BATCH_BYTES }, ({ log, add, now }) => {
    for (let i = 0; i < 7; i++) add("x");
    strictEqual(log.deleteRecordsBefore(3), 3);
    deepEqual(bases(log), [2, 4, 6]);
    // Five are left; the rule counts whole segments, as they are on the disk.
    deepEqual(log.deleteOldSegments(now()), []);
    add("x");
    strictEqual(log.deleteOldSegments(now())[0].endOffset, 4);
    strictEqual(log.logStartOffset, 4);
    strictEqual(log.deleteRecordsBefore(2), 4);
    strictEqual(
      errorName(() => log.deleteRecordsBefore(9)),
      "OFFSET_OUT_OF_RANGE",
    );
  }));

Deno.test("checks begin after log.initial.task.delay.ms and follow each other by the interval", () =>
  withLog({ "retention.ms": 1 }, async ({ log, add, wait, lines }) => {
    add("a", 5);
    await wait(29_000);
    strictEqual(log.logStartOffset, 0);
    await wait(2000);
    strictEqual(log.logStartOffset, 1);
    add("b", 5);
    await wait(58_000);
    strictEqual(log.logStartOffset, 1);
    await wait(2000);
    strictEqual(log.logStartOffset, 2);
    strictEqual(lines.length, 2);
    ok(
      /^Deleted 1 segment of t-0 \(offsets 0 to 0, 78 bytes\): its newest record is \d+ ms old, above retention\.ms=1; it starts at 1 now$/
        .test(lines[0]),
      lines[0],
    );
  }));

Deno.test("a new configuration takes effect at the next check", () =>
  withLog({}, async ({ log, dirs, add, wait, lines }) => {
    for (let i = 0; i < 5; i++) add("x", 5);
    await wait(100_000);
    strictEqual(log.logStartOffset, 0);
    log.updateConfig({ ...log.config, "retention.bytes": 3 * BATCH_BYTES });
    await wait(60_000);
    strictEqual(log.logStartOffset, 2);
    log.updateConfig({ ...log.config, "retention.ms": 1 });
    await wait(60_000);
    strictEqual(log.logStartOffset, 5);
    deepEqual(lines.map((line) => line.replace(/.*: (.*);.*/, "$1")), [
      "the log was larger than retention.bytes=234",
      `its newest record is ${
        /(\d+) ms old/.exec(lines[1])![1]
      } ms old, above retention.ms=1`,
    ]);
    const { deletedSegments, deletedBytes } = dirs.retention;
    deepEqual([deletedSegments, deletedBytes], [3, 5 * BATCH_BYTES]);
  }));

Deno.test("files are renamed at once, unlinked after file.delete.delay.ms, and readable between", () =>
  withLog({ "retention.ms": 1 }, async ({ log, add, wait, files, now }) => {
    for (let i = 0; i < 5; i++) add(`value ${i}`, 5);
    const read = log.read(0, {
      maxBytes: 4096,
      minOneBatch: true,
      upToOffset: 5,
    });
    log.deleteOldSegments(now());
    deepEqual([files(), log.sizeBytes], [
      ["0.log", "2.log", "4.log", "5.log"],
      0,
    ]);
    await wait(500);
    deepEqual(files(), ["5.log"]);
    deepEqual(files(".log.deleted"), [
      "0.log.deleted",
      "2.log.deleted",
      "4.log.deleted",
    ]);
    strictEqual(bytesOf(read).length, 2 * BATCH_BYTES);
    await wait(1000);
    deepEqual(files(".deleted"), []);
    deepEqual(files(".snapshot"), ["5.snapshot"]);
    throws(() => bytesOf(read), /it was deleted meanwhile/);
    ok(log.isOnline);
  }));

Deno.test("epochs and producers stay as far as the log still tells of them", () =>
  withLog({ "retention.ms": HOUR_MS }, ({ log, now }) => {
    for (let i = 0; i < 6; i++) {
      appendTest(log, ["0123456789"], {
        leaderEpoch: i,
        timestampMs: i < 4 ? 5 : now(),
        producerId: 40 + (i % 2),
        producerEpoch: 0,
        baseSequence: i >> 1,
      });
    }
    strictEqual(log.deleteOldSegments(now())[0]?.endOffset, bases(log)[0]);
    deepEqual(
      log.leaderEpochs.entries.map(({ startOffset }) => startOffset),
      [4, 5],
    );
    deepEqual(log.endOffsetForEpoch(1), { epoch: 1, endOffset: 4 });
    deepEqual(
      log.activeProducers().map(({ producerId, lastSequence }) => [
        producerId,
        lastSequence,
      ]),
      [[40, 2], [41, 2]],
    );
  }));

Deno.test("a transaction whose beginning was deleted leaves what follows readable", () =>
  withLog({ "retention.ms": HOUR_MS }, ({ log, add, now }) => {
    log.append(
      testBatch(["0123456789"], {
        timestampMs: 5,
        producerId: 9,
        producerEpoch: 0,
        baseSequence: 0,
        isTransactional: true,
      }),
      { leaderEpoch: 0, nowMs: now(), origin: "client" },
    );
    for (let i = 0; i < 4; i++) add("x", i === 0 ? 5 : now());
    strictEqual(log.lastStableOffset, 0);
    strictEqual(log.deleteOldSegments(now())[0].endOffset, 2);
    strictEqual(log.lastStableOffset, 2);
  }));

Deno.test("what a stop left undone of a deletion, the next start does", () =>
  withLog({ "retention.ms": HOUR_MS }, async ({ sim, dirs, log, add, now }) => {
    for (let i = 0; i < 6; i++) add(`value ${i}`, i < 4 ? 5 : now());
    log.deleteOldSegments(now());
    strictEqual(await dirs.close(), true);
    const again = await openTestLogs(sim.host, { topicConfig: log.config });
    const next = again.log("t", 0)!;
    deepEqual([next.logStartOffset, bases(next)], [4, [4]]);
    deepEqual(valuesOf(readAll(next)), ["value 4   ", "value 5   "]);
    again.abandon();
  }));

Deno.test("on a full disk old segments go all the same", () =>
  withLog(
    { "retention.ms": 1 },
    async ({ sim, log, add, wait, files, now }) => {
      for (let i = 0; i < 5; i++) add("x", 5);
      await log.flush();
      sim.disk.capacityBytes = sim.disk.usedBytes;
      strictEqual(log.deleteOldSegments(now())[0].endOffset, 4);
      await wait(2000);
      deepEqual([files(), log.isOnline], [["4.log"], true]);
      ok(sim.disk.usedBytes < sim.disk.capacityBytes);
    },
  ));

Deno.test("segment.jitter.ms rolls earlier than segment.ms, each time by another time", () =>
  withLog({
    "segment.bytes": 1_000_000,
    "segment.ms": 100_000,
    "segment.jitter.ms": 60_000,
  }, ({ log, add }) => {
    for (let second = 0; second < 2000; second++) add("x", second * 1000);
    // A record a second: offsets are ages.
    const ages = bases(log).map((base, i, all) => base - (all[i - 1] ?? base));
    const rolled = ages.slice(1);
    ok(rolled.length >= 20, `${rolled}`);
    ok(rolled.every((age) => age > 40 && age <= 101), `${rolled}`);
    ok(new Set(rolled).size > 5, `${rolled}`);
  }));

Deno.test("2,000 logs are looked through in turns", async () => {
  const sim = simHost(9);
  await sim.run(async () => {
    const config = testTopicConfig({ "retention.ms": 1 });
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    for (let partition = 0; partition < 2000; partition++) {
      const log = dirs.createLog({
        topic: "many",
        partition,
        topicId: TOPIC_ID,
        config,
      });
      appendTest(log, ["x"]);
    }
    // The clock of the simulation stands still; each look at it is a millisecond here.
    let looks = 0;
    let sleeps = 0;
    const clock = {
      ...sim.host.clock,
      monotonicMs: () => looks++,
      after: (delayMs: number, run: () => void) => {
        sleeps++;
        return sim.host.clock.after(delayMs, run);
      },
    };
    const retention = new Retention({
      clock,
      logs: () => dirs.logs(),
      report: () => {},
    });
    await retention.check("plain");
    strictEqual(retention.deletedSegments, 2000);
    ok(sleeps >= 300, `${sleeps} turns`);
    dirs.abandon();
  });
});

function appendKeyed(log: PartitionLog, timestampMs: number): void {
  const [key, value] = [encodeUtf8("k"), encodeUtf8("012345678")];
  log.append(encodeBatch({ records: [{ timestampMs, key, value }] }), {
    leaderEpoch: 0,
    nowMs: timestampMs,
    origin: "client",
  });
  log.highWatermark = log.logEndOffset;
}
