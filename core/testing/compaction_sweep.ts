// Two runs of the cleaner over a log with transactions and tombstones, and what
// must be left of it whatever disk call fails or is the last: the newest value of
// each key is there, nothing else has come back, and the next run leaves what the
// model says. Used by the sweeps of the log.

import { deepEqual, ok, strictEqual } from "node:assert/strict";
import { encodeUtf8 } from "../base/bytes.ts";
import { type Host, sleep } from "../host/host.ts";
import { encodeEndTransactionMarker } from "../record/control_record.ts";
import {
  encodeBatch,
  type Record,
  setBaseOffset,
  setPartitionLeaderEpoch,
} from "../record/record_batch.ts";
import { allRecords, cleanNow, readCommitted } from "./compaction_model.ts";
import { openTestLogs, testTopicConfig, TOPIC_ID } from "./log_fixture.ts";
import type { SimHost } from "./sim_host.ts";
import type { SweepLife, SweepWorkload } from "./disk_sweep.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { verifyPartition } from "../log/verify.ts";

const DIRECTORY = "/data/logs";
const CONFIG = testTopicConfig({
  "cleanup.policy": "compact",
  "segment.bytes": 500,
  "index.interval.bytes": 100,
  "delete.retention.ms": 100,
  "file.delete.delay.ms": 5,
});

/** Says what is being done. */
interface Step {
  step: string;
}

interface Appended {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
  /** How it ends; `null` outside of transactions. */
  readonly transaction: { isAborted: boolean; markerOffset: number } | null;
}

/** What was appended, and how much of it was made durable. */
class Written implements Step {
  step = "create";
  readonly records: Appended[] = [];
  durableEnd = 0;
  #count = 0;
  #sequence = 0;

  append(
    log: PartitionLog,
    keys: readonly string[],
    transaction: Appended["transaction"] = null,
  ): void {
    const baseOffset = log.logEndOffset;
    const inputs = keys.map((key) => {
      const number = this.#count++;
      const isTombstone = key.endsWith("!");
      return {
        key: key.replace("!", ""),
        value: isTombstone ? null : `${number}:${"x".repeat(number % 30)}`,
      };
    });
    const bytes = encodeBatch({
      records: inputs.map(({ key, value }) => ({
        timestampMs: 1_000_000 + baseOffset,
        key: encodeUtf8(key),
        value: value === null ? null : encodeUtf8(value),
      })),
      baseOffset,
      compression: this.#count % 4 === 0 ? "gzip" : "none",
      producerId: 7,
      producerEpoch: 0,
      baseSequence: this.#sequence,
      isTransactional: transaction !== null,
      partitionLeaderEpoch: 0,
    });
    this.#sequence += keys.length;
    inputs.forEach((input, i) =>
      this.records.push({ ...input, offset: baseOffset + i, transaction })
    );
    append(log, bytes);
  }

  /** Three batches in a transaction, and its end. */
  appendTransaction(log: PartitionLog, isAborted: boolean): void {
    const transaction = { isAborted, markerOffset: Infinity };
    this.append(log, ["a", "t"], transaction);
    this.append(log, ["b", "u", "a"], transaction);
    const marker = encodeEndTransactionMarker(
      { type: isAborted ? "abort" : "commit", coordinatorEpoch: 0 },
      {
        timestampMs: 1_000_000,
        producerId: 7,
        producerEpoch: 0,
        partitionLeaderEpoch: 0,
      },
    );
    setBaseOffset(marker, 0, log.logEndOffset);
    setPartitionLeaderEpoch(marker, 0, 0);
    transaction.markerOffset = log.logEndOffset;
    append(log, marker);
  }

  async flush(log: PartitionLog): Promise<void> {
    const end = log.logEndOffset;
    await log.flush();
    this.durableEnd = end;
  }

  /** Checks what a reader of committed records gets, in any state of cleaning. */
  check(log: PartitionLog): void {
    const end = log.logEndOffset;
    ok(end >= this.durableEnd, `ends at ${end}, not ${this.durableEnd}`);
    const known = new Map(this.records.map((each) => [each.offset, each]));
    const found = new Map<number, string | null>();
    for (const record of readCommitted(log)) {
      const appended = known.get(record.offset);
      ok(appended !== undefined, `offset ${record.offset} was never written`);
      strictEqual(textOf(record.key), appended.key);
      strictEqual(textOf(record.value), appended.value);
      ok(isCommitted(appended, end), `${record.offset} was aborted`);
      found.set(record.offset, appended.value);
    }
    const durable = this.latest(Math.min(this.durableEnd, end));
    for (const { offset, value, key } of durable) {
      const sameKey = this.records.filter((each) =>
        each.key === key && found.has(each.offset)
      );
      // A tombstone may be gone, but not before what it deletes.
      const isThere = value === null && sameKey.length === 0 ||
        sameKey.some((each) => each.offset >= offset);
      ok(isThere, `offset ${offset} is lost`);
    }
  }

