// Transactions that begin, end and are cut off again, and what both kinds of
// readers must get whatever disk call fails or is the last. Used by the sweeps of
// the log.

import { deepEqual, ok, strictEqual } from "node:assert/strict";
import type { Host } from "../host/host.ts";
import type { LogDirs } from "../log/log_dirs.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { verifyPartition } from "../log/verify.ts";
import type { SweepLife, SweepWorkload } from "./disk_sweep.ts";
import { openTestLogs, testTopicConfig, TOPIC_ID } from "./log_fixture.ts";
import { TransactionModel, type Writer } from "./transaction_model.ts";

const FOLDER = "/data/logs/t-0";

const NEWER: Writer = { producerId: 1, hasOwnEpochs: true };
const OLDER: Writer = { producerId: 2, hasOwnEpochs: false };

class Story {
  step = "transactions";
  readonly model = new TransactionModel();
  readonly #config;

  constructor(segmentBytes: number) {
    this.#config = testTopicConfig({
      "segment.bytes": segmentBytes,
      "index.interval.bytes": 80,
      "segment.index.bytes": 480,
      "file.delete.delay.ms": 50,
    });
  }

  open(host: Host): Promise<LogDirs> {
    return openTestLogs(host, { topicConfig: this.#config });
  }

  create(dirs: LogDirs): PartitionLog {
    return dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config: this.#config,
    });
  }

  async flush(log: PartitionLog): Promise<void> {
    const { end } = this.model;
    await log.flush();
    this.model.durableEnd = end;
  }

  /** Transactions of two producers, one inside of the other, with others between. */
  interleave(log: PartitionLog, isCommit: boolean): void {
    const { model } = this;
    model.inside(log, NEWER, 2);
    model.plain(log, 1);
    model.inside(log, OLDER, 1);
    model.inside(log, NEWER, 1);
    model.finish(log, NEWER, !isCommit);
    model.inside(log, NEWER, 1);
    model.finish(log, OLDER, isCommit);
    model.replicate(log, model.end);
    model.check(log);
  }
}

/** Goes on after a stop with an abort, the first in its segment, and cuts one off. */
async function live(host: Host, story: Story): Promise<void> {
  const { model } = story;
  let dirs = await story.open(host);
  try {
    let log = story.create(dirs);
    story.interleave(log, true);
    await story.flush(log);
    story.interleave(log, false);
    model.plain(log, 1);
    await story.flush(log);
    story.step = "truncation of a marker";
    const { end } = model;
    model.finish(log, NEWER, false);
    await log.truncate(end);
    model.cut(log.logEndOffset);
    model.check(log);
    story.step = "stop and start";
    const stopped = model.end;
    if (!await dirs.close()) return;
    model.durableEnd = stopped;
    dirs = await story.open(host);
    log = dirs.log("t", 0)!;
    model.recovered(log);
    story.step = "transactions after a start";
    model.finish(log, NEWER, false);
    model.replicate(log, model.end);
    await story.flush(log);
    model.check(log);
    story.interleave(log, false);
    await story.flush(log);
    model.inside(log, OLDER, 1);
  } finally {
    dirs.abandon();
  }
}

async function checkNext(host: Host, story: Story): Promise<void> {
  const { model } = story;
  const dirs = await story.open(host);
  let log = dirs.log("t", 0);
  ok(log !== undefined || model.durableEnd === 0, "the log is lost");
  if (log === undefined) return dirs.abandon();
  if (log.topicId === null) log.assignTopicId(TOPIC_ID);
  model.recovered(log);
  // Coordinators end what they find open, and find no trouble in it.
  for (const writer of [NEWER, OLDER]) {
    model.finish(log, writer, false);
  }
  model.replicate(log, model.end);
  strictEqual(log.lastStableOffset, log.logEndOffset);
  model.check(log);
  await story.flush(log);
  strictEqual(await dirs.close(), true);
  deepEqual(verifyPartition(host.disk, FOLDER), []);
  const again = await story.open(host);
  log = again.log("t", 0)!;
  model.recovered(log);
  again.abandon();
}

function workload(name: string, segmentBytes: number): SweepWorkload {
  return {
    name,
    begin: (sim): SweepLife => {
      const story = new Story(segmentBytes);
      return {
        get step() {
          return story.step;
        },
        live: () => live(sim.host, story),
        recover: async () => {
          await (await story.open(sim.host)).close();
        },
        check: ({ isAllKept }) => {
          // A batch that was on its way may be missing.
          const { model } = story;
          if (isAllKept) {
            model.writtenEnd = model.entries.at(-1)?.baseOffset ?? 0;
          }
          return checkNext(sim.host, story);
        },
      };
    },
  };
}

/** Transactions over many segments. */
export const transactionsWorkload = workload("transactions", 420);
/** The same in a log so small that a start reads it whole. */
export const smallTransactionsWorkload = workload(
  "small transactions",
  1_000_000,
);
