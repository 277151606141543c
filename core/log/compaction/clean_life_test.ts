// What else happens to a log while it is cleaned, and around it.

import { deepEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { sleep } from "../../host/host.ts";
import {
  allRecords,
  cleanNow,
  CompactionModel,
} from "../../testing/compaction_model.ts";
import {
  bytesOf,
  openTestLogs,
  testTopicConfig,
  TOPIC_ID,
} from "../../testing/log_fixture.ts";
import { type SimHost, simHost } from "../../testing/sim_host.ts";
import type { LogDirs } from "../log_dirs.ts";
import type { PartitionLog } from "../partition_log.ts";

const FOLDER = "/data/logs/t-0";
const CHECKPOINT = "/data/logs/cleaner-offset-checkpoint";

interface World {
  readonly sim: SimHost;
  readonly dirs: LogDirs;
  readonly log: PartitionLog;
  readonly model: CompactionModel;
}

function config(overrides: { readonly [key: string]: string | number } = {}) {
  return testTopicConfig({
    "cleanup.policy": "compact",
    "segment.bytes": 600,
    "file.delete.delay.ms": 1000,
    ...overrides,
  });
}

/** A log with this configuration, and a model beside it. */
function inWorld(
  run: (world: World) => Promise<void>,
  topicConfig = config(),
): Promise<void> {
  const sim = simHost(5);
  return sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig });
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config: topicConfig,
    });
    await run({ sim, dirs, log, model: new CompactionModel(sim.host) });
    dirs.abandon();
  });
}

/** Updates of a few keys, over several segments, the last of them closed. */
function fill({ log, model }: World, count = 30): void {
  for (let i = 0; i < count; i++) {
    const value = `value ${i}`;
    model.append(log, [{ key: `k${i % 4}`, value }, {
      key: `only${i}`,
      value,
    }]);
  }
  log.roll();
}

function namesLike(sim: SimHost, pattern: RegExp): string[] {
  return sim.host.disk.list(FOLDER).filter((name) => pattern.test(name));
}

const DISTURBANCES: {
  readonly [name: string]: (world: World) => void | Promise<unknown>;
} = {
  "a truncation": ({ log }) => log.truncateTo(21),
  "a restart at another offset": ({ log }) => log.truncateFullyTo(500),
  "deleted records": ({ log }) => void log.deleteRecordsBefore(41),
  "a deletion": ({ dirs }) => dirs.deleteLog("t", 0),
  "a stop": ({ dirs }) => dirs.close(),
  "a pause": ({ log }) => log.maintenance.pause(),
};

for (const [name, disturb] of Object.entries(DISTURBANCES)) {
  Deno.test(`${name} at any time ends a run and finds the log as it was`, async () => {
    let wasReached = true;
    for (let turn = 1; wasReached; turn++) {
      await inWorld(async (world) => {
        const { sim, log } = world;
        fill(world);
        await log.flush();
        let count = 0;
        let whileDisturbed: string[] | null = null;
        const result = await cleanNow(sim.host, log, {
          turnMs: 0,
          pause: async () => {
            await sleep(sim.host.clock, 0.1);
            if (++count !== turn) return;
            await disturb(world);
            if (!log.isDeleted) whileDisturbed = shown(log);
          },
        });
        wasReached = count >= turn;
        if (!wasReached) return;
        strictEqual(result?.isDone, false);
        strictEqual(log.maintenance.isRunning, false);
        if (log.isDeleted) return;
        if (whileDisturbed !== null) deepEqual(shown(log), whileDisturbed);
        if (name === "a stop") return;
        deepEqual(namesLike(sim, /\.(cleaned|swap)$/), []);
        ok((log.cleanedOffset ?? 0) <= log.logEndOffset);
        if (name !== "a pause") return;
        strictEqual(await cleanNow(sim.host, log), null);
        log.maintenance.resume();
        ok((await cleanNow(sim.host, log))?.isDone);
      });
    }
  });
}

function shown(log: PartitionLog): string[] {
  return allRecords(log).map((record) =>
    `${record.offset} ${new TextDecoder().decode(record.value!)}`
  );
}

