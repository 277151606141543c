// Moves of logs between directories: while in use, at a rate, called off. (The
// sweeps try each step of a move as the last one.)

import { deepEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { type Host, sleep } from "../host/host.ts";
import {
  appendTest,
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "../testing/log_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { TransactionModel, type Writer } from "../testing/transaction_model.ts";
import type { LogDirs } from "./log_dirs.ts";

const CONFIG = testTopicConfig({
  "segment.bytes": 4000,
  "file.delete.delay.ms": 1000,
});
const PARTITION = { topic: "t", partition: 0 };

function open(
  host: Host,
  options: Partial<Parameters<typeof openTestLogs>[1]> = {},
): Promise<LogDirs> {
  return openTestLogs(host, {
    directories: "/data/one,/data/two",
    topicConfig: CONFIG,
    ...options,
  });
}

function fill(dirs: LogDirs, count: number) {
  const log = dirs.createLog({
    ...PARTITION,
    topicId: TOPIC_ID,
    config: CONFIG,
  });
  for (let i = 0; i < count; i++) {
    appendTest(log, [`${i} ${"x".repeat(300)}`], { leaderEpoch: 1 });
  }
  log.highWatermark = log.logEndOffset;
  return log;
}

async function untilMoved(host: Host, dirs: LogDirs) {
  for (let i = 0; [...dirs.moves.underWay()].length > 0; i++) {
    ok(i < 10_000, "it does not end");
    await sleep(host.clock, 5);
  }
  await sleep(host.clock, 20);
}

Deno.test("a log moves while it is appended to, and keeps records, start, epochs and producers", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const dirs = await open(sim.host);
    const log = fill(dirs, 100);
    appendTest(log, ["p"], {
      producerId: 5,
      producerEpoch: 0,
      baseSequence: 0,
      leaderEpoch: 1,
    });
    log.highWatermark = log.logEndOffset;
    strictEqual(log.directoryPath, "/data/one");
    log.deleteRecordsBefore(20);
    const before = valuesOf(readAll(log));
    dirs.moves.move(PARTITION, "/data/two/");
    const [move] = dirs.moves.underWay();
    strictEqual(move.target.path, "/data/two");
    ok(move.offsetLag > 0);
    appendTest(dirs.log("t", 0)!, ["during"], { leaderEpoch: 3 });
    await untilMoved(sim.host, dirs);
    const now = dirs.log("t", 0)!;
    ok(now !== log);
    strictEqual(now.directoryPath, "/data/two");
    strictEqual(now.place.path, "/data/two/t-0");
    strictEqual(now.logStartOffset, 20);
    strictEqual(now.topicId, TOPIC_ID);
    deepEqual(valuesOf(readAll(now)), [...before, "during"]);
    strictEqual(now.leaderEpochs.latestEpoch, 3);
    deepEqual(
      now.activeProducers().map(({ producerId }) => producerId),
      [5],
    );
    const repeated = appendTest(now, ["p"], {
      producerId: 5,
      producerEpoch: 0,
      baseSequence: 0,
      leaderEpoch: 3,
    });
    strictEqual(repeated.isDuplicate, true);
    // Who still reads the old one may do so until its files go.
    strictEqual(readAllQuietly(log), 0);
    await sleep(sim.host.clock, 2000);
    deepEqual(
      sim.host.disk.list("/data/one").filter((name) => name.startsWith("t-")),
      [],
    );
    strictEqual(await dirs.close(), true);
    const again = await open(sim.host);
    deepEqual(valuesOf(readAll(again.log("t", 0)!)), [...before, "during"]);
    await again.close();
  });
});

function readAllQuietly(log: Parameters<typeof readAll>[0]): number {
  try {
    return readAll(log).length;
  } catch {
    return 0;
  }
}

Deno.test("a move keeps to its rate, can be turned round, and goes with its topic", async () => {
  const sim = simHost(2);
  await sim.run(async () => {
    const dirs = await open(sim.host, {
      broker: { "replica.alter.log.dirs.io.max.bytes.per.second": "10000" },
    });
    fill(dirs, 100);
    const startMs = sim.host.clock.monotonicMs();
    dirs.moves.move(PARTITION, "/data/two");
    await untilMoved(sim.host, dirs);
    const tookMs = sim.host.clock.monotonicMs() - startMs;
    ok(tookMs > 2500 && tookMs < 6000, `${tookMs} ms for 37 kB`);
    dirs.moves.move(PARTITION, "/data/one");
    await sleep(sim.host.clock, 500);
    strictEqual([...dirs.moves.underWay()].length, 1);
    dirs.moves.move(PARTITION, "/data/two");
    strictEqual([...dirs.moves.underWay()].length, 0, "it is there already");
    strictEqual(dirs.log("t", 0)!.directoryPath, "/data/two");
    dirs.moves.move(PARTITION, "/data/one");
    await sleep(sim.host.clock, 500);
    dirs.deleteLog("t", 0);
    await sleep(sim.host.clock, 3000);
    for (const path of ["/data/one", "/data/two"]) {
      deepEqual(
        sim.host.disk.list(path).filter((name) => name.startsWith("t-")),
        [],
      );
    }
    await dirs.close();
  });
});

