import { deepEqual, ok, strictEqual, throws } from "node:assert/strict";
import { HostError } from "../host/host.ts";
import {
  appendTest,
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
  valuesOf,
} from "../testing/log_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import { KafkaError } from "../wire/kafka/errors.ts";
import { verifyPartition } from "./verify.ts";

const config = testTopicConfig({
  "segment.bytes": 300,
  "index.interval.bytes": 0,
  "segment.index.bytes": 360,
});

const isStorageError = (error: unknown) =>
  error instanceof KafkaError && error.errorName === "KAFKA_STORAGE_ERROR";

async function withLog(
  run: (
    log: ReturnType<Awaited<ReturnType<typeof openTestLogs>>["createLog"]>,
    sim: ReturnType<typeof simHost>,
    dirs: Awaited<ReturnType<typeof openTestLogs>>,
  ) => Promise<void> | void,
) {
  const sim = simHost(1);
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config,
    });
    await run(log, sim, dirs);
    dirs.abandon();
  });
}

Deno.test("an append that finds the disk full leaves nothing behind, and later ones go on", async () => {
  let failedCount = 0;
  for (let callNumber = 1;; callNumber++) {
    let wasReached = true;
    await withLog(async (log, sim, dirs) => {
      // The third append rolls: files are made, indexes finished.
      for (const value of ["one", "two"]) appendTest(log, [value.repeat(20)]);
      await log.flush();
      sim.disk.failNthCall(
        callNumber,
        "noSpace",
        ({ action }) =>
          action === "open" || action === "write" || action === "truncate",
      );
      const wanted = ["one", "two"].map((value) => value.repeat(20));
      for (const value of ["three", "four", "five"]) {
        const text = value.repeat(20);
        try {
          appendTest(log, [text]);
          wanted.push(text);
        } catch (error) {
          ok(isStorageError(error), String(error));
          failedCount++;
        }
        if (dirs.directories[0].state.isOnline) {
          strictEqual(log.logEndOffset, wanted.length);
          deepEqual(valuesOf(readAll(log)), wanted);
        }
      }
      wasReached = sim.disk.isFaultSpent;
      sim.disk.clearFaults();
      if (!dirs.directories[0].state.isOnline) return;
      appendTest(log, ["more"]);
      strictEqual(await dirs.close(), true);
      deepEqual(verifyPartition(sim.host.disk, "/data/logs/t-0"), []);
    });
    if (!wasReached) break;
  }
  ok(failedCount > 5, `only ${failedCount} appends failed`);
});

Deno.test("a write that fails otherwise takes the directory offline for good", () =>
  withLog(async (log, sim, dirs) => {
    appendTest(log, ["one"]);
    sim.disk.failNthCall(1, "io", (call) => call.action === "write");
    throws(() => appendTest(log, ["two"]), isStorageError);
    strictEqual(dirs.directories[0].state.isOnline, false);
    throws(() => appendTest(log, ["three"]), isStorageError);
    throws(
      () => log.read(0, { maxBytes: 100, minOneBatch: true, upToOffset: 1 }),
      isStorageError,
    );
    throws(
      () =>
        dirs.createLog({ topic: "u", partition: 0, topicId: TOPIC_ID, config }),
      isStorageError,
    );
    strictEqual(dirs.log("t", 0), undefined);
    strictEqual(await dirs.close(), false);
    ok(!sim.disk.paths().some((path) => path.includes("cleanshutdown")));
  }));

Deno.test("a failed fsync is final: not acknowledged, not tried again, no clean stop", () =>
  withLog(async (log, sim, dirs) => {
    log.updateConfig(testTopicConfig({ "flush.messages": 1 }));
    sim.disk.failNthCall(
      1,
      "io",
      (call) => call.action === "sync" && call.path.endsWith(".log"),
    );
    const failures: unknown[] = [];
    for (const value of ["one", "two"]) {
      await appendTest(log, [value]).durable!.catch((error) =>
        failures.push(error)
      );
      if (failures.length > 0) break;
    }
    ok(isStorageError(failures[0]));
    strictEqual(log.recoveryPoint, 0);
    const syncCount = sim.disk.callCount;
    await log.flush().catch((error) => failures.push(error));
    strictEqual(sim.disk.callCount, syncCount);
    ok(isStorageError(failures[1]));
    strictEqual(await dirs.close(), false);
  }));

Deno.test("one directory that fails leaves the others at work", async () => {
  const sim = simHost(1);
  const failed: string[] = [];
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, {
      directories: "/data/a,/data/b",
      topicConfig: config,
    });
    const logs = [0, 1, 2, 3].map((partition) =>
      dirs.createLog({ topic: "t", partition, topicId: TOPIC_ID, config })
    );
    deepEqual(
      dirs.directories.map((directory) => directory.logs.size),
      [2, 2],
    );
    sim.disk.failNthCall(
      1,
      "io",
      (call) => call.action === "write" && call.path.startsWith("/data/a/"),
    );
    for (const log of logs) {
      try {
        appendTest(log, ["x"]);
      } catch (error) {
        ok(isStorageError(error));
        failed.push(log.directoryPath);
      }
    }
    deepEqual(failed, ["/data/a", "/data/a"]);
    strictEqual([...dirs.logs()].length, 2);
    strictEqual(await dirs.close(), false);
    const again = await openTestLogs(sim.host, {
      directories: "/data/a,/data/b",
      topicConfig: config,
    });
    strictEqual([...again.logs()].length, 4);
    deepEqual(
      again.directories.map((directory) => directory.wasClean),
      [false, true],
    );
    again.abandon();
  });
});

Deno.test("more files than may be open at once are opened by turns", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, {
      topicConfig: config,
      openFilesMax: 8,
    });
    const logs = Array.from(
      { length: 20 },
      (_, partition) =>
        dirs.createLog({ topic: "t", partition, topicId: TOPIC_ID, config }),
    );
    sim.disk.failRandomly(
      0.2,
      "tooManyFiles",
      (call) => call.action === "open",
    );
    let count = 0;
    for (let round = 0; round < 10; round++) {
      for (const log of logs) {
        try {
          appendTest(log, [`round ${round}`]);
          count++;
        } catch (error) {
          ok(isStorageError(error), String(error));
        }
      }
    }
    sim.disk.clearFaults();
    ok(count > 150);
    strictEqual(
      logs.reduce((sum, log) => sum + readAll(log).length, 0),
      count,
    );
    strictEqual(await dirs.close(), true);
  });
});

Deno.test("HostError of a start names the path", async () => {
  const sim = simHost(1);
  sim.disk.failNthCall(1, "permission", (call) => call.action === "lock");
  await sim.run(async () => {
    try {
      await openTestLogs(sim.host);
      ok(false, "must not open");
    } catch (error) {
      ok(error instanceof HostError && error.message.includes("/data/logs"));
    }
  });
});