Deno.test("one run at a time", () =>
  inWorld(async (world) => {
    const { sim, log } = world;
    fill(world);
    const first = cleanNow(sim.host, log);
    strictEqual(await cleanNow(sim.host, log), null);
    ok((await first)?.isDone);
  }));

Deno.test("a fetch under way reads the old segments, whatever runs follow", () =>
  inWorld(async (world) => {
    const { sim, log, model } = world;
    fill(world);
    const before = log.read(0, {
      maxBytes: 10_000,
      minOneBatch: true,
      upToOffset: log.logEndOffset,
    });
    const expected = bytesOf(before);
    for (let i = 0; i < 3; i++) {
      log.segments.first.close();
      ok((await model.clean(log))?.isDone);
      deepEqual(bytesOf(before), expected);
      fill(world, 3);
    }
    model.check(log);
    await sleep(sim.host.clock, 2000);
    deepEqual(namesLike(sim, /deleted/), []);
  }));

Deno.test("the result tells what was read and kept", () =>
  inWorld(async (world) => {
    const { sim, log, model } = world;
    fill(world);
    model.append(log, [{ key: null, value: "no key" }, {
      key: "z",
      value: "",
    }]);
    log.roll();
    const sizeBefore = log.sizeBytes;
    const countBefore = log.segments.count;
    const result = (await model.clean(log))!;
    strictEqual(result.bytesBefore, sizeBefore);
    strictEqual(result.bytesAfter, log.sizeBytes);
    strictEqual(result.segmentsBefore, countBefore - 1);
    strictEqual(result.segmentsAfter, log.segments.count - 1);
    strictEqual(result.recordsBefore, 62);
    strictEqual(result.recordsAfter, 35);
    strictEqual(result.invalidRecords, 1);
    strictEqual(result.endOffset, log.logEndOffset);
    for (const segment of log.segments.all()) ok(segment.sizeBytes <= 600);
    // Neighbours that fit become one.
    log.updateConfig(config({ "segment.bytes": 100_000 }));
    await cleanNow(sim.host, log);
    strictEqual(log.segments.count, 2);
    model.check(log);
  }));

Deno.test("the checkpoint tells how far a log is clean, and follows its cuts and its end", () =>
  inWorld(async (world) => {
    const { sim, dirs, log, model } = world;
    const text = () => new TextDecoder().decode(sim.disk.readFile(CHECKPOINT));
    fill(world);
    await model.clean(log);
    strictEqual(text(), `0\n1\nt 0 ${log.logEndOffset}\n`);
    await dirs.close();
    const again = await openTestLogs(sim.host, { topicConfig: config() });
    const reopened = again.log("t", 0)!;
    strictEqual(reopened.cleanedOffset, log.logEndOffset);
    reopened.truncateTo(20);
    const { cleanedOffset } = reopened;
    ok(cleanedOffset !== null && cleanedOffset <= 20);
    await reopened.flush();
    strictEqual(text(), `0\n1\nt 0 ${cleanedOffset}\n`);
    again.deleteLog("t", 0);
    await sleep(sim.host.clock, 10);
    strictEqual(text(), "0\n0\n");
    again.abandon();
  }));

Deno.test("a damaged batch stops the run and stays as it is", () =>
  inWorld(async (world) => {
    const { sim, log } = world;
    fill(world);
    await log.flush();
    const before = sim.disk.readFile(`${FOLDER}/00000000000000000000.log`);
    sim.disk.flipBit(`${FOLDER}/00000000000000000000.log`, 90, 3);
    await rejects(cleanNow(sim.host, log), /position 0: wrong checksum/);
    const after = sim.disk.readFile(`${FOLDER}/00000000000000000000.log`);
    strictEqual(after.length, before.length);
    deepEqual(namesLike(sim, /\.(cleaned|swap)$/), []);
    strictEqual(log.cleanedOffset, null);
  }));

