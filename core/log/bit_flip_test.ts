// One bit flipped in any file of a directory that was closed cleanly: no record is
// served that is not the one that was written, and no file beside a log keeps a
// record from being read. (Lists of aborted transactions and leader
// epochs have no checksum: what makes no sense there is told as damage, or made
// again, and what only is not true is found by `kq log verify`, which can mend it. No
// checksum covers a batch's offset and leader epoch either. All as in Apache Kafka.)

import { deepEqual, ok } from "node:assert/strict";
import { ConfigError } from "../config/config_error.ts";
import { encodeEndTransactionMarker } from "../record/control_record.ts";
import { batchSize, setBaseOffset } from "../record/record_batch.ts";
import {
  appendTest,
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
} from "../testing/log_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { SimRandom } from "../testing/sim_random.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import type { PartitionLog } from "./partition_log.ts";
import { verifyDirectory } from "./verify_directory.ts";

const CONFIG = testTopicConfig({
  "index.interval.bytes": 100,
  "segment.bytes": 1500,
});
const RECORD_COUNT = 40;
const FLIPS_A_FILE = 25;
/** Files of numbers without a checksum: a start takes what may be true for true. */
const TOLD_BY_VERIFY = /\.txnindex$|leader-epoch-checkpoint$/;
/** Of a batch; what is before it no checksum covers. */
const CRC_POSITION = 17;

async function stopped(): Promise<SimHost> {
  const sim = simHost(3);
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: CONFIG });
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config: CONFIG,
    });
    for (let i = 0; i < RECORD_COUNT; i++) {
      appendTest(log, [`value ${i}`], {
        timestampMs: 1_000_000 + i,
        leaderEpoch: i >> 4,
        producerId: 8,
        producerEpoch: 0,
        baseSequence: i,
        isTransactional: true,
      });
      if (i % 8 !== 3) continue;
      const marker = encodeEndTransactionMarker(
        { type: "abort", coordinatorEpoch: 0 },
        { timestampMs: 1_000_000, producerId: 8, producerEpoch: 0 },
      );
      setBaseOffset(marker, 0, log.logEndOffset);
      log.append(marker, {
        leaderEpoch: i >> 4,
        nowMs: 1_000_000,
        origin: "coordinator",
      });
      log.highWatermark = log.logEndOffset;
    }
    ok(await dirs.close());
  });
  return sim;
}

/** Records by offset, from each offset on; what is refused as damaged is left out. */
function served(log: PartitionLog): Map<number, string> {
  const found = new Map<number, string>();
  for (let offset = log.logStartOffset; offset < log.logEndOffset; offset++) {
    try {
      for (const record of readAll(log, offset).slice(0, 2)) {
        const value = new TextDecoder().decode(record.value ?? undefined);
        found.set(record.offset, value);
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
  }
  return found;
}

/** Whether a reader of committed records is told to skip an offset, for each; `null` where it is refused. */
function skipped(log: PartitionLog): (boolean | null)[] {
  const found: (boolean | null)[] = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset; offset++) {
    try {
      const { abortedTransactions } = log.read(offset, {
        maxBytes: 4096,
        minOneBatch: true,
        upToOffset: log.logEndOffset,
        withAborted: true,
      });
      found.push(
        abortedTransactions!.some(({ firstOffset, lastOffset }) =>
          firstOffset <= offset && offset <= lastOffset
        ),
      );
    } catch (error) {
      if (!isDamage(error)) throw error;
      found.push(null);
    }
  }
  return found;
}

function isDamage(error: unknown): boolean {
  return error instanceof KafkaError && error.errorName === "CORRUPT_MESSAGE";
}

/** Whether a checksum covers a byte of a `.log`. */
function isCovered(bytes: Uint8Array, position: number): boolean {
  let at = 0;
  while (at + batchSize(bytes, at) <= position) at += batchSize(bytes, at);
  return position - at >= CRC_POSITION;
}

function facts(log: PartitionLog) {
  return {
    records: served(log),
    skipped: skipped(log),
    epochs: [...log.leaderEpochs.entries],
    producers: log.activeProducers(),
  };
}

async function start(sim: SimHost, look: (log: PartitionLog) => void) {
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: CONFIG });
    try {
      const log = dirs.log("t", 0)!;
      log.highWatermark = log.logEndOffset;
      look(log);
    } finally {
      dirs.abandon();
    }
  });
}

Deno.test("a bit flipped in any file changes nothing that is served, or is found by verify", async () => {
  let expected: ReturnType<typeof facts> | null = null;
  await start(await stopped(), (log) => expected = facts(log));
  const { records } = expected!;
  const paths = (await stopped()).disk.paths()
    .filter((path) => path.startsWith("/data/logs/"));
  const random = new SimRandom(1);
  const problems = new Map<string, string>();
  let flipCount = 0;
  for (const path of paths) {
    const bytes = (await stopped()).disk.readFile(path);
    const { length } = bytes;
    for (let i = 0; i < Math.min(FLIPS_A_FILE, length * 8); i++) {
      const sim = await stopped();
      const [position, bit] = [random.below(length), random.below(8)];
      if (path.endsWith(".log") && !isCovered(bytes, position)) continue;
      sim.disk.flipBit(path, position, bit);
      flipCount++;
      const where = `${path}, byte ${position}, bit ${bit}`;
      const isFound = TOLD_BY_VERIFY.test(path) &&
        verifyDirectory(sim.host.disk, "/data/logs").findings
          .some((finding) => finding.path === path);
      try {
        await start(sim, (log) => {
          if (!path.endsWith(".log")) {
            // What a start cannot see, verify names.
            return isFound || deepEqual(facts(log), expected);
          }
          for (const [offset, value] of served(log)) {
            deepEqual([offset, value], [offset, records.get(offset)]);
          }
        });
      } catch (error) {
        // Whose directory it is no log tells.
        const isTold = error instanceof ConfigError &&
          path.endsWith("meta.properties");
        if (!isTold) {
          const text = (error as Error).message.split("\n");
          const changes = text.filter((line) => /^[+-] /.test(line));
          problems.set(path, [where, text[0], ...changes].join("; "));
        }
      }
    }
  }
  deepEqual([...problems.values()], []);
  ok(flipCount > 500, `only ${flipCount}`);
});
