// A log that moves from one directory to another and back while it is written to,
// and what must be left of it whatever disk call fails or is the last: one log,
// with all that was flushed, and no folder beside it. Used by the sweeps of the log.

import { deepEqual, ok, strictEqual } from "node:assert/strict";
import { ConfigError } from "../config/config_error.ts";
import { type Host, sleep } from "../host/host.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import { verifyDirectory } from "../log/verify_directory.ts";
import type { LifeEnd, SweepLife, SweepWorkload } from "./disk_sweep.ts";
import { openTestLogs, testTopicConfig, TOPIC_ID } from "./log_fixture.ts";
import { LogModel } from "./log_sweep.ts";

const DIRECTORIES = ["/data/one", "/data/two"];
const PARTITION = { topic: "t", partition: 0 };
const CONFIG = testTopicConfig({
  "segment.bytes": 420,
  "index.interval.bytes": 80,
  "segment.index.bytes": 480,
  "file.delete.delay.ms": 20,
});

function openLogs(host: Host): Promise<LogDirs> {
  return openTestLogs(host, {
    directories: DIRECTORIES.join(),
    topicConfig: CONFIG,
  });
}

/** Until it has moved, and what it left behind is gone. */
async function untilMoved(host: Host, dirs: LogDirs): Promise<void> {
  for (let i = 0; [...dirs.moves.underWay()].length > 0; i++) {
    ok(i < 1000, "the move does not end");
    await sleep(host.clock, 5);
  }
  await sleep(host.clock, 100);
}

class World {
  readonly model = new LogModel(CONFIG);
  /** The directory that failed, if one did. */
  failed: string | undefined;
}

async function live(host: Host, world: World): Promise<void> {
  const { model } = world;
  let dirs = await openLogs(host);
  // Undefined once its directory has failed.
  const current = () => dirs.log("t", 0);
  const append = (leaderEpoch: number) => {
    const log = current();
    if (log !== undefined) model.append(log, leaderEpoch);
  };
  const flush = async () => {
    const log = current();
    if (log !== undefined) await model.flush(log);
  };
  try {
    model.step = "create, append and roll";
    const log = dirs.createLog({
      ...PARTITION,
      topicId: TOPIC_ID,
      config: CONFIG,
    });
    for (let i = 0; i < 9; i++) model.append(log, i >> 2);
    await model.flush(log);
    model.deleteBefore(log, 4);
    await log.flush();
    await dirs.checkpoint("logStart");
    model.step = "move";
    dirs.moves.move(PARTITION, DIRECTORIES[1]);
    append(3);
    await flush();
    append(3);
    await untilMoved(host, dirs);
    model.step = "append after a move";
    append(4);
    await flush();
    append(4);
    model.step = "stop";
    const end = current()?.logEndOffset;
    if (!await dirs.close()) return;
    model.durableEnd = end ?? model.durableEnd;
    model.step = "start";
    dirs = await openLogs(host);
    model.step = "move back";
    if (current() === undefined) return;
    dirs.moves.move(PARTITION, DIRECTORIES[0]);
    await untilMoved(host, dirs);
    append(5);
    await flush();
  } finally {
    world.failed = dirs.directories.find(({ state }) => !state.isOnline)?.path;
    dirs.abandon();
  }
}

/**
 * Where a directory fails just as its log has moved, it may come back with the old
 * one: then a start says so, and the operator does as it is told.
 */
async function openAsOperator(host: Host, world: World): Promise<LogDirs> {
  try {
    return await openLogs(host);
  } catch (error) {
    const isTold = error instanceof ConfigError &&
      error.message.includes("move one of them away");
    if (!isTold || world.failed === undefined) throw error;
    host.disk.removeTree(`${world.failed}/t-0`);
    return await openLogs(host);
  }
}

async function check(
  host: Host,
  world: World,
  { isAllKept }: LifeEnd,
): Promise<void> {
  const { model } = world;
  let dirs = await openAsOperator(host, world);
  const log = dirs.log("t", 0);
  ok(log !== undefined || !model.wasCreatedDurably, "the log is lost");
  if (log === undefined) return dirs.abandon();
  if (log.topicId === null) log.assignTopicId(TOPIC_ID);
  ok(!log.isCorrupt, "damage is reported");
  if (isAllKept) {
    const missing = model.writtenEnd - log.logEndOffset;
    ok(missing <= 0, `${missing} records are missing`);
  }
  model.checkRecovered(log);
  await untilMoved(host, dirs);
  model.append(dirs.log("t", 0)!, 9);
  await model.flush(dirs.log("t", 0)!);
  await sleep(host.clock, 100);
  strictEqual(await dirs.close(), true);
  const folders = DIRECTORIES.flatMap((directory) => {
    deepEqual(verifyDirectory(host.disk, directory).findings, []);
    return host.disk.list(directory).filter((name) => name.startsWith("t-"));
  });
  deepEqual(folders, ["t-0"]);
  dirs = await openLogs(host);
  strictEqual(dirs.wasClean, true);
  model.checkRunning(dirs.log("t", 0)!);
  dirs.abandon();
}

/** A move to another directory, and back. */
export const movesWorkload: SweepWorkload = {
  name: "moved and back",
  begin: (sim): SweepLife => {
    const world = new World();
    return {
      get step() {
        return world.model.step;
      },
      live: () => live(sim.host, world),
      recover: async () => {
        await (await openLogs(sim.host)).close();
      },
      check: (end) => check(sim.host, world, end),
    };
  },
};