Deno.test("tombstones of old formats go by the age of the last clean segment", () =>
  inWorld(async ({ sim, log, model }) => {
    for (const magic of [0, 1] as const) {
      for (const compression of ["none", "gzip"] as const) {
        const key = `k${magic}${compression}`;
        model.append(log, [{ key, value: "old" }], { magic, compression });
        const tombstone = [{ key, value: null }, { key: "other", value: "x" }];
        model.append(log, tombstone, { magic, compression });
      }
    }
    const tombstoneCount = () =>
      allRecords(log).filter((record) => record.value === null).length;
    const more = async () => {
      model.append(log, [{ key: "more", value: "y" }]);
      log.roll();
      ok((await cleanNow(sim.host, log))?.isDone);
    };
    await more();
    strictEqual(tombstoneCount(), 4);
    strictEqual(allRecords(log).length, 6);
    // All was written at one time, and the horizon lies before that.
    await sleep(sim.host.clock, 10_000);
    await more();
    strictEqual(tombstoneCount(), 4);
    await sleep(sim.host.clock, 10_000);
    await more();
    strictEqual(tombstoneCount(), 0);
  }, config({ "delete.retention.ms": 5000, "segment.bytes": 160 })));

Deno.test("something stays of the log's last batch, so that a reader comes to the end", () =>
  inWorld(async ({ sim, log, model }) => {
    model.append(log, [{ key: "a", value: "x" }]);
    model.append(log, [{ key: "a", value: null }]);
    const keptAfter = async (ms: number) => {
      await sleep(sim.host.clock, ms);
      log.roll();
      ok((await cleanNow(sim.host, log))?.isDone);
      return allRecords(log).map(({ offset }) => offset);
    };
    deepEqual(await keptAfter(0), [1]);
    deepEqual(await keptAfter(10_000), [1], "its time is over, but it is last");
    ok(
      log.read(1, { maxBytes: 1, minOneBatch: true, upToOffset: 2 }).source
        .sizeBytes > 0,
    );
    model.append(log, [{ key: "b", value: "y" }]);
    deepEqual(await keptAfter(0), [2]);
  }, config({ "delete.retention.ms": 5000 })));

Deno.test("what is dirty, and since when", () =>
  inWorld(async (world) => {
    const { sim, log, model } = world;
    const now = () => sim.host.clock.wallMs();
    let range = log.dirtyRange(now());
    strictEqual(range.isDue, false);
    strictEqual(range.dirtyRatio, 0);
    fill(world);
    range = log.dirtyRange(now());
    strictEqual(range.firstDirtyOffset, 0);
    strictEqual(range.firstUncleanableOffset, log.logEndOffset);
    strictEqual(range.dirtyRatio, 1);
    strictEqual(range.isDue, true);
    await model.clean(log);
    range = log.dirtyRange(now());
    strictEqual(range.firstDirtyOffset, log.logEndOffset);
    strictEqual(range.dirtyBytes, 0);
    strictEqual(range.cleanBytes, log.sizeBytes);
    strictEqual(range.isDue, false);
    model.append(log, [{ key: "a", value: "b" }], {
      producerId: 3,
      isTransactional: true,
    });
    log.roll();
    // What is undecided is left alone.
    strictEqual(log.dirtyRange(now()).dirtyBytes, 0);
    model.end(log, 3, "commit");
    ok(log.dirtyRange(now()).dirtyBytes > 0);
    strictEqual(log.dirtyRange(now()).isDue, false);
    log.updateConfig(config({ "max.compaction.lag.ms": 1000 }));
    await sleep(sim.host.clock, 3000);
    range = log.dirtyRange(now());
    ok(range.overdueMs > 1000);
    strictEqual(range.isDue, true);
    log.updateConfig(config({ "min.compaction.lag.ms": 10_000 }));
    strictEqual(log.dirtyRange(now()).dirtyBytes, 0);
    log.cleanedOffset = log.logEndOffset + 5;
    match(log.dirtyRange(now()).resetReason!, /after its end/);
    strictEqual(log.dirtyRange(now()).firstDirtyOffset, 0);
  }));

