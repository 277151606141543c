import { deepEqual, equal, match, ok } from "node:assert/strict";
import { encodeUtf8 } from "../../base/bytes.ts";
import { brokerConfig } from "../../config/broker_config.ts";
import { readConfig } from "../../config/table.ts";
import { sleep } from "../../host/host.ts";
import { encodeBatch } from "../../record/record_batch.ts";
import {
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
} from "../../testing/log_fixture.ts";
import { simHost } from "../../testing/sim_host.ts";
import type { LogDirs } from "../log_dirs.ts";
import type { PartitionLog } from "../partition_log.ts";
import { LogCleaner } from "./log_cleaner.ts";

type Keys = { [key: string]: string };

const COMPACTED = {
  "cleanup.policy": "compact",
  "segment.bytes": 1000,
  "index.interval.bytes": 100,
  "file.delete.delay.ms": 50,
};

/** A cleaner over logs, beside the one that they have themselves, which is off. */
class World {
  readonly sim = simHost(1);
  readonly reports: string[] = [];
  /** Changed at will. */
  keys: Keys = {};
  dirs!: LogDirs;
  cleaner!: LogCleaner;
  /** Names of logs in the order in which their runs ended. */
  readonly cleaned: string[] = [];

  static run(test: (world: World) => Promise<void>): Promise<void> {
    const world = new World();
    return world.sim.run(async () => {
      const { host } = world.sim;
      world.dirs = await openTestLogs(host, {
        topicConfig: testTopicConfig(COMPACTED),
      });
      world.cleaner = new LogCleaner({
        host,
        config: () =>
          readConfig(brokerConfig, new Map(Object.entries(world.keys))),
        logs: () => world.dirs.logs(),
        report: (text) => world.reports.push(text),
      });
      await test(world);
      await world.cleaner.stop();
      await world.dirs.close();
    });
  }

  get clock() {
    return this.sim.host.clock;
  }

  log(topic: string, overrides: { [key: string]: string | number } = {}) {
    const log = this.dirs.createLog({
      topic,
      partition: 0,
      topicId: TOPIC_ID,
      config: testTopicConfig({ ...COMPACTED, ...overrides }),
    });
    const compact = log.compact.bind(log);
    log.compact = async (options) => {
      const result = await compact(options);
      this.cleaned.push(log.topic);
      return result;
    };
    return log;
  }

  /** Appends updates of ten keys, one a batch. */
  fill(log: PartitionLog, count: number, timestampMs = this.clock.wallMs()) {
    for (let i = 0; i < count; i++) {
      const records = [{
        timestampMs,
        key: encodeUtf8(`k${i % 10}`),
        value: encodeUtf8(`${i}`.padStart(20, "0")),
      }];
      log.append(encodeBatch({ records }), {
        leaderEpoch: 0,
        nowMs: timestampMs,
        origin: "client",
      });
    }
    log.highWatermark = log.logEndOffset;
  }
}

function keyCount(log: PartitionLog): number {
  return readAll(log).length;
}

Deno.test("cleans by itself what is dirty enough, and then rests", () =>
  World.run(async (world) => {
    const log = world.log("t");
    const plain = world.log("p", { "cleanup.policy": "delete" });
    world.fill(log, 100);
    world.fill(plain, 100);
    world.cleaner.start();
    await sleep(world.clock, 2000);
    ok(keyCount(log) < 40, `${keyCount(log)} records are left`);
    equal(keyCount(plain), 100);
    equal(log.logEndOffset, 100);
    const { lastRun } = world.cleaner.state(log);
    ok(lastRun !== null && lastRun.recordsAfter === 10);
    ok(lastRun.bytesBefore > lastRun.bytesAfter);
    equal(world.cleaner.metrics.runs, 1);
    // Dirty again, it waits for the backoff.
    world.fill(log, 100);
    await sleep(world.clock, 10_000);
    equal(world.cleaner.metrics.runs, 1);
    await sleep(world.clock, 6000);
    equal(world.cleaner.metrics.runs, 2);
  }));

Deno.test("takes the dirtiest log first, and those before it that waited too long", () =>
  World.run(async (world) => {
    const tidy = world.log("tidy", { "min.cleanable.dirty.ratio": 0.1 });
    const overdue = world.log("overdue", {
      "min.cleanable.dirty.ratio": 1,
      "max.compaction.lag.ms": 60_000,
    });
    const dirty = world.log("dirty", { "min.cleanable.dirty.ratio": 0.1 });
    const clean = world.log("clean", { "min.cleanable.dirty.ratio": 0.99 });
    for (const log of [tidy, clean]) {
      world.fill(log, 200);
      log.cleanedOffset = 150;
    }
    world.fill(dirty, 200);
    dirty.cleanedOffset = 40;
    world.fill(overdue, 200, world.clock.wallMs() - 61_000);
    overdue.cleanedOffset = 190;
    world.cleaner.start();
    await sleep(world.clock, 3000);
    deepEqual(world.cleaned, ["overdue", "dirty", "tidy"]);
  }));

