// Each kind of damage to what stands beside a log: verify names the file, repair
// makes it again, and a broker then starts without reading the logs.

import { deepEqual, match, ok, strictEqual } from "node:assert/strict";
import { encodeUtf8 } from "../base/bytes.ts";
import { encodeEndTransactionMarker } from "../record/control_record.ts";
import { setBaseOffset } from "../record/record_batch.ts";
import {
  appendTest,
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "../testing/log_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import type { PartitionLog } from "./partition_log.ts";
import { repairDirectory } from "./repair_directory.ts";
import { offsetName } from "./segment.ts";
import { verifyDirectory } from "./verify_directory.ts";

const DIRECTORY = "/data/logs";
const FOLDER = `${DIRECTORY}/t-0`;
const CONFIG = testTopicConfig({
  "index.interval.bytes": 100,
  "segment.bytes": 1200,
});
const RECORD_COUNT = 40;

/** A stopped broker's directory: segments, epochs, producers, aborted transactions. */
async function stoppedBroker(): Promise<{
  readonly sim: SimHost;
  readonly values: readonly string[];
  /** Base offsets of the segments. */
  readonly bases: readonly number[];
}> {
  const sim = simHost(1);
  return await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: CONFIG });
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config: CONFIG,
    });
    for (let i = 0, sequence = 0; i < RECORD_COUNT; i++) {
      appendTest(log, [`value ${i}`], {
        timestampMs: 1_000_000 + i,
        leaderEpoch: Math.floor(i / 15),
        producerId: 7,
        producerEpoch: 0,
        baseSequence: i,
      });
      if (i % 8 !== 0) continue;
      appendTest(log, [`aborted ${i}`], {
        timestampMs: 1_000_000 + i,
        leaderEpoch: Math.floor(i / 15),
        producerId: 8,
        producerEpoch: 0,
        baseSequence: sequence++,
        isTransactional: true,
      });
      abort(log, Math.floor(i / 15));
    }
    log.deleteRecordsBefore(3);
    const bases = log.segments.all().map(({ baseOffset }) => baseOffset);
    const values = valuesOf(readAll(log));
    strictEqual(await dirs.close(), true);
    ok(bases.length > 3);
    return { sim, values, bases };
  });
}

function abort(log: PartitionLog, leaderEpoch: number): void {
  const marker = encodeEndTransactionMarker(
    { type: "abort", coordinatorEpoch: 0 },
    { timestampMs: 1_000_000, producerId: 8, producerEpoch: 0 },
  );
  setBaseOffset(marker, 0, log.logEndOffset);
  log.append(marker, { leaderEpoch, nowMs: 1_000_000, origin: "coordinator" });
  log.highWatermark = log.logEndOffset;
}

interface Damage {
  readonly name: string;
  readonly damage: (sim: SimHost, bases: readonly number[]) => void;
  /** Of the file that verify names. */
  readonly path: RegExp;
  readonly text: RegExp;
}

const segmentFile = (bases: readonly number[], index: number, suffix: string) =>
  `${FOLDER}/${offsetName(bases.at(index)!)}${suffix}`;

function patch(sim: SimHost, path: string, position: number, value: number) {
  const bytes = sim.disk.readFile(path);
  new DataView(bytes.buffer).setInt32(position, value);
  sim.disk.writeFile(path, bytes);
}

function write(sim: SimHost, name: string, text: string): void {
  sim.disk.writeFile(`${DIRECTORY}/${name}`, encodeUtf8(text));
}