  /** The last record of each key below an offset, of those that are there. */
  latest(end: number, offsets?: ReadonlySet<number>): Appended[] {
    const latest = new Map<string, Appended>();
    for (const each of this.records) {
      if (offsets !== undefined && !offsets.has(each.offset)) continue;
      if (each.offset < end && isCommitted(each, end)) {
        latest.set(each.key, each);
      }
    }
    return [...latest.values()].sort((a, b) => a.offset - b.offset);
  }
}

/** Two runs over a log with transactions and tombstones, the second with less to do. */
async function live(host: Host, written: Written): Promise<void> {
  const dirs = await openTestLogs(host, { topicConfig: CONFIG });
  try {
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config: CONFIG,
    });
    written.step = "append and roll";
    written.append(log, ["a", "b", "c"]);
    written.append(log, ["a", "d!", "e"]);
    written.appendTransaction(log, true);
    written.append(log, ["c", "b!", "f"]);
    written.appendTransaction(log, false);
    written.append(log, ["g", "a", "g"]);
    log.roll();
    await written.flush(log);
    written.step = "compaction";
    await clean(host, log, written);
    written.check(log);
    await sleep(host.clock, 200);
    written.step = "append and roll";
    written.append(log, ["h", "e", "t"]);
    written.appendTransaction(log, true);
    written.append(log, ["a", "c!", "i"]);
    log.roll();
    written.step = "compaction with tombstones";
    await clean(host, log, written);
    written.check(log);
    written.step = "stop";
    written.append(log, ["k"]);
    await written.flush(log);
    await sleep(host.clock, 20);
    await dirs.close();
  } finally {
    dirs.abandon();
  }
}

async function clean(
  host: Host,
  log: PartitionLog,
  written: Written,
): Promise<void> {
  const result = await cleanNow(host, log, {
    turnMs: 0,
    pause: () => {
      // Nothing is dropped for a record that is not durable.
      written.durableEnd = log.recoveryPoint;
      return sleep(host.clock, 1);
    },
    syncBytes: 200,
  });
  ok(result?.isDone);
}

async function openAndClose(host: Host): Promise<void> {
  const dirs = await openTestLogs(host, { topicConfig: CONFIG });
  await dirs.close();
}

/** Starts after a crash, checks, and lets the cleaner do all again. */
async function checkNextLife(host: Host, written: Written): Promise<void> {
  const dirs = await openTestLogs(host, { topicConfig: CONFIG });
  const log = dirs.log("t", 0);
  if (log === undefined) {
    strictEqual(written.durableEnd, 0);
    dirs.abandon();
    return;
  }
  if (log.topicId === null) log.assignTopicId(TOPIC_ID);
  log.highWatermark = log.logEndOffset;
  written.check(log);
  const expected = written.latest(
    log.logEndOffset,
    new Set(allRecords(log).map(({ offset }) => offset)),
  );
  const [open] = log.activeProducers();
  if (open !== undefined && open.currentTxnStartOffset >= 0) {
    const marker = encodeEndTransactionMarker(
      { type: "abort", coordinatorEpoch: 0 },
      {
        timestampMs: 1_000_000,
        producerId: 7,
        producerEpoch: 0,
        partitionLeaderEpoch: 0,
      },
    );
    setBaseOffset(marker, 0, log.logEndOffset);
    append(log, marker);
  }
  log.roll();
  await clean(host, log, written);
  // Tombstones may go now, or later.
  deepEqual(
    allRecords(log).filter((record) => record.value !== null)
      .map((record) => [record.offset, textOf(record.value)]),
    expected.filter(({ value }) => value !== null)
      .map(({ offset, value }) => [offset, value]),
  );
  await sleep(host.clock, 100);
  strictEqual(await dirs.close(), true);
  const folder = `${DIRECTORY}/t-0`;
  deepEqual(verifyPartition(host.disk, folder), []);
  const left = host.disk.list(folder).filter((name) =>
    /\.(cleaned|swap|deleted|tmp)$/.test(name)
  );
  deepEqual(left, []);
}

/** Compaction: clean, swap, stop. */
export const compactionWorkload: SweepWorkload = {
  name: "compacted",
  begin: (sim: SimHost): SweepLife => {
    const written = new Written();
    return {
      get step() {
        return written.step;
      },
      live: () => live(sim.host, written),
      recover: () => openAndClose(sim.host),
      check: () => checkNextLife(sim.host, written),
    };
  },
};

function append(log: PartitionLog, bytes: Uint8Array): void {
  log.append(bytes, { leaderEpoch: 0, nowMs: 2_000_000, origin: "replica" });
  log.highWatermark = log.logEndOffset;
}

function isCommitted({ transaction }: Appended, end: number): boolean {
  return transaction === null ||
    (!transaction.isAborted && transaction.markerOffset < end);
}

function textOf(bytes: Record["value"]): string | null {
  return bytes === null ? null : new TextDecoder().decode(bytes);
}