Deno.test("a log that is yet to be made is made where somebody wanted it", async () => {
  const sim = simHost(3);
  await sim.run(async () => {
    const dirs = await open(sim.host);
    dirs.moves.move(PARTITION, "/data/two");
    strictEqual(fill(dirs, 1).directoryPath, "/data/two");
    throws(
      () => dirs.moves.move(PARTITION, "/data/three"),
      /"\/data\/three" is none of this broker's log directories/,
    );
    await dirs.close();
  });
});

Deno.test("a move whose target fails leaves the log where it is", async () => {
  const sim = simHost(4);
  await sim.run(async () => {
    const lines: string[] = [];
    const dirs = await open(sim.host, { report: (line) => lines.push(line) });
    const log = fill(dirs, 100);
    sim.disk.failNthCall(
      3,
      "io",
      ({ action, path }) => action === "write" && path.includes("-future/"),
    );
    dirs.moves.move(PARTITION, "/data/two");
    await sleep(sim.host.clock, 1000);
    strictEqual(dirs.log("t", 0), log);
    strictEqual([...dirs.moves.underWay()].length, 0);
    appendTest(log, ["goes on"], { leaderEpoch: 1 });
    match(lines.join("\n"), /Could not move t-0 to "\/data\/two"/);
    await dirs.close();
  });
});

Deno.test("a move that ended with only its folder left is not made anew elsewhere where that cannot be opened", async () => {
  const sim = simHost(5);
  await sim.run(async () => {
    const dirs = await open(sim.host);
    fill(dirs, 10);
    await dirs.close();
    sim.host.disk.rename(
      "/data/one/t-0",
      `/data/two/t-0.${"0a".repeat(16)}-future`,
    );
    sim.disk.failNthCall(
      1,
      "io",
      ({ action, path }) => action === "list" && path.includes("-future"),
    );
    const failed = await open(sim.host);
    strictEqual(failed.log("t", 0), undefined);
    strictEqual(failed.isOffline("t", 0), true);
    await failed.close();
    const again = await open(sim.host);
    strictEqual(again.log("t", 0)!.place.path, "/data/two/t-0");
    strictEqual(readAll(again.log("t", 0)!).length, 10);
    await again.close();
  });
});

Deno.test("a log moves with its transactions: open, aborted, and one that is being verified", async () => {
  const sim = simHost(3);
  await sim.run(async () => {
    const dirs = await open(sim.host);
    const log = dirs.createLog({
      ...PARTITION,
      topicId: TOPIC_ID,
      config: CONFIG,
    });
    const model = new TransactionModel();
    const newer: Writer = { producerId: 1, hasOwnEpochs: true };
    const older: Writer = { producerId: 2, hasOwnEpochs: false };
    for (let i = 0; i < 60; i++) {
      model.inside(log, newer, 2);
      model.inside(log, older, 1);
      model.finish(log, newer, i % 3 === 0);
      if (i % 7 === 0) model.finish(log, older, i % 2 === 0);
    }
    model.replicate(log, model.end);
    model.check(log);
    ok(log.segments.count > 2);
    const waiting = model.wouldSend(newer);
    const guard = log.producers.startVerification({
      ...waiting,
      hasOwnEpoch: true,
    }, 0);
    dirs.moves.move(PARTITION, "/data/two");
    model.inside(log, older, 1);
    model.replicate(log, model.end);
    await untilMoved(sim.host, dirs);
    const now = dirs.log("t", 0)!;
    ok(now !== log);
    model.check(now);
    // The coordinator's answer holds for the log in its new place.
    strictEqual(model.send(now, waiting, guard).isDuplicate, false);
    await now.truncate(model.end);
    model.finish(now, older, false);
    model.finish(now, newer, true);
    model.replicate(now, model.end);
    model.check(now);
    strictEqual(await dirs.close(), true);
    const again = await open(sim.host);
    model.durableEnd = model.end;
    model.recovered(again.log("t", 0)!);
    again.abandon();
  });
});