const DAMAGES: readonly Damage[] = [
  {
    name: "an offset index that is missing",
    damage: (sim, bases) =>
      sim.host.disk.remove(segmentFile(bases, 1, ".index")),
    path: /\.index$/,
    text: /is missing/,
  },
  {
    name: "an offset index with an entry changed",
    damage: (sim, bases) => patch(sim, segmentFile(bases, 1, ".index"), 4, 77),
    path: /\.index$/,
    text: /no batch starts there/,
  },
  {
    name: "an offset index that is torn",
    damage: (sim, bases) =>
      sim.disk.writeFile(
        segmentFile(bases, 0, ".index"),
        new Uint8Array(13).fill(1),
      ),
    path: /\.index$/,
    text: /no entry|no batch starts/,
  },
  {
    name: "a time index with an entry changed",
    damage: (sim, bases) =>
      patch(sim, segmentFile(bases, 1, ".timeindex"), 4, 9),
    path: /\.timeindex$/,
    text: /largest timestamp|does not rise/,
  },
  {
    name: "a transaction index that is missing",
    damage: (sim, bases) => {
      const path = bases.map((_, i) => segmentFile(bases, i, ".txnindex"))
        .find((each) => sim.host.disk.stat(each) !== null)!;
      sim.host.disk.remove(path);
    },
    path: /\.txnindex$/,
    text: /does not have the abort of producer 8/,
  },
  {
    name: "a transaction index with another producer",
    damage: (sim, bases) => {
      const path = bases.map((_, i) => segmentFile(bases, i, ".txnindex"))
        .find((each) => sim.host.disk.stat(each) !== null)!;
      patch(sim, path, 6, 99);
    },
    path: /\.txnindex$/,
    text: /no abort of producer 99/,
  },
  {
    name: "a snapshot with a wrong checksum",
    damage: (sim, bases) =>
      sim.disk.flipBit(segmentFile(bases, 1, ".snapshot"), 30),
    path: /\.snapshot$/,
    text: /checksum/,
  },
  {
    name: "an older snapshot in the place of a newer one",
    damage: (sim, bases) =>
      sim.disk.writeFile(
        segmentFile(bases, -1, ".snapshot"),
        sim.disk.readFile(segmentFile(bases, 1, ".snapshot")),
      ),
    path: /\.snapshot$/,
    text: /producer 7 is said to have ended at offset \d+, its batch/,
  },
  {
    name: "leader epochs that batches contradict",
    damage: (sim) => write(sim, "t-0/leader-epoch-checkpoint", "0\n1\n3 0\n"),
    path: /leader-epoch-checkpoint$/,
    text: /is of epoch 3, its batch says/,
  },
  {
    name: "leader epochs that are missing",
    damage: (sim) => sim.host.disk.remove(`${FOLDER}/leader-epoch-checkpoint`),
    path: /leader-epoch-checkpoint$/,
    text: /is missing/,
  },
  {
    name: "a topic's id that makes no sense",
    damage: (sim) => write(sim, "t-0/partition.metadata", "x"),
    path: /partition\.metadata$/,
    text: /version: 0/,
  },
  {
    name: "what a compaction left half-way",
    damage: (sim) => {
      write(sim, `t-0/${offsetName(0)}.log.cleaned`, "x");
      write(sim, `t-0/${offsetName(0)}.index.cleaned`, "");
    },
    path: /\.cleaned$/,
    text: /left over/,
  },
  {
    name: "an index without a log",
    damage: (sim) => write(sim, `t-0/${offsetName(999)}.timeindex`, ""),
    path: /\.timeindex$/,
    text: /no \.log beside it/,
  },
  {
    name: "what a deletion left half-way",
    damage: (sim) => {
      write(sim, `t-0/${offsetName(0)}.log.deleted`, "x");
      const folder = `gone-0.${"a".repeat(32)}-delete`;
      sim.host.disk.makeDirectory(`${DIRECTORY}/${folder}`);
      write(sim, `${folder}/${offsetName(0)}.log`, "");
    },
    path: /-delete$|\.deleted$/,
    text: /left over/,
  },
  {
    name: "recovery points that make no sense",
    damage: (sim) =>
      write(sim, "recovery-point-offset-checkpoint", "0\n2\nt 0 1\n"),
    path: /recovery-point-offset-checkpoint$/,
    text: /has 1 entries, says 2/,
  },
  {
    name: "a recovery point above the end of its log",
    damage: (sim) =>
      write(sim, "recovery-point-offset-checkpoint", "0\n1\nt 0 5000\n"),
    path: /recovery-point-offset-checkpoint$/,
    text: /t-0 is said to be synced up to 5000, its log ends at \d+/,
  },
  {
    name: "high watermarks that make no sense",
    damage: (sim) => write(sim, "replication-offset-checkpoint", "1\n"),
    path: /replication-offset-checkpoint$/,
    text: /version is "1"/,
  },
  {
    name: "cleaned offsets above the end of a log",
    damage: (sim) => write(sim, "cleaner-offset-checkpoint", "0\n1\nt 0 900\n"),
    path: /cleaner-offset-checkpoint$/,
    text: /cleaned up to 900/,
  },
  {
    name: "a mark of a clean stop that is torn",
    damage: (sim) => write(sim, ".kafka_cleanshutdown", '{"version":0,"bro'),
    path: /\.kafka_cleanshutdown$/,
    text: /makes no sense/,
  },
  {
    name: "a file that was being written",
    damage: (sim) => write(sim, "meta.properties.tmp", "x"),
    path: /\.tmp$/,
    text: /left over/,
  },
];

