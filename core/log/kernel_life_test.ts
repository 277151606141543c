import { deepEqual, ok, strictEqual } from "node:assert/strict";
import { encodeUtf8 } from "../base/bytes.ts";
import {
  appendTest,
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
} from "../testing/log_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { KERNEL_LIFE } from "./kernel_life.ts";
import type { LogDirs } from "./log_dirs.ts";

const DIRECTORY = "/data/logs";
const NOTE = `${DIRECTORY}/${KERNEL_LIFE}`;
const FIRST_LOG = `${DIRECTORY}/t-0/00000000000000000000.log`;
const COUNT = 12;
const config = testTopicConfig({
  "segment.bytes": 600,
  "index.interval.bytes": 80,
});

const open = (sim: SimHost, reports: string[] = [], directories = DIRECTORY) =>
  openTestLogs(sim.host, {
    directories,
    topicConfig: config,
    report: (text) => reports.push(text),
  });

/** Twelve records of which five are synced, in several segments; the process still lives. */
async function fill(sim: SimHost): Promise<LogDirs> {
  const dirs = await open(sim);
  const log = dirs.createLog({
    topic: "t",
    partition: 0,
    topicId: TOPIC_ID,
    config,
  });
  for (let i = 0; i < COUNT; i++) {
    appendTest(log, [`value ${i}`], {
      leaderEpoch: i >> 2,
      producerId: 7,
      producerEpoch: 0,
      baseSequence: i,
    });
    if (i !== 4) continue;
    await log.flush();
    await dirs.checkpoint("recoveryPoint");
  }
  return dirs;
}

/** Ends the process, or the machine, with what was filled; gives it to the next life. */
async function ended(cause: "kill" | "power"): Promise<SimHost> {
  const sim = simHost(3);
  await sim.run(() => fill(sim));
  sim.crash(cause, "random");
  sim.restart();
  return sim;
}

/** Damages a record's value, in the middle of the first segment: no header tells. */
function damageBody(sim: SimHost, path = FIRST_LOG): void {
  sim.disk.flipBit(path, 75 + 70, 0);
}

/** What a start says of damage; empty where it did not look. */
async function reportsOfStart(
  sim: SimHost,
  directories = DIRECTORY,
): Promise<string[]> {
  const reports: string[] = [];
  await sim.run(async () => {
    (await open(sim, reports, directories)).abandon();
  });
  return reports;
}

/** Bytes of logs that a start reads. */
async function bytesReadAtStart(sim: SimHost): Promise<number> {
  let sum = 0;
  const { disk } = sim.host;
  const openFile = disk.open.bind(disk);
  disk.open = (path, mode) => {
    const file = openFile(path, mode);
    if (!path.endsWith(".log")) return file;
    const readAt = file.readAt.bind(file);
    file.readAt = (target, position) => {
      const count = readAt(target, position);
      sum += count;
      return count;
    };
    return file;
  };
  await sim.run(async () => (await open(sim)).abandon());
  return sum;
}

Deno.test("after a kill a start reads headers, and makes the same of them as of all bytes", async () => {
  const found: string[] = [];
  for (const isTold of [true, false]) {
    const sim = await ended("kill");
    if (!isTold) sim.disk.bootId = null;
    await sim.run(async () => {
      const reports: string[] = [];
      const dirs = await open(sim, reports);
      const log = dirs.log("t", 0)!;
      strictEqual(readAll(log).length, COUNT);
      strictEqual(log.recoveryPoint, 5);
      const state = [
        reports,
        log.logEndOffset,
        log.leaderEpochs.entries,
        log.activeProducers(),
        log.segments.all().map(({ baseOffset, sizeBytes, offsetIndex }) => [
          baseOffset,
          sizeBytes,
          Array.from(
            { length: offsetIndex.count },
            (_, i) => offsetIndex.entry(i),
          ),
        ]),
      ];
      strictEqual(await dirs.close(), true);
      strictEqual(sim.host.disk.stat(NOTE), null);
      found.push(JSON.stringify(state));
    });
  }
  strictEqual(found[0], found[1]);
});

Deno.test("after a kill a start reads little of large batches", async () => {
  const read = [];
  for (const cause of ["kill", "power"] as const) {
    const sim = simHost(1);
    const large = testTopicConfig({ "segment.bytes": 10_000_000 });
    await sim.run(async () => {
      const dirs = await openTestLogs(sim.host, { topicConfig: large });
      const log = dirs.createLog({
        topic: "t",
        partition: 0,
        topicId: TOPIC_ID,
        config: large,
      });
      for (let i = 0; i < 20; i++) appendTest(log, ["x".repeat(100_000)]);
      await log.flush(); // Synced, yet no checkpoint says so.
    });
    sim.crash(cause);
    sim.restart();
    read.push(await bytesReadAtStart(sim));
  }
  ok(read[0] < 100_000 + 20 * 8192, `${read[0]} bytes were read`);
  ok(read[1] >= 2_000_000, `${read[1]} bytes were read`);
});

