import { deepEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import {
  appendTest,
  openTestLogs,
  readAll,
  testBatch,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "../testing/log_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { encodeEndTransactionMarker } from "../record/control_record.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { LogDirs } from "./log_dirs.ts";
import type { PartitionLog } from "./partition_log.ts";
import { verifyPartition } from "./verify.ts";

const FOLDER = "/data/logs/t-0";
const FIRST_LOG = `${FOLDER}/00000000000000000000.log`;
const UNLIMITED = { maxBytes: 1 << 20, minOneBatch: true, upToOffset: 1e9 };

const config = testTopicConfig({
  "segment.bytes": 400,
  "index.interval.bytes": 0,
});

interface Found {
  readonly log: PartitionLog;
  readonly dirs: LogDirs;
  readonly reports: readonly string[];
}

/**
 * Fills a log with ten flushed records, damages its files, and starts again.
 *
 * @param stop Whether the process was killed, the power cut, or it was stopped
 * cleanly.
 */
async function recovered(
  stop: "kill" | "power" | "clean",
  damage: (sim: SimHost) => void,
  check: (found: Found, sim: SimHost) => Promise<void> | void,
  options: { readonly unflushedCount?: number } = {},
): Promise<void> {
  const sim = simHost(1);
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config,
    });
    const append = (i: number) =>
      appendTest(log, [`value ${i}`], {
        leaderEpoch: i >> 2,
        producerId: 7,
        producerEpoch: 0,
        baseSequence: i,
        timestampMs: 1000 + i,
      });
    for (let i = 0; i < 10; i++) append(i);
    await log.flush();
    await dirs.checkpoint("recoveryPoint");
    for (let i = 10; i < 10 + (options.unflushedCount ?? 0); i++) append(i);
    if (stop === "clean") await dirs.close();
    else dirs.abandon();
  });
  if (stop !== "clean") {
    sim.crash(stop);
    sim.restart();
  }
  damage(sim);
  await sim.run(async () => {
    const reports: string[] = [];
    const dirs = await openTestLogs(sim.host, {
      topicConfig: config,
      report: (text) => reports.push(text),
    });
    await check({ log: dirs.log("t", 0)!, dirs, reports }, sim);
    dirs.abandon();
  });
}

function logPaths(sim: SimHost): string[] {
  return sim.disk.paths().filter((path) =>
    path.startsWith(FOLDER) && path.endsWith(".log")
  );
}

function append(sim: SimHost, path: string, bytes: Uint8Array): void {
  const file = sim.host.disk.open(path, "write");
  file.writeAt(bytes, file.size());
  file.close();
}

function isCorrupt(error: unknown): boolean {
  return error instanceof KafkaError && error.errorName === "CORRUPT_MESSAGE";
}

Deno.test("a killed process loses nothing that was written", () =>
  recovered("kill", () => {}, ({ log, reports }) => {
    strictEqual(log.logEndOffset, 14);
    strictEqual(readAll(log).length, 14);
    deepEqual(reports, []);
    strictEqual(log.recoveryPoint, 10);
  }, { unflushedCount: 4 }));

Deno.test("a torn tail is cut off, and the log goes on there", async () => {
  const whole = testBatch(["torn"], { baseOffset: 10 });
  const tails: [name: string, bytes: Uint8Array][] = [
    ["half a batch", whole.subarray(0, 40)],
    ["a few bytes", whole.subarray(0, 5)],
    ["zeroes", new Uint8Array(300)],
    ["a wrong checksum", whole.with(whole.length - 3, 0xaa)],
    ["an offset from before", testBatch(["old"], { baseOffset: 3 })],
    ["a size below zero", whole.with(8, 0xff)],
  ];
  for (const [name, bytes] of tails) {
    await recovered("kill", (sim) => {
      append(sim, logPaths(sim).at(-1)!, bytes);
    }, async ({ log, dirs, reports }, sim) => {
      strictEqual(log.logEndOffset, 10, name);
      strictEqual(readAll(log).length, 10);
      strictEqual(reports.length, 1);
      match(reports[0], /Cut \d+ bytes from .* offset 10/);
      appendTest(log, ["next"], { leaderEpoch: 2 });
      strictEqual(await dirs.close(), true);
      deepEqual(verifyPartition(sim.host.disk, FOLDER), []);
    });
  }
});

