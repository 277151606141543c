// Deletions by retention, and what must be left whatever disk call fails or is the
// last: the start of the log never moves beyond what was asked, never back once
// its files are gone, what is left has no hole, and nothing that was flushed is
// lost. Used by the sweeps of the log.

import { deepEqual, ok, strictEqual } from "node:assert/strict";
import { sleep } from "../host/host.ts";
import {
  appendTest,
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "./log_fixture.ts";
import type { SweepLife, SweepWorkload } from "./disk_sweep.ts";
import type { SimHost } from "./sim_host.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { verifyPartition } from "../log/verify.ts";

const CONFIG = testTopicConfig({
  "segment.bytes": 300,
  "retention.ms": 1000,
  "index.interval.bytes": 80,
  "segment.index.bytes": 480,
  "file.delete.delay.ms": 20,
});
const FOLDER = "/data/logs/t-0";
const openLogs = (sim: SimHost) =>
  openTestLogs(sim.host, { topicConfig: CONFIG });

/** What the log must hold, by offset, and may no longer hold. */
class Story {
  step = "append and roll";
  readonly values: string[] = [];
  durableEnd = 0;
  startMax = 0;
  startMin = 0;
  /** Whether a new segment could not be made, and records stayed for that. */
  hadNoRoom = false;

  append(log: PartitionLog, sim: SimHost, isOld: boolean): void {
    const value = `value ${log.logEndOffset}`.padEnd(20);
    const nowMs = sim.host.clock.wallMs();
    this.values[log.logEndOffset] = value;
    appendTest(log, [value], {
      leaderEpoch: log.logEndOffset >> 3,
      timestampMs: isOld ? 5 : nowMs + 3_600_000,
      nowMs,
      producerId: 7,
      producerEpoch: 0,
      baseSequence: log.logEndOffset,
    });
  }

  async flush(log: PartitionLog): Promise<void> {
    const end = log.logEndOffset;
    await log.flush();
    this.durableEnd = end;
  }

  /** Deletes what is old up to an offset; less only where a full disk has no room for a new segment. */
  retain(log: PartitionLog, sim: SimHost, startExpected: number): void {
    this.startMax = startExpected;
    const starts = [
      startExpected,
      log.segments.active.baseOffset,
      ...(this.hadNoRoom ? [log.logStartOffset] : []),
    ];
    log.deleteOldSegments(sim.host.clock.wallMs());
    const start = log.logStartOffset;
    ok(starts.includes(start), `starts at ${start}, not at ${starts}`);
    this.hadNoRoom = start !== startExpected;
  }

  /** What a start found. */
  check(log: PartitionLog): void {
    const { logStartOffset: start, logEndOffset: end } = log;
    ok(end >= this.durableEnd, `ends at ${end}, flushed to ${this.durableEnd}`);
    ok(start <= this.startMax, `starts at ${start}, after ${this.startMax}`);
    ok(start >= this.startMin, `starts at ${start}, before ${this.startMin}`);
    const records = readAll(log);
    deepEqual(
      records.map(({ offset }) => offset),
      Array.from({ length: end - start }, (_, i) => start + i),
    );
    deepEqual(valuesOf(records), this.values.slice(start, end));
    ok(!log.isCorrupt, "damage is reported");
    if (end > start) {
      strictEqual(log.activeProducers()[0]?.lastSequence, end - 1);
    }
    for (const { offset } of records) {
      strictEqual(log.leaderEpochs.epochOf(offset), offset >> 3);
    }
  }
}

/** Ages out a part, then all of it, then goes on after a stop and a start. */
async function live(sim: SimHost, story: Story): Promise<void> {
  let dirs = await openLogs(sim);
  try {
    const identity = { topic: "t", partition: 0, topicId: TOPIC_ID };
    let log = dirs.createLog({ ...identity, config: CONFIG });
    for (let i = 0; i < 9; i++) story.append(log, sim, true);
    // Nothing of this is flushed by hand: rolls flush in the background.
    story.append(log, sim, false);
    story.step = "retention";
    const start = log.segments.active.baseOffset;
    story.retain(log, sim, start);
    for (let i = 0; i < 3; i++) story.append(log, sim, false);
    await story.flush(log);
    await sleep(sim.host.clock, 100);
    // The new start is in the checkpoint, and the old files are gone.
    if (log.isOnline) story.startMin = start;
    story.step = "retention of the last segment";
    log.updateConfig({ ...CONFIG, "retention.bytes": 0 });
    story.retain(log, sim, log.logEndOffset);
    for (let i = 0; i < 7; i++) story.append(log, sim, false);
    await story.flush(log);
    story.retain(log, sim, log.logEndOffset);
    story.append(log, sim, true);
    story.step = "stop and start";
    const end = log.logEndOffset;
    if (!await dirs.close()) return;
    story.startMin = log.logStartOffset;
    story.durableEnd = end;
    dirs = await openLogs(sim);
    log = dirs.log("t", 0)!;
    story.check(log);
    story.step = "retention after a start";
    for (let i = 0; i < 4; i++) story.append(log, sim, true);
    story.retain(log, sim, log.logEndOffset);
    await sleep(sim.host.clock, 100);
  } finally {
    dirs.abandon();
  }
}

async function checkNext(sim: SimHost, story: Story): Promise<void> {
  const dirs = await openLogs(sim);
  const log = dirs.log("t", 0);
  ok(log !== undefined || story.durableEnd === 0, "the log is lost");
  if (log === undefined) return dirs.abandon();
  story.check(log);
  const start = log.logStartOffset;
  story.values.length = log.logEndOffset;
  // The cluster knows the id where a crash has torn the file.
  if (log.topicId === null) log.assignTopicId(TOPIC_ID);
  story.append(log, sim, false);
  await story.flush(log);
  strictEqual(await dirs.close(), true);
  deepEqual(verifyPartition(sim.host.disk, FOLDER), []);
  const again = await openLogs(sim);
  strictEqual(again.log("t", 0)!.logStartOffset, start);
  story.check(again.log("t", 0)!);
  again.abandon();
}

/** Retention by time and by size, up to the last segment. */
export const retentionWorkload: SweepWorkload = {
  name: "retained",
  begin: (sim): SweepLife => {
    const story = new Story();
    return {
      get step() {
        return story.step;
      },
      live: () => live(sim, story),
      recover: async () => {
        await (await openLogs(sim)).close();
      },
      check: () => checkNext(sim, story),
    };
  },
};
