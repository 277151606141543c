// A life of two partitions, and what must be left of it whatever disk call fails
// or is the last: used by the sweeps of the log.
//
// Every record of `t-0` says its epoch and a number of its own, and producer 7
// writes each with its offset as sequence number, so the log can be held against
// the model, and the producers' state and the epochs against the log.

import { deepEqual, ok, strictEqual } from "node:assert/strict";
import type { TopicConfig } from "../config/topic_config.ts";
import type { Host } from "../host/host.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { verifyPartition } from "../log/verify.ts";
import type { SweepLife, SweepWorkload } from "./disk_sweep.ts";
import {
  appendTest,
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "./log_fixture.ts";

const DIRECTORY = "/data/logs";

/** How logs are lived: rolled again and again, or so small that a start reads them whole. */
export const SWEEP_CONFIGS = {
  rolled: sweepConfig(420),
  small: sweepConfig(1_000_000),
} as const;

function sweepConfig(segmentBytes: number): TopicConfig {
  return testTopicConfig({
    "segment.bytes": segmentBytes,
    "index.interval.bytes": 80,
    "segment.index.bytes": 480,
    "file.delete.delay.ms": 50,
  });
}

/** What the log may hold, and what it must. */
export class LogModel {
  /** What is being done. */
  step = "start";
  /** Values by offset, as the running log has them. */
  current: string[] = [];
  /** Values that a crash may bring back, by offset. */
  readonly possible: Set<string>[] = [];
  /** Offsets below were flushed since they were written. */
  durableEnd = 0;
  /** Offsets below are there after the process is killed. */
  writtenEnd = 0;
  /** The start that was asked for. */
  startAsked = 0;
  /** The start that the checkpoint has. */
  durableStart = 0;
  wasCreatedDurably = false;
  /** The end of `empty-0`, which is flushed only after a stop and a start. */
  emptyDurableEnd = 0;
  #count = 0;

  constructor(readonly config: TopicConfig = SWEEP_CONFIGS.rolled) {}

  append(log: PartitionLog, leaderEpoch: number): void {
    const offset = log.logEndOffset;
    const value = `${leaderEpoch}:${this.#count++}:${"x".repeat(10)}`;
    (this.possible[offset] ??= new Set()).add(value);
    appendTest(log, [value], {
      leaderEpoch,
      timestampMs: 1_000_000 + this.#count * 10,
      producerId: 7,
      producerEpoch: 0,
      baseSequence: offset,
    });
    this.current[offset] = value;
    this.writtenEnd = offset + 1;
  }

  async flush(log: PartitionLog): Promise<void> {
    const end = log.logEndOffset;
    await log.flush();
    this.durableEnd = end;
    this.wasCreatedDurably = true;
  }

  async truncate(log: PartitionLog, offset: number): Promise<void> {
    this.durableEnd = Math.min(this.durableEnd, offset);
    this.writtenEnd = Math.min(this.writtenEnd, offset);
    await log.truncate(offset);
    this.current.length = offset;
  }

  deleteBefore(log: PartitionLog, offset: number): void {
    this.startAsked = offset;
    log.deleteRecordsBefore(offset);
  }

  /** The running log has what was appended, no more and no less. */
  checkRunning(log: PartitionLog): void {
    strictEqual(log.logEndOffset, this.current.length);
    deepEqual(valuesOf(readAll(log)), this.current.slice(log.logStartOffset));
  }

  /** What a start found after a crash. */
  checkRecovered(log: PartitionLog): void {
    ok(
      log.logEndOffset >= this.durableEnd,
      `ends at ${log.logEndOffset}, flushed up to ${this.durableEnd}`,
    );
    ok(log.logStartOffset <= this.startAsked, "starts too late");
    ok(log.logStartOffset >= this.durableStart, "deleted records came back");
    const records = readAll(log);
    strictEqual(records.length, log.logEndOffset - log.logStartOffset);
    valuesOf(records).forEach((value, i) => {
      const offset = log.logStartOffset + i;
      strictEqual(records[i].offset, offset);
      if (offset < this.durableEnd) strictEqual(value, this.current[offset]);
      else ok(this.possible[offset]?.has(value), `${value} at ${offset}`);
      strictEqual(
        log.leaderEpochs.epochOf(offset),
        Number(value.split(":")[0]),
        `epoch of offset ${offset}`,
      );
    });
    if (records.length > 0) {
      strictEqual(log.activeProducers()[0]?.lastSequence, log.logEndOffset - 1);
    }
    this.current = valuesOf(records);
    this.current.unshift(...Array(log.logStartOffset).fill(""));
  }
}

export function openSweepLogs(host: Host, model: LogModel): Promise<LogDirs> {
  return openTestLogs(host, {
    directories: DIRECTORY,
    topicConfig: model.config,
  });
}

/** Makes, fills, flushes, cuts and deletes, closes and opens again. */
export async function liveLife(host: Host, model: LogModel): Promise<void> {
  let dirs = await openSweepLogs(host, model);
  const create = (topic: string, partition: number) =>
    dirs.createLog({
      topic,
      partition,
      topicId: TOPIC_ID,
      config: model.config,
    });
  try {
    model.step = "create, append and roll";
    const log = create("t", 0);
    for (let i = 0; i < 7; i++) model.append(log, 0);
    model.checkRunning(log);
    model.step = "flush";
    await model.flush(log);
    model.step = "checkpoint";
    await dirs.checkpoint("recoveryPoint");
    model.step = "create, append and roll";
    const other = create("gone", 3);
    appendTest(other, ["to be deleted"]);
    for (let i = 0; i < 5; i++) model.append(log, i < 2 ? 0 : 2);
    model.step = "truncation";
    await model.truncate(log, 10);
    model.step = "create, append and roll";
    for (let i = 0; i < 4; i++) model.append(log, 3);
    await model.flush(log);
    model.checkRunning(log);
    model.step = "deletion of records";
    model.deleteBefore(log, 6);
    await dirs.directories[0].checkpoint("logStart");
    model.durableStart = 6;
    model.step = "deletion of a topic";
    dirs.deleteLog("gone", 3);
    await new Promise<void>((done) => host.clock.after(100, done));
    for (let i = 0; i < 3; i++) model.append(log, 3);
    create("empty", 0).assignLeaderEpoch(3);
    model.step = "stop";
    const end = log.logEndOffset;
    if (!await dirs.close()) return;
    model.durableEnd = end;
    model.step = "start";
    dirs = await openSweepLogs(host, model);
    const again = dirs.log("t", 0)!;
    model.checkRunning(again);
    model.step = "append after a start";
    const empty = dirs.log("empty", 0)!;
    empty.assignLeaderEpoch(4);
    appendTest(empty, ["first"], { leaderEpoch: 4 });
    await empty.flush();
    model.emptyDurableEnd = 1;
    for (let i = 0; i < 3; i++) model.append(again, 4);
    await model.flush(again);
    model.append(again, 4);
  } finally {
    dirs.abandon();
  }
}

/** Starts after a crash, and holds what is found against the model; then goes on, stops cleanly, and looks again. */
export async function checkNextLife(
  host: Host,
  model: LogModel,
): Promise<void> {
  const dirs = await openSweepLogs(host, model);
  checkEmpty(dirs.log("empty", 0), model);
  let log = dirs.log("t", 0);
  ok(log !== undefined || !model.wasCreatedDurably, "the log is lost");
  if (log === undefined) {
    dirs.abandon();
    return;
  }
  checkTopicId(log, model.wasCreatedDurably);
  model.checkRecovered(log);
  // The cluster knows the id where a crash has torn the file.
  for (const each of dirs.logs()) {
    if (each.topicId === null) each.assignTopicId(TOPIC_ID);
  }
  model.append(log, 9);
  await model.flush(log);
  strictEqual(await dirs.close(), true);
  for (const name of host.disk.list(DIRECTORY)) {
    if (!/-\d$/.test(name)) continue;
    deepEqual(verifyPartition(host.disk, `${DIRECTORY}/${name}`), []);
  }
  const names = host.disk.list(DIRECTORY);
  deepEqual(names.filter((name) => /\.tmp$|-delete$/.test(name)), []);

  const again = await openSweepLogs(host, model);
  strictEqual(again.wasClean, true);
  checkEmpty(again.log("empty", 0), model);
  log = again.log("t", 0)!;
  strictEqual(log.logEndOffset, model.durableEnd);
  model.checkRunning(log);
  again.abandon();
}

/** Records must not outlive the id of their topic. */
function checkTopicId(log: PartitionLog, isDurable: boolean): void {
  ok(log.topicId === TOPIC_ID || (log.topicId === null && !isDurable));
}

/** Of a log that was empty at the stop, a crash may take all; what is there is whole. */
function checkEmpty(log: PartitionLog | undefined, model: LogModel): void {
  ok((log?.logEndOffset ?? 0) >= model.emptyDurableEnd, "empty-0 is lost");
  if (log === undefined) return;
  checkTopicId(log, model.emptyDurableEnd > 0);
  strictEqual(log.logStartOffset, 0);
  deepEqual(valuesOf(readAll(log)), ["first"].slice(0, log.logEndOffset));
  strictEqual(log.leaderEpochs.latestEpoch, log.logEndOffset === 0 ? -1 : 4);
}

function workload(name: keyof typeof SWEEP_CONFIGS): SweepWorkload {
  return {
    name,
    begin: (sim): SweepLife => {
      const model = new LogModel(SWEEP_CONFIGS[name]);
      return {
        get step() {
          return model.step;
        },
        live: () => liveLife(sim.host, model),
        recover: async () => {
          await (await openSweepLogs(sim.host, model)).close();
        },
        check: () => checkNextLife(sim.host, model),
      };
    },
  };
}

/** A log of many segments, and beside it one that is empty and one that is deleted. */
export const rolledWorkload = workload("rolled");
/** The same in one segment, so small that a start reads it whole. */
export const smallWorkload = workload("small");
