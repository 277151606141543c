import { deepEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { encodeUtf8 } from "../base/bytes.ts";
import { ConfigError } from "../config/config_error.ts";
import { HostError } from "../host/host.ts";
import {
  appendTest,
  openTestLogs,
  readAll,
  testTopicConfig,
  TOPIC_ID,
} from "../testing/log_fixture.ts";
import { simHost } from "../testing/sim_host.ts";
import {
  formatOffsetCheckpoint,
  readOffsetCheckpoint,
} from "./checkpoint_file.ts";
import { readCleanShutdown } from "./clean_shutdown.ts";
import { CorruptFileError } from "./corrupt_file_error.ts";
import { readMetaProperties } from "./meta_properties.ts";
import { deletedName, parsePartitionName } from "./partition_files.ts";
import {
  formatPartitionMetadata,
  parsePartitionMetadata,
} from "./partition_metadata.ts";
import {
  decodeProducerSnapshot,
  encodeProducerSnapshot,
} from "./producer_snapshot.ts";

Deno.test("a folder's name says its partition", () => {
  const cases: [name: string, topic: string | null, partition?: number][] = [
    ["orders-0", "orders", 0],
    ["a.b_c-d-12", "a.b_c-d", 12],
    ["__consumer_offsets-49", "__consumer_offsets", 49],
    ["orders", null],
    ["orders-", null],
    ["-1", null],
    ["orders-01", null],
    ["orders-9999999999", null],
    ["lost+found", null],
    [`orders-0.${"a".repeat(32)}-delete`, null],
    [`orders-0.${"a".repeat(32)}-future`, null],
    ["orders-delete-0", "orders-delete", 0],
  ];
  for (const [name, topic, partition] of cases) {
    deepEqual(
      parsePartitionName(name),
      topic === null ? null : { topic, partition },
      name,
    );
  }
  const long = deletedName(
    { topic: "t".repeat(249), partition: 2147483647 },
    "b".repeat(32),
  );
  strictEqual(long.length, 255);
  strictEqual(parsePartitionName(long), null);
});

Deno.test("partition.metadata is read as Kafka writes it", () => {
  const bytes = formatPartitionMetadata(TOPIC_ID);
  strictEqual(
    new TextDecoder().decode(bytes),
    `version: 0\ntopic_id: ${TOPIC_ID}`,
  );
  strictEqual(parsePartitionMetadata("x", bytes), TOPIC_ID);
  for (
    const text of [
      "",
      "version: 1\ntopic_id: " + TOPIC_ID,
      "version: 0\ntopic_id: short",
      `version: 0\ntopic_id: ${"A".repeat(22)}`,
    ]
  ) {
    throws(
      () => parsePartitionMetadata("x", encodeUtf8(text)),
      CorruptFileError,
    );
  }
});

Deno.test("a producer snapshot that is torn is refused", () => {
  const bytes = encodeProducerSnapshot([{
    producerId: 2 ** 40,
    producerEpoch: 3,
    lastSequence: 11,
    lastOffset: 14,
    offsetDelta: 2,
    timestampMs: 1_795_367_391_596,
    coordinatorEpoch: -1,
    currentTxnFirstOffset: -1,
  }]);
  strictEqual(decodeProducerSnapshot("x", bytes)[0].producerId, 2 ** 40);
  for (let size = 0; size < bytes.length; size++) {
    throws(
      () => decodeProducerSnapshot("x", bytes.subarray(0, size)),
      CorruptFileError,
    );
  }
  for (let i = 0; i < bytes.length; i++) {
    throws(
      () => decodeProducerSnapshot("x", bytes.with(i, bytes[i] ^ 4)),
      CorruptFileError,
      `byte ${i}`,
    );
  }
});

Deno.test("checkpoints and marks are read as Kafka writes them", () => {
  const { host, disk } = simHost(1);
  const offsets = new Map([["a-b-0", 5], ["c-12", 2 ** 40]]);
  const bytes = formatOffsetCheckpoint(offsets);
  strictEqual(
    new TextDecoder().decode(bytes),
    `0\n2\na-b 0 5\nc 12 ${2 ** 40}\n`,
  );
  disk.writeFile("/data/x", bytes);
  deepEqual(readOffsetCheckpoint(host.disk, "/data/x"), offsets);
  deepEqual(readOffsetCheckpoint(host.disk, "/data/none"), new Map());
  disk.writeFile("/data/x", encodeUtf8("0\n1\na 0\n"));
  throws(() => readOffsetCheckpoint(host.disk, "/data/x"), CorruptFileError);

  const marks: [text: string, brokerEpoch: number | null][] = [
    ['{"version":0,"brokerEpoch":185}', 185],
    ["", -1],
    ['{"version":1}', null],
    ["{", null],
    [" ", null],
  ];
  for (const [text, brokerEpoch] of marks) {
    disk.writeFile("/data/.kafka_cleanshutdown", encodeUtf8(text));
    strictEqual(
      readCleanShutdown(host.disk, "/data")?.brokerEpoch ?? null,
      brokerEpoch,
      text,
    );
  }
});

Deno.test("a directory of another broker, cluster or version is refused in one line", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host);
    await dirs.close();
    deepEqual(readMetaProperties(sim.host.disk, "/data/logs"), {
      brokerId: 1,
      clusterId: "MutPdyIqQC2vH8EukKTZzQ",
    });
    const cases: [options: Parameters<typeof openTestLogs>[1], text: RegExp][] =
      [
        [{ brokerId: 2 }, /belongs to broker 1, not to 2; set broker.id/],
        [
          { clusterId: "other" },
          /belongs to the cluster MutPdyIqQC2vH8EukKTZzQ, not to other; set log.dirs/,
        ],
      ];
    for (const [options, text] of cases) {
      await rejects(openTestLogs(sim.host, options), (error) => {
        strictEqual(error instanceof ConfigError, true);
        return text.test((error as Error).message);
      });
    }
    // Refused, it is as clean as before.
    const again = await openTestLogs(sim.host);
    strictEqual(again.wasClean, true);
    await rejects(
      openTestLogs(sim.host),
      (error) => error instanceof HostError && error.kind === "locked",
    );
    again.abandon();
    sim.disk.writeFile("/data/logs/meta.properties", encodeUtf8("version=2\n"));
    await rejects(openTestLogs(sim.host), /version 2, newer/);
    sim.disk.writeFile(
      "/data/logs/meta.properties",
      encodeUtf8("version=0\nbroker.id=x\n"),
    );
    await rejects(openTestLogs(sim.host), /broker id "x"/);
  });
});