Deno.test("damage below the recovery point is reported, kept and not served", async () => {
  // Bytes of the third batch of the active segment: its offset, which no checksum
  // covers, its size, its checksum, a record.
  for (const position of [5, 7, 8, 11, 18, 70]) {
    await recovered("power", (sim) => {
      sim.disk.flipBit(logPaths(sim).at(-1)!, 150 + position, 0);
    }, async ({ log, dirs, reports }) => {
      const context = `position ${position}`;
      strictEqual(reports.length, 1, reports.join());
      match(reports[0], /Damaged below the recovery point 10/, context);
      strictEqual(log.logEndOffset, 10, context);
      strictEqual(log.isCorrupt, true);
      const damaged = log.segments.active.baseOffset + 2;
      throws(() => log.read(damaged, UNLIMITED), isCorrupt);
      strictEqual(readAll(log, damaged + 1).length, 9 - damaged, context);
      strictEqual(log.read(damaged - 1, UNLIMITED).source.sizeBytes, 75);
      strictEqual(appendTest(log, ["more"]).baseOffset, 10);
      strictEqual(log.activeProducers()[0].lastSequence, 9);
      // Without a mark of a clean stop the next start finds the damage again.
      strictEqual(await dirs.close(), false);
    });
  }
});

Deno.test("damage to the end of the synced log leaves its offsets unserved, not given anew", () =>
  recovered("kill", (sim) => {
    const active = logPaths(sim).at(-1)!;
    const { sizeBytes } = sim.host.disk.stat(active)!;
    const file = sim.host.disk.open(active, "write");
    file.writeAt(new Uint8Array(70), sizeBytes - 70);
    file.close();
  }, ({ log, reports }) => {
    strictEqual(reports.length, 1);
    strictEqual(log.logEndOffset, 10);
    throws(() => log.read(9, UNLIMITED), isCorrupt);
    strictEqual(appendTest(log, ["more"]).baseOffset, 10);
    deepEqual(valuesOf(readAll(log, 10)), ["more"]);
    const before = log.read(log.segments.first.baseOffset, UNLIMITED);
    ok(before.source.sizeBytes > 0);
  }));

Deno.test("segments after a cut one, or after a hole, are dropped", () =>
  recovered("kill", (sim) => {
    sim.disk.writeFile(
      "/data/logs/recovery-point-offset-checkpoint",
      new TextEncoder().encode("0\n1\nt 0 3\n"),
    );
    const paths = logPaths(sim);
    ok(paths.length >= 2);
    const { sizeBytes } = sim.host.disk.stat(paths[0])!;
    const file = sim.host.disk.open(paths[0], "write");
    file.truncate(sizeBytes - 10);
    file.close();
  }, async ({ log, dirs, reports }, sim) => {
    strictEqual(log.segments.count, 1);
    ok(log.logEndOffset >= 3 && log.logEndOffset < 10);
    match(reports[1], /Dropped/);
    strictEqual(log.activeProducers()[0].lastSequence, log.logEndOffset - 1);
    strictEqual(await dirs.close(), true);
    deepEqual(verifyPartition(sim.host.disk, FOLDER), []);
  }));