Deno.test("bodies are believed in the same boot only, in the same directory, with the file whole", async () => {
  const changes: [string, cause: "kill" | "power", (sim: SimHost) => void][] = [
    ["a power cut", "power", () => {}],
    ["no file", "kill", (sim) => sim.host.disk.remove(NOTE)],
    ["garbage", "kill", (sim) => sim.disk.writeFile(NOTE, encodeUtf8("x"))],
    ["empty", "kill", (sim) => sim.disk.writeFile(NOTE, new Uint8Array(0))],
    ["torn", "kill", (sim) => {
      const bytes = sim.disk.readFile(NOTE);
      sim.disk.writeFile(NOTE, bytes.subarray(0, bytes.length - 1));
    }],
    ["another boot", "kill", (sim) => sim.disk.bootId = "boot 77"],
    ["a system that does not tell", "kill", (sim) => sim.disk.bootId = null],
  ];
  for (const [name, cause, change] of changes) {
    const sim = await ended(cause);
    change(sim);
    damageBody(sim);
    strictEqual((await reportsOfStart(sim)).length, 1, name);
  }
  const sim = await ended("kill");
  damageBody(sim);
  deepEqual(await reportsOfStart(sim), []);
});

Deno.test("a copy of a directory is read whole", async () => {
  const sim = await ended("kill");
  damageBody(sim);
  for (const path of sim.disk.paths()) {
    if (!path.startsWith(`${DIRECTORY}/`)) continue;
    const copy = path.replace(DIRECTORY, "/data/copy");
    sim.host.disk.makeDirectory(copy.slice(0, copy.lastIndexOf("/")));
    sim.disk.writeFile(copy, sim.disk.readFile(path));
  }
  strictEqual((await reportsOfStart(sim, "/data/copy")).length, 1);
});

Deno.test("what a kill leaves of its last write is cut off, wherever it ends", async () => {
  const whole = await ended("kill");
  const last = whole.disk.paths().findLast((path) => path.endsWith(".log"))!;
  const sizeBytes = whole.disk.readFile(last).length;
  for (let lostBytes = 1; lostBytes <= 76; lostBytes++) {
    const sim = await ended("kill");
    const file = sim.host.disk.open(last, "write");
    file.truncate(sizeBytes - lostBytes);
    file.close();
    await sim.run(async () => {
      const reports: string[] = [];
      const dirs = await open(sim, reports);
      const log = dirs.log("t", 0)!;
      strictEqual(log.logEndOffset, COUNT - 1, `${lostBytes} bytes less`);
      strictEqual(reports.length, lostBytes === 76 ? 0 : 1, reports.join());
      strictEqual(appendTest(log, ["next"]).baseOffset, COUNT - 1);
      strictEqual(readAll(log).length, COUNT);
      strictEqual(await dirs.close(), true);
    });
  }
});

Deno.test("a last batch that is damaged, and headers that are, are found after a kill as well", async () => {
  const sim = await ended("kill");
  const last = sim.disk.paths().findLast((path) => path.endsWith(".log"))!;
  sim.disk.flipBit(last, sim.disk.readFile(last).length - 2, 0);
  strictEqual((await reportsOfStart(sim)).length, 1);
  const other = await ended("kill");
  other.disk.flipBit(FIRST_LOG, 75 + 11, 1); // The size of the second batch.
  const reports = await reportsOfStart(other);
  ok(reports[0].startsWith("Damaged below"), reports.join());
});

Deno.test("a failed fsync or write ends the trust at once", async () => {
  for (const action of ["sync", "write"] as const) {
    const sim = simHost(3);
    await sim.run(async () => {
      const dirs = await fill(sim);
      ok(sim.host.disk.stat(NOTE) !== null);
      sim.disk.failNthCall(
        1,
        "io",
        (call) => call.action === action && call.path.endsWith(".log"),
      );
      const log = dirs.log("t", 0)!;
      try {
        appendTest(log, ["lost"]);
        await log.flush();
      } catch {
        // The directory is offline.
      }
      strictEqual(dirs.directories[0].state.isOnline, false);
      strictEqual(sim.host.disk.stat(NOTE), null, action);
    });
    sim.crash("kill");
    sim.restart();
    damageBody(sim);
    const reports = await reportsOfStart(sim);
    ok(reports[0]?.startsWith("Damaged below"), reports.join("\n"));
  }
});

Deno.test("damage that was found is found again, whatever ends the lives between", async () => {
  const sim = await ended("power");
  damageBody(sim);
  for (let life = 0; life < 3; life++) {
    strictEqual((await reportsOfStart(sim)).length, 1);
    strictEqual(sim.host.disk.stat(NOTE), null);
    sim.crash("kill");
    sim.restart();
  }
});

Deno.test("a start that is killed before it has read what a power cut left is not trusted", async () => {
  const sim = await ended("power");
  damageBody(sim);
  await sim.run(async () => {
    sim.disk.crashAtCall(1, (call) => {
      if (!call.path.endsWith(".log")) return false;
      sim.crash("kill");
      return true;
    });
    await Promise.race([open(sim).catch(() => {}), sim.crashed]);
  });
  sim.restart();
  strictEqual((await reportsOfStart(sim)).length, 1);
});