Deno.test("a partition in two directories is refused", async () => {
  const sim = simHost(1);
  sim.host.disk.makeDirectory("/data/a/t-0");
  sim.host.disk.makeDirectory("/data/b/t-0");
  await sim.run(() =>
    rejects(
      openTestLogs(sim.host, { directories: "/data/a,/data/b" }),
      /t-0 is both in "\/data\/a" and in "\/data\/b"/,
    )
  );
});

Deno.test("checkpoints are written by the clock, and only where they changed", async () => {
  const sim = simHost(1);
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host);
    const log = dirs.createLog({
      topic: "t",
      partition: 0,
      topicId: TOPIC_ID,
      config: testTopicConfig(),
    });
    appendTest(log, ["a"]);
    await log.flush();
    const wait = (ms: number) =>
      new Promise<void>((done) => sim.host.clock.after(ms, done));
    await wait(61_000);
    const text = (name: string) =>
      new TextDecoder().decode(sim.disk.readFile(`/data/logs/${name}`));
    strictEqual(text("recovery-point-offset-checkpoint"), "0\n1\nt 0 1\n");
    strictEqual(text("replication-offset-checkpoint"), "0\n1\nt 0 1\n");
    const { callCount } = sim.disk;
    await wait(120_000);
    strictEqual(sim.disk.callCount, callCount);
    dirs.deleteLog("t", 0);
    await wait(61_000);
    strictEqual(text("recovery-point-offset-checkpoint"), "0\n0\n");
    deepEqual(
      sim.host.disk.list("/data/logs").filter((name) => name.startsWith("t")),
      [],
    );
    dirs.abandon();
  });
});

Deno.test("a clean start reads little of each log, however long it is", async () => {
  const sim = simHost(1);
  const config = testTopicConfig();
  await sim.run(async () => {
    const dirs = await openTestLogs(sim.host, { topicConfig: config });
    for (let partition = 0; partition < 20; partition++) {
      const log = dirs.createLog({
        topic: "t",
        partition,
        topicId: TOPIC_ID,
        config,
      });
      for (let i = 0; i < 100; i++) appendTest(log, ["x".repeat(200)]);
    }
    strictEqual(await dirs.close(), true);
    const { callCount } = sim.disk;
    const again = await openTestLogs(sim.host, { topicConfig: config });
    const callsPerLog = (sim.disk.callCount - callCount) / 20;
    strictEqual(callsPerLog < 30, true, `${callsPerLog} calls for each log`);
    strictEqual(readAll(again.log("t", 7)!).length, 100);
    again.abandon();
  });
});