Deno.test("what stands beside the log is made again where it is missing or makes no sense", async () => {
  const garbage = new TextEncoder().encode("garbage");
  const damages: [
    name: string,
    damage: (sim: SimHost, path: string) => void,
  ][] = [
    ["missing", (sim, path) => sim.host.disk.remove(path)],
    ["garbage", (sim, path) => sim.disk.writeFile(path, garbage)],
    ["empty", (sim, path) => sim.disk.writeFile(path, new Uint8Array(0))],
  ];
  for (const stop of ["clean", "kill"] as const) {
    for (const suffix of [".index", ".timeindex", ".snapshot", "checkpoint"]) {
      for (const [name, damage] of damages) {
        await recovered(stop, (sim) => {
          for (const path of sim.disk.paths()) {
            if (path.startsWith(FOLDER) && path.endsWith(suffix)) {
              damage(sim, path);
            }
          }
        }, async ({ log, dirs }, sim) => {
          const context = `${suffix} ${name}, ${stop}`;
          strictEqual(readAll(log).length, 10, context);
          strictEqual(log.offsetForTimestamp(1006)?.offset, 6, context);
          strictEqual(log.activeProducers()[0].lastSequence, 9, context);
          deepEqual(
            log.leaderEpochs.entries.map((entry) => entry.startOffset),
            [0, 4, 8],
            context,
          );
          strictEqual(await dirs.close(), true);
          deepEqual(verifyPartition(sim.host.disk, FOLDER), [], context);
        });
      }
    }
  }
});

Deno.test("a mark of a clean stop that is torn, or a tail that belies it, means recovery", async () => {
  await recovered("clean", (sim) => {
    sim.disk.writeFile(
      "/data/logs/.kafka_cleanshutdown",
      new TextEncoder().encode('{"versi'),
    );
  }, ({ log, dirs }) => {
    strictEqual(dirs.wasClean, false);
    strictEqual(log.logEndOffset, 10);
  });
  await recovered("clean", (sim) => {
    append(sim, logPaths(sim).at(-1)!, new Uint8Array(30));
  }, ({ log, reports }) => {
    strictEqual(log.logEndOffset, 10);
    match(reports[0], /Clean stop, yet/);
    match(reports[1], /Cut 30 bytes/);
  });
});

Deno.test("checkpoints that make no sense are taken as empty", () =>
  recovered("kill", (sim) => {
    for (
      const name of [
        "recovery-point-offset-checkpoint",
        "log-start-offset-checkpoint",
        "replication-offset-checkpoint",
      ]
    ) {
      sim.disk.writeFile(`/data/logs/${name}`, new TextEncoder().encode("7\n"));
    }
  }, ({ log, reports }) => {
    strictEqual(reports.length, 3);
    strictEqual(readAll(log).length, 10);
  }));

Deno.test("a start before the end of the log keeps it, one after it empties the log", async () => {
  for (const [start, end] of [[6, 10], [20, 20]]) {
    await recovered("kill", (sim) => {
      sim.disk.writeFile(
        "/data/logs/log-start-offset-checkpoint",
        new TextEncoder().encode(`0\n1\nt 0 ${start}\n`),
      );
    }, ({ log }) => {
      deepEqual([log.logStartOffset, log.logEndOffset], [start, end]);
      strictEqual(appendTest(log, ["x"]).baseOffset, end);
    });
  }
});

Deno.test("what a deletion or a compaction left half-way is finished or thrown away", async () => {
  const copy = (sim: SimHost, from: string, to: string) =>
    sim.disk.writeFile(to, sim.disk.readFile(from));
  await recovered("kill", (sim) => {
    copy(sim, FIRST_LOG, `${FIRST_LOG}.deleted`);
    copy(sim, FIRST_LOG, `${FIRST_LOG}.cleaned`);
    copy(sim, FIRST_LOG, `${FIRST_LOG}.swap`);
    copy(sim, FIRST_LOG, `${FOLDER}/x.tmp`);
    copy(sim, FIRST_LOG, `${FOLDER}/00000000000000000555.index`);
    sim.host.disk.makeDirectory(`/data/logs/u-1.${"a".repeat(32)}-delete`);
    sim.host.disk.makeDirectory("/data/logs/lost+found");
  }, async ({ log, dirs }, sim) => {
    strictEqual(readAll(log).length, 10);
    deepEqual([...dirs.logs()].length, 1);
    strictEqual(await dirs.close(), true);
    deepEqual(verifyPartition(sim.host.disk, FOLDER), []);
    ok(
      !sim.host.disk.list("/data/logs").some((name) => name.includes("delete")),
    );
  });
  // A finished compaction takes the place of what it covers.
  await recovered("kill", (sim) => {
    const paths = logPaths(sim);
    copy(sim, paths[0], `${paths[0]}.swap`);
    sim.disk.writeFile(paths[0], new Uint8Array(10));
  }, ({ log }) => strictEqual(readAll(log).length, 10));
});