Deno.test("sets a damaged log aside, says so once, and cleans the others", () =>
  World.run(async (world) => {
    const bad = world.log("bad");
    const good = world.log("good");
    world.fill(bad, 100);
    world.fill(good, 60);
    const { path } = bad.segments.at(1)!.log;
    const file = world.sim.host.disk.open(path, "write");
    const byte = new Uint8Array(1);
    file.readAt(byte, 80);
    file.writeAt(Uint8Array.of(byte[0] ^ 1), 80);
    file.close();
    world.cleaner.start();
    await sleep(world.clock, 60_000);
    deepEqual(world.cleaned, ["good"]);
    equal(world.reports.length, 1);
    match(world.reports[0], /^Cannot compact bad-0: .*00000.*\.log/);
    ok(world.cleaner.state(bad).uncleanableReason !== null);
    equal(world.cleaner.metrics.uncleanablePartitions, 1);
    equal(world.cleaner.state(good).uncleanableReason, null);
    // Asked for, it is tried again; healed, it is set free.
    const first = world.cleaner.request(bad);
    await sleep(world.clock, 1000);
    const state = world.cleaner.state(bad);
    equal(state.endedRequestId, first);
    ok(state.requestError !== null);
    const healed = world.sim.host.disk.open(path, "write");
    healed.writeAt(byte, 80);
    healed.close();
    world.cleaner.request(bad);
    await sleep(world.clock, 1000);
    equal(world.cleaner.state(bad).requestError, null);
    equal(world.cleaner.metrics.uncleanablePartitions, 0);
    equal(keyCount(bad), 10);
  }));

Deno.test("holds to its rate, and to one that changes meanwhile", () =>
  World.run(async (world) => {
    world.keys = { "log.cleaner.io.max.bytes.per.second": "1000" };
    const log = world.log("t");
    world.fill(log, 200);
    const startMs = world.clock.monotonicMs();
    world.cleaner.request(log);
    world.cleaner.start();
    await sleep(world.clock, 5000);
    ok(world.cleaner.state(log).isRunning);
    world.keys = { "log.cleaner.io.max.bytes.per.second": "1000000" };
    while (world.cleaner.state(log).endedRequestId === 0) {
      await sleep(world.clock, 100);
    }
    const tookMs = world.clock.monotonicMs() - startMs;
    ok(tookMs > 5000 && tookMs < 7000, `${tookMs} ms`);
  }));

Deno.test("compacts what is asked for, however clean, and even where it is off", () =>
  World.run(async (world) => {
    world.keys = { "log.cleaner.enable": "false" };
    const log = world.log("t", { "segment.bytes": 100_000 });
    world.fill(log, 100);
    world.cleaner.start();
    await sleep(world.clock, 60_000);
    equal(keyCount(log), 100);
    const id = world.cleaner.request(log);
    equal(world.cleaner.request(log), id);
    await sleep(world.clock, 1000);
    const { endedRequestId, requestError, lastRun } = world.cleaner.state(log);
    equal(endedRequestId, id);
    equal(requestError, null);
    equal(lastRun?.recordsBefore, 100);
    equal(lastRun?.recordsAfter, 10);
    deepEqual(readAll(log).map(({ offset }) => offset), [
      90,
      91,
      92,
      93,
      94,
      95,
      96,
      97,
      98,
      99,
    ]);
    // Nothing is dirty any more, and the same is said again.
    const again = world.cleaner.request(log);
    await sleep(world.clock, 1000);
    equal(world.cleaner.state(log).endedRequestId, again);
    equal(world.cleaner.state(log).requestError, null);
    equal(keyCount(log), 10);
  }));

Deno.test("a map that is too small for all keys takes several runs", () =>
  World.run(async (world) => {
    world.keys = { "log.cleaner.dedupe.buffer.size": "160" };
    const log = world.log("t");
    world.fill(log, 100);
    world.cleaner.start();
    world.cleaner.request(log);
    await sleep(world.clock, 5000);
    const { requestError, lastRun } = world.cleaner.state(log);
    equal(requestError, null);
    equal(lastRun?.recordsBefore, 100);
    equal(keyCount(log), 10);
    ok(world.cleaner.metrics.runs > 5);
  }));

Deno.test("several tasks clean several logs at once, and new numbers count at once", () =>
  World.run(async (world) => {
    const rate = { "log.cleaner.io.max.bytes.per.second": "2000" };
    world.keys = rate;
    const logs = ["a", "b", "c"].map((topic) => world.log(topic));
    for (const log of logs) world.fill(log, 100);
    world.cleaner.start();
    const runningCount = () =>
      logs.filter((log) => world.cleaner.state(log).isRunning).length;
    await sleep(world.clock, 1500);
    equal(runningCount(), 1);
    world.keys = { ...rate, "log.cleaner.threads": "3" };
    world.cleaner.reconfigure();
    await sleep(world.clock, 1500);
    equal(runningCount(), 3);
    world.keys = {};
    await sleep(world.clock, 2000);
    equal(runningCount(), 0);
    for (const log of logs) ok(keyCount(log) < 40);
  }));

Deno.test("a stop ends runs within a turn, and leaves whole logs", () =>
  World.run(async (world) => {
    world.keys = { "log.cleaner.io.max.bytes.per.second": "100" };
    const log = world.log("t");
    world.fill(log, 100);
    world.cleaner.start();
    await sleep(world.clock, 3000);
    ok(world.cleaner.state(log).isRunning);
    const before = world.clock.monotonicMs();
    await world.cleaner.stop();
    ok(world.clock.monotonicMs() - before < 100);
    const values = new Map(
      readAll(log).map(({ key, offset }) => [`${key}`, offset]),
    );
    equal(Math.min(...values.values()), 90);
  }));

Deno.test("a full disk puts a log off, and says so once", () =>
  World.run(async (world) => {
    const log = world.log("t");
    world.fill(log, 100);
    const { disk } = world.sim;
    disk.capacityBytes = 0;
    world.cleaner.start();
    await sleep(world.clock, 40_000);
    equal(world.reports.length, 1);
    match(world.reports[0], /^Cannot compact t-0 now: /);
    equal(world.cleaner.state(log).uncleanableReason, null);
    disk.capacityBytes = Infinity;
    await sleep(world.clock, 20_000);
    ok(keyCount(log) < 40);
  }));