/** A cleaned log with an aborted transaction, of which the marker and the index's entry have to stay. */
async function cleanedWithAborted({ log, model }: World): Promise<void> {
  model.append(log, [{ key: "a", value: "1" }, { key: "b", value: "2" }]);
  const inside = { producerId: 3, isTransactional: true };
  model.append(log, [{ key: "a", value: "aborted" }], inside);
  model.end(log, 3, "abort");
  model.append(log, [{ key: "c", value: "3" }], inside);
  model.end(log, 3, "commit");
  log.roll();
  await model.clean(log);
  await log.flush();
  strictEqual(log.segments.first.transactions.entries.length, 1);
}

Deno.test("the files of a new segment stay when those of the old one go", () =>
  inWorld(async (world) => {
    const { sim, log, model } = world;
    model.append(log, [{ key: "a", value: "1" }]);
    log.roll();
    const inside = { producerId: 3, isTransactional: true };
    model.append(log, [{ key: "b", value: "aborted" }], inside);
    model.end(log, 3, "abort");
    log.roll();
    // Only the second of the two had aborted transactions.
    deepEqual(namesLike(sim, /txnindex/), ["00000000000000000001.txnindex"]);
    await model.clean(log);
    await sleep(sim.host.clock, 2000);
    deepEqual(namesLike(sim, /txnindex/), ["00000000000000000000.txnindex"]);
    model.check(log);
  }));

Deno.test("a cleaned segment that becomes the active one again writes its own files", () =>
  inWorld(async (world) => {
    const { sim, log, model } = world;
    model.append(log, [{ key: "a", value: "1" }]);
    model.append(log, [{ key: "b", value: "1" }]);
    log.roll();
    await model.clean(log);
    log.truncateTo(1);
    model.records.pop();
    const inside = { producerId: 3, isTransactional: true };
    model.append(log, [{ key: "a", value: "aborted" }], inside);
    model.end(log, 3, "abort");
    await log.flush();
    deepEqual(namesLike(sim, /txnindex/), ["00000000000000000000.txnindex"]);
    log.roll();
    await model.clean(log);
    model.check(log);
  }));

/** How far a crash may let a swap come: which files still have the suffix. */
const LEFT_IN_SWAP: { readonly [name: string]: readonly string[] } = {
  "nothing was renamed": [".log", ".index", ".timeindex", ".txnindex"],
  "one index was renamed": [".log", ".timeindex", ".txnindex"],
  "all indexes were renamed": [".log"],
  "the log was renamed first": [".index", ".timeindex", ".txnindex"],
  "the last index was not": [".txnindex"],
};

for (const [name, suffixes] of Object.entries(LEFT_IN_SWAP)) {
  Deno.test(`a start finishes a swap of which ${name}`, () =>
    inWorld(async (world) => {
      const { sim, dirs, model } = world;
      await cleanedWithAborted(world);
      dirs.abandon();
      const base = `${FOLDER}/00000000000000000000`;
      for (const suffix of suffixes) {
        sim.host.disk.rename(base + suffix, `${base + suffix}.swap`);
      }
      const again = await openTestLogs(sim.host, { topicConfig: config() });
      const log = again.log("t", 0)!;
      log.highWatermark = log.logEndOffset;
      deepEqual(namesLike(sim, /swap/), []);
      // The start has read the segment, in which no aborted record is left.
      strictEqual(log.segments.first.transactions.entries.length, 0);
      model.check(log);
      again.abandon();
    }));
}

Deno.test("a start leaves no aborted transactions of a segment that was replaced by one without", () =>
  inWorld(async (world) => {
    const { sim, dirs, log } = world;
    fill(world);
    await log.flush();
    dirs.abandon();
    const base = `${FOLDER}/00000000000000000000`;
    for (const suffix of [".log", ".index", ".timeindex"]) {
      sim.host.disk.rename(base + suffix, `${base + suffix}.swap`);
    }
    sim.disk.writeFile(`${base}.txnindex`, new Uint8Array(34));
    const again = await openTestLogs(sim.host, { topicConfig: config() });
    deepEqual(namesLike(sim, /swap|txnindex/), []);
    again.abandon();
  }));