for (const { name, damage, path, text } of DAMAGES) {
  Deno.test(`repair mends ${name}`, async () => {
    const { sim, values, bases } = await stoppedBroker();
    const { disk } = sim.host;
    deepEqual(verifyDirectory(disk, DIRECTORY).findings, []);
    const logs = logsOf(sim);
    damage(sim, bases);
    const { findings } = verifyDirectory(disk, DIRECTORY);
    const named = findings.find((each) =>
      path.test(each.path) && text.test(each.text)
    );
    ok(named !== undefined, JSON.stringify(findings));
    const { before, after } = await sim.run(() =>
      repairDirectory(disk, DIRECTORY, {
        truncateTail: false,
        report: () => {},
      })
    );
    deepEqual(before.findings, findings);
    deepEqual(after.findings, []);
    strictEqual(after.startBytes, 0);
    // What was repaired survives a power cut.
    sim.crash("power", "lost");
    sim.restart();
    deepEqual(verifyDirectory(sim.host.disk, DIRECTORY).findings, []);
    deepEqual(logsOf(sim), logs);
    await checkStart(sim, values);
  });
}

/** A broker finds nothing to say, nothing to read again, and all records. */
async function checkStart(
  sim: SimHost,
  values: readonly string[],
): Promise<void> {
  const files = (suffix: RegExp) =>
    sim.disk.paths().filter((each) => suffix.test(each))
      .map((each) => [each, sim.disk.readFile(each)]);
  const indexes = files(/index$/);
  await sim.run(async () => {
    const reports: string[] = [];
    const dirs = await openTestLogs(sim.host, {
      topicConfig: CONFIG,
      report: (line) => reports.push(line),
    });
    strictEqual(dirs.wasClean, true);
    deepEqual(reports, []);
    deepEqual(files(/index$/), indexes);
    const log = dirs.log("t", 0)!;
    deepEqual(valuesOf(readAll(log)), values);
    const aborted = log.read(log.logStartOffset, {
      maxBytes: 1 << 20,
      minOneBatch: true,
      upToOffset: log.logEndOffset,
      withAborted: true,
    }).abortedTransactions;
    ok(aborted !== null && aborted.length > 0);
    dirs.abandon();
  });
}

function logsOf(sim: SimHost): [string, Uint8Array][] {
  return sim.disk.paths().filter((path) => path.endsWith(".log"))
    .filter((path) => !path.includes("-delete/"))
    .map((path) => [path, sim.disk.readFile(path)]);
}

Deno.test("repair leaves damage below the recovery point, and says so", async () => {
  const { sim, bases } = await stoppedBroker();
  const log = segmentFile(bases, 1, ".log");
  sim.disk.flipBit(log, 70);
  const bytes = sim.disk.readFile(log);
  const { after } = await sim.run(() =>
    repairDirectory(sim.host.disk, DIRECTORY, {
      truncateTail: true,
      report: () => {},
    })
  );
  deepEqual(after.findings.map(({ path, repair }) => [path, repair]), [
    [log, "none"],
  ]);
  match(after.findings[0].text, /wrong checksum/);
  deepEqual(sim.disk.readFile(log), bytes);
});

Deno.test("repair cuts a torn tail only where it is told to", async () => {
  const { sim, bases, values } = await stoppedBroker();
  const { disk } = sim.host;
  disk.remove(`${DIRECTORY}/.kafka_cleanshutdown`);
  const log = segmentFile(bases, -1, ".log");
  const whole = sim.disk.readFile(log);
  const torn = new Uint8Array(whole.length + 40);
  torn.set(whole);
  torn.set(whole.subarray(0, 40), whole.length);
  sim.disk.writeFile(log, torn);
  const repair = (truncateTail: boolean) =>
    sim.run(async () => {
      const reports: string[] = [];
      const { after } = await repairDirectory(disk, DIRECTORY, {
        truncateTail,
        report: (line) => reports.push(line),
      });
      return { findings: after.findings, reports };
    });
  const kept = await repair(false);
  deepEqual(kept.findings.map((each) => [each.path, each.repair]), [
    [log, "cut"],
  ]);
  deepEqual(kept.reports, []);
  strictEqual(sim.disk.readFile(log).length, torn.length);
  const cut = await repair(true);
  deepEqual(cut.findings, []);
  deepEqual(cut.reports, [
    `Cut 40 bytes from "${log}" at position ${whole.length}`,
  ]);
  deepEqual(sim.disk.readFile(log), whole);
  await checkStart(sim, values);
});

Deno.test("repair of one partition leaves the rest of the directory alone", async () => {
  const { sim, bases } = await stoppedBroker();
  sim.host.disk.remove(segmentFile(bases, 1, ".index"));
  write(sim, "replication-offset-checkpoint", "1\n");
  const { after } = await sim.run(() =>
    repairDirectory(sim.host.disk, DIRECTORY, {
      names: ["t-0"],
      truncateTail: false,
      report: () => {},
    })
  );
  deepEqual(after.findings, []);
  strictEqual(
    verifyDirectory(sim.host.disk, DIRECTORY).findings.length,
    1,
  );
});
