// A log that moves to another directory while it is appended to, as a workload of
// the sweeps: whatever the last step was, the log is there once, with all that
// was flushed.

import { deepEqual, ok, strictEqual } from "node:assert/strict";
import { type Host, sleep } from "../host/host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import type { SweepLife, SweepWorkload } from "./disk_sweep.ts";
import {
  appendTest,
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "./log_fixture.ts";

const FROM = "/data/one";
const TO = "/data/two";
const CONFIG = testTopicConfig({
  "segment.bytes": 420,
  "index.interval.bytes": 80,
  "file.delete.delay.ms": 10,
});
const BEFORE = 5;
const DURING = 2;
const STARTS_AT = 3;

/** What must be there, and what may. */
class Model {
  step = "start";
  attempted: string[] = [];
  durableEnd = 0;
  /** Whether deleted records may not come back. */
  isStartDurable = false;
}

function open(host: Host): Promise<LogDirs> {
  return openTestLogs(host, {
    directories: `${FROM},${TO}`,
    topicConfig: CONFIG,
  });
}

async function append(dirs: LogDirs, model: Model): Promise<void> {
  const log = dirs.log("t", 0);
  if (log === undefined) throw new KafkaError("KAFKA_STORAGE_ERROR");
  const value = `value ${model.attempted.length}`;
  model.attempted.push(value);
  appendTest(log, [value], { leaderEpoch: 2 });
  const end = log.logEndOffset;
  log.highWatermark = end;
  if (end % 2 !== 0) return;
  await log.flush();
  model.durableEnd = Math.max(model.durableEnd, end);
}

async function live(host: Host, model: Model): Promise<void> {
  const dirs = await open(host);
  model.step = "fill";
  dirs.createLog({
    topic: "t",
    partition: 0,
    topicId: TOPIC_ID,
    config: CONFIG,
  });
  for (let i = 0; i < BEFORE; i++) await append(dirs, model);
  dirs.log("t", 0)!.deleteRecordsBefore(STARTS_AT);
  await dirs.directories[0].checkpoint("logStart");
  model.isStartDurable = true;
  model.step = "copy";
  dirs.moves.move({ topic: "t", partition: 0 }, TO);
  await sleep(host.clock, 1);
  model.step = "swap";
  for (let i = 0; i < DURING; i++) {
    await append(dirs, model);
    await sleep(host.clock, 1);
  }
  for (let i = 0; i < 200 && isUnderWay(dirs); i++) {
    await sleep(host.clock, 5);
  }
  model.step = "after";
  await append(dirs, model);
  await append(dirs, model);
  await sleep(host.clock, 50);
  model.step = "stop";
  await dirs.close();
}

function isUnderWay(dirs: LogDirs): boolean {
  return [...dirs.moves.underWay()].length > 0;
}

async function check(host: Host, model: Model): Promise<void> {
  let dirs = await open(host);
  let log = dirs.log("t", 0);
  ok(log !== undefined || model.durableEnd === 0, "the log is lost");
  if (log === undefined) return;
  ok(log.logEndOffset >= model.durableEnd, `ends at ${log.logEndOffset}`);
  if (model.isStartDurable) strictEqual(log.logStartOffset, STARTS_AT);
  const expected = (end: number) =>
    model.attempted.slice(log!.logStartOffset, end);
  deepEqual(valuesOf(readAll(log)), expected(log.logEndOffset));
  const end = log.logEndOffset;
  appendTest(log, ["one more"], { leaderEpoch: 2 });
  // A move that was not done goes on, and ends.
  for (let i = 0; i < 500 && isUnderWay(dirs); i++) {
    await sleep(host.clock, 5);
  }
  await sleep(host.clock, 100);
  strictEqual(isUnderWay(dirs), false);
  strictEqual(await dirs.close(), true);
  for (const path of [FROM, TO]) {
    const odd = host.disk.list(path).filter((name) => name.endsWith("-future"));
    deepEqual(odd, [], "a folder is left");
  }
  dirs = await open(host);
  log = dirs.log("t", 0)!;
  deepEqual(valuesOf(readAll(log)), [...expected(end), "one more"]);
  strictEqual(await dirs.close(), true);
}

/** A log that moves between two directories. */
export const moveWorkload: SweepWorkload = {
  name: "moved",
  directories: [FROM, TO],
  begin: (sim): SweepLife => {
    const model = new Model();
    return {
      get step() {
        return model.step;
      },
      live: () => live(sim.host, model),
      recover: async () => {
        await (await open(sim.host)).close();
      },
      check: () => check(sim.host, model),
    };
  },
};