Deno.test("a segment that was flushed while it was active is recovered with what is beside it", async () => {
  const sim = simHost(4);
  const ids = { producerId: 7, producerEpoch: 0, isTransactional: true };
  const marker = { leaderEpoch: 0, nowMs: 5, coordinatorEpoch: 0 };
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    const topic = { topic: "t", partition: 0, topicId: TOPIC_ID, config };
    const log = dirs.createLog(topic);
    appendTest(log, ["aborted"], { ...ids, baseSequence: 0 });
    log.appendMarker({ ...ids, ...marker, isCommit: false }, marker);
    await log.flush();
    await dirs.checkpoint("recoveryPoint");
    // Does not fit: the next segment begins at the recovery point.
    appendTest(log, ["next".repeat(60)]);
    strictEqual(log.recoveryPoint, 2);
    dirs.abandon();
  });
  sim.crash("power", "kept");
  sim.restart();
  strictEqual(logPaths(sim).length, 2);
  // An index that nobody has synced yet may lose anything.
  const path = FIRST_LOG.replace(".log", ".txnindex");
  const index = sim.host.disk.open(path, "write");
  ok(index.size() > 0);
  index.truncate(0);
  index.close();
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    const log = dirs.log("t", 0)!;
    log.highWatermark = log.logEndOffset;
    const read = log.read(0, { ...UNLIMITED, withAborted: true });
    deepEqual(
      read.abortedTransactions?.map((each) => [
        each.producerId,
        each.firstOffset,
      ]),
      [[7, 0]],
    );
    dirs.abandon();
  });
});

Deno.test("recovery makes the aborted transactions again", async () => {
  const sim = simHost(1);
  const marker = { leaderEpoch: 0, nowMs: 5, origin: "coordinator" } as const;
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config,
    });
    const transaction = { producerEpoch: 0, isTransactional: true } as const;
    for (let i = 0; i < 4; i++) {
      const ids = { ...transaction, producerId: i, baseSequence: 0 };
      appendTest(log, [`a${i}`], ids);
      if (i === 3) break;
      log.append(
        encodeEndTransactionMarker(
          { type: i === 1 ? "commit" : "abort", coordinatorEpoch: 0 },
          { timestampMs: 5, producerId: i, producerEpoch: 0 },
        ),
        marker,
      );
    }
    log.highWatermark = log.logEndOffset;
    strictEqual(log.logEndOffset, 7);
    strictEqual(log.lastStableOffset, 6);
    dirs.abandon();
  });
  sim.crash("kill");
  sim.restart();
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    const log = dirs.log("t", 0)!;
    log.highWatermark = log.logEndOffset;
    strictEqual(log.lastStableOffset, 6);
    const read = log.read(0, { ...UNLIMITED, withAborted: true });
    deepEqual(
      read.abortedTransactions?.map((each) => [
        each.producerId,
        each.firstOffset,
      ]),
      [[0, 0], [2, 4]],
    );
    const end = log.append(
      encodeEndTransactionMarker(
        { type: "abort", coordinatorEpoch: 0 },
        { timestampMs: 5, producerId: 3, producerEpoch: 0 },
      ),
      marker,
    );
    log.highWatermark = log.logEndOffset;
    strictEqual(log.lastStableOffset, end.lastOffset + 1);
    strictEqual(await dirs.close(), true);
    deepEqual(verifyPartition(sim.host.disk, FOLDER), []);
  });
});
