// What a clean stop syncs of many small logs, and what a start believes of them.

import { deepEqual, ok, strictEqual } from "node:assert/strict";
import {
  appendTest,
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "../testing/log_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import type { LogDirs } from "./log_dirs.ts";
import { SharedSync } from "./shared_sync.ts";
import { SMALL_LOG_BYTES } from "./small_log.ts";

const FOLDER = "/data/logs/t-0";
const config = testTopicConfig({ "index.interval.bytes": 100 });

function createLogs(dirs: LogDirs, count: number) {
  return Array.from(
    { length: count },
    (_, partition) =>
      dirs.createLog({ topic: "t", partition, topicId: TOPIC_ID, config }),
  );
}

/** Which paths are synced while `run` runs. */
async function syncsOf(
  sim: SimHost,
  run: () => Promise<unknown>,
): Promise<string[]> {
  const paths: string[] = [];
  sim.disk.failNthCall(1, "io", ({ action, path }) => {
    if (action === "sync" || action === "syncDirectory") paths.push(path);
    return false;
  });
  await run();
  sim.disk.clearFaults();
  return paths;
}

Deno.test("a stop syncs nothing of logs that never held a record", () => {
  const sim = simHost(1);
  return sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    for (const log of createLogs(dirs, 50)) log.assignLeaderEpoch(0);
    const synced = await syncsOf(sim, () => dirs.close());
    deepEqual(synced.filter((path) => path.includes("/t-")), []);
  });
});

Deno.test("a stop syncs the log, the topic's id and the folder of a small log", () => {
  const sim = simHost(1, { disk: { syncDelayMs: 1 } });
  return sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    for (const log of createLogs(dirs, 50)) {
      appendTest(log, ["a"], {
        producerId: 7,
        producerEpoch: 0,
        baseSequence: 0,
      });
    }
    const synced = await syncsOf(sim, () => dirs.close());
    deepEqual(synced.filter((path) => path.startsWith(FOLDER)), [
      `${FOLDER}/partition.metadata`,
      `${FOLDER}/00000000000000000000.log`,
      FOLDER,
    ]);
    const parents = synced.filter((path) => path === "/data/logs");
    ok(parents.length < 10, `${parents.length} syncs of the directory`);

    const again = await openTestLogs(sim.host, { topicConfig: config });
    again.log("t", 0)!.assignLeaderEpoch(5);
    const later = await syncsOf(sim, () => again.close());
    deepEqual(later.filter((path) => path.includes("/t-")), []);
  });
});

Deno.test("a stop syncs all files of a log that a start does not read whole", () => {
  const sim = simHost(1);
  return sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    const [log] = createLogs(dirs, 1);
    const value = "x".repeat(1000);
    while (log.sizeBytes <= SMALL_LOG_BYTES) appendTest(log, [value]);
    const synced = await syncsOf(sim, () => dirs.close());
    const snapshot = String(log.logEndOffset).padStart(20, "0");
    deepEqual(
      synced.filter((path) => path.startsWith(FOLDER)).map((path) =>
        path.slice(FOLDER.length)
      ).sort(),
      [
        "",
        "/00000000000000000000.index",
        "/00000000000000000000.log",
        "/00000000000000000000.timeindex",
        `/${snapshot}.snapshot`,
        "/leader-epoch-checkpoint",
        "/partition.metadata",
      ],
    );
  });
});

Deno.test("after a clean stop a small log is known by its records alone", () => {
  const sim = simHost(1);
  return sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    const [log] = createLogs(dirs, 1);
    const values = Array.from({ length: 20 }, (_, i) => `value ${i}`);
    values.forEach((value, i) =>
      appendTest(log, [value], {
        leaderEpoch: i < 8 ? 1 : 4,
        timestampMs: 1000 + i * 10,
        producerId: 7,
        producerEpoch: 0,
        baseSequence: i,
      })
    );
    const { entries } = log.leaderEpochs;
    strictEqual(await dirs.close(), true);

    // As a power cut may leave what was not synced: old, torn, or full of zeroes.
    const name = `${FOLDER}/00000000000000000000`;
    sim.disk.writeFile(`${name}.index`, new Uint8Array(24));
    sim.disk.writeFile(`${name}.timeindex`, new Uint8Array(12));
    sim.disk.writeFile(
      `${FOLDER}/${"20".padStart(20, "0")}.snapshot`,
      new Uint8Array(56),
    );
    sim.disk.writeFile(
      `${FOLDER}/leader-epoch-checkpoint`,
      new TextEncoder().encode("0\n1\n1 0\n"),
    );
    const again = await openTestLogs(sim.host, { topicConfig: config });
    strictEqual(again.wasClean, true);
    const found = again.log("t", 0)!;
    deepEqual(valuesOf(readAll(found)), values);
    deepEqual(found.leaderEpochs.entries, entries);
    strictEqual(found.offsetForTimestamp(1000 + 155)?.offset, 16);
    strictEqual(found.offsetOfMaxTimestamp()?.offset, 19);
    strictEqual(found.activeProducers()[0].lastSequence, 19);
    again.abandon();
  });
});

Deno.test("SharedSync.run() lets those share a sync who ask before it begins", async () => {
  let count = 0;
  const ends: (() => void)[] = [];
  const shared = new SharedSync(() => {
    count++;
    return new Promise((done) => ends.push(done));
  });
  const first = shared.run();
  const later = [shared.run(), shared.run(), shared.run()];
  strictEqual(count, 1);
  ends[0]();
  await first;
  await Promise.resolve();
  strictEqual(count, 2);
  ends[1]();
  await Promise.all(later);
  strictEqual(count, 2);
});
