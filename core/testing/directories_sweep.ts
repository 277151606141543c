// Two log directories: a log that is truncated below its recovery point, and a
// topic that is deleted and made again, in the other directory or in the same.
// What must be left of them whatever disk call fails or is the last: nothing that
// was flushed is lost, what was deleted does not come back as what was made after
// it, and no files are left over. Used by the sweeps of the log.

import { deepEqual, ok, strictEqual } from "node:assert/strict";
import { brokerConfig } from "../config/broker_config.ts";
import { readConfig } from "../config/table.ts";
import { type Host, sleep } from "../host/host.ts";
import { LogDirs } from "../log/log_dirs.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { verifyDirectory } from "../log/verify_directory.ts";
import type { LifeEnd, SweepLife, SweepWorkload } from "./disk_sweep.ts";
import {
  appendTest,
  readAll,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "./log_fixture.ts";
import { LogModel } from "./log_sweep.ts";

const DIRECTORIES = ["/data/a", "/data/b"];
const CONFIG = testTopicConfig({
  "segment.bytes": 420,
  "index.interval.bytes": 80,
  "segment.index.bytes": 480,
  "file.delete.delay.ms": 20,
});
const OLD_ID = "AAAAAAAAQQCBrn_DbywMUA";
const NEW_ID = "BBBBBBBBQQCBrn_DbywMUA";

/** The topic that is deleted and made again. */
class Renewed {
  /** What the cluster says of it; `null` where there is no such topic. */
  topicId: string | null = null;
  values: string[] = [];
  /** How many of them a killed process leaves behind. */
  writtenCount = 0;
  durableEnd = 0;
  #count = 0;

  append(log: PartitionLog): void {
    const value = `${this.topicId} ${this.#count++}`;
    this.values.push(value);
    appendTest(log, [value], { timestampMs: 1_000_000 });
    this.writtenCount = this.values.length;
  }

  async flush(log: PartitionLog): Promise<void> {
    const end = log.logEndOffset;
    await log.flush();
    this.durableEnd = end;
  }

  forget(topicId: string | null): void {
    this.topicId = topicId;
    this.values = [];
    this.durableEnd = 0;
    this.writtenCount = 0;
  }
}

class World {
  step = "start";
  readonly model = new LogModel(CONFIG);
  readonly renewed = new Renewed();
  /** Whether a crash that keeps all may not bring the deleted log back. */
  isOldGone = false;
  /** Whether a power cut may not either. */
  isOldDurablyGone = false;
}

function openLogs(host: Host, { renewed }: World): Promise<LogDirs> {
  return LogDirs.open({
    host,
    config: readConfig(
      brokerConfig,
      new Map([
        ["log.dirs", DIRECTORIES.join()],
        ["log.cleaner.enable", "false"],
      ]),
    ),
    brokerId: 1,
    clusterId: "MutPdyIqQC2vH8EukKTZzQ",
    topicConfig: () => CONFIG,
    topicId: (topic) => topic === "t" ? TOPIC_ID : renewed.topicId ?? undefined,
  });
}

function create(dirs: LogDirs, topic: string, topicId: string): PartitionLog {
  return dirs.createLog({ topic, partition: 0, topicId, config: CONFIG });
}

async function live(host: Host, world: World): Promise<void> {
  const { model, renewed } = world;
  let dirs = await openLogs(host, world);
  try {
    world.step = "create, append and roll";
    renewed.topicId = OLD_ID;
    let old = create(dirs, "renewed", OLD_ID);
    const log = create(dirs, "t", TOPIC_ID);
    for (let i = 0; i < 8; i++) {
      model.append(log, 0);
      renewed.append(old);
    }
    await model.flush(log);
    await renewed.flush(old);
    world.step = "checkpoint";
    old.deleteRecordsBefore(5);
    await dirs.checkpoint("recoveryPoint");
    await dirs.checkpoint("highWatermark");
    await dirs.checkpoint("logStart");
    world.step = "truncation below the recovery point";
    await model.truncate(log, 3);
    for (let i = 0; i < 3; i++) model.append(log, 2);
    await model.flush(log);
    world.step = "deletion of a topic";
    renewed.forget(null);
    dirs.deleteLog("renewed", 0);
    world.isOldGone = true;
    world.step = "creation after a deletion";
    renewed.forget(NEW_ID);
    old = create(dirs, "renewed", NEW_ID);
    for (let i = 0; i < 3; i++) renewed.append(old);
    await sleep(host.clock, 60);
    world.isOldDurablyGone = dirs.directories.every(({ state }) =>
      state.isOnline
    );
    await renewed.flush(old);
    world.step = "stop";
    const end = log.logEndOffset;
    const renewedEnd = old.logEndOffset;
    if (!await dirs.close()) return;
    model.durableEnd = end;
    renewed.durableEnd = renewedEnd;
    world.step = "start";
    dirs = await openLogs(host, world);
    const [again, other] = [dirs.log("renewed", 0), dirs.log("t", 0)];
    // Else their directory has failed.
    if (again !== undefined) renewed.append(again);
    if (other === undefined) return;
    model.append(other, 3);
    await model.flush(other);
  } finally {
    dirs.abandon();
  }
}

async function check(
  host: Host,
  world: World,
  end: LifeEnd,
): Promise<void> {
  const { model, renewed } = world;
  let dirs = await openLogs(host, world);
  const log = dirs.log("t", 0) ?? create(dirs, "t", TOPIC_ID);
  if (log.topicId === null) log.assignTopicId(TOPIC_ID);
  ok(!log.isCorrupt, "damage is reported");
  if (end.isAllKept) {
    const missing = model.writtenEnd - log.logEndOffset;
    ok(missing <= 0, `${missing} records are missing`);
  }
  model.checkRecovered(log);
  const found = checkRenewed(dirs, world, end);
  model.append(log, 9);
  await model.flush(log);
  if (found !== null) {
    renewed.append(found);
    await renewed.flush(found);
  }
  await sleep(host.clock, 60);
  strictEqual(await dirs.close(), true);
  for (const directory of DIRECTORIES) {
    deepEqual(verifyDirectory(host.disk, directory).findings, []);
  }
  dirs = await openLogs(host, world);
  strictEqual(dirs.wasClean, true);
  model.checkRunning(dirs.log("t", 0)!);
  const again = dirs.log("renewed", 0);
  deepEqual(
    again === undefined ? [] : valuesOf(readAll(again)),
    renewed.values,
  );
  dirs.abandon();
}

/** As the broker does: what the cluster does not know is deleted, what is missing is made. */
function checkRenewed(
  dirs: LogDirs,
  { renewed, isOldGone, isOldDurablyGone }: World,
  { isAllKept }: LifeEnd,
): PartitionLog | null {
  let log = dirs.log("renewed", 0);
  if (log !== undefined && log.topicId !== renewed.topicId) {
    if (log.topicId === null && renewed.topicId !== null) {
      log.assignTopicId(renewed.topicId);
    } else {
      ok(!(isOldGone && isAllKept), "a deleted topic came back");
      ok(!isOldDurablyGone, "a deleted topic came back after a power cut");
      dirs.deleteLog("renewed", 0);
      log = undefined;
    }
  }
  if (renewed.topicId === null) return null;
  if (log === undefined) {
    strictEqual(renewed.durableEnd, 0, "the new topic is lost");
    log = create(dirs, "renewed", renewed.topicId);
  }
  const { logEndOffset, logStartOffset } = log;
  const values = valuesOf(readAll(log));
  ok(logEndOffset >= renewed.durableEnd, `ends at ${logEndOffset}`);
  ok(!isAllKept || logEndOffset >= renewed.writtenCount, "records are lost");
  // An empty log may go on where the one before it started.
  const mayBeEmpty = !isAllKept || renewed.writtenCount === 0;
  const isEmpty = logStartOffset === logEndOffset && mayBeEmpty;
  if (renewed.topicId === NEW_ID && !isEmpty) strictEqual(logStartOffset, 0);
  deepEqual(values, renewed.values.slice(logStartOffset, logEndOffset));
  renewed.values = values;
  return log;
}

/** Truncation, and a topic that is deleted and made again, in two directories. */
export const directoriesWorkload: SweepWorkload = {
  name: "two directories",
  begin: (sim): SweepLife => {
    const world = new World();
    return {
      get step() {
        return world.step;
      },
      live: () => live(sim.host, world),
      recover: async () => {
        await (await openLogs(sim.host, world)).close();
      },
      check: (end) => check(sim.host, world, end),
    };
  },
};
