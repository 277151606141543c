// What Apache Kafka wrote: every partition of testdata/log/kafka-data.tar.gz,
// compared record for record with what a consumer of Kafka read from it.

import { deepEqual, equal, ok, strictEqual } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { encodeBase64 } from "../base/bytes.ts";
import {
  bytesOf,
  openTestLogs,
  readAll,
  testTopicConfig,
} from "../testing/log_fixture.ts";
import { type SimHost, simHost } from "../testing/sim_host.ts";
import { readTar } from "../testing/tar.ts";
import {
  batchIsControl,
  batchSize,
  decodeBatch,
} from "../record/record_batch.ts";
import { dumpableFiles, dumpFile } from "./dump.ts";
import type { DumpRow, RecordRow } from "./dump_rows.ts";
import type { LogDirs } from "./log_dirs.ts";
import type { PartitionLog } from "./partition_log.ts";
import { verifyPartition } from "./verify.ts";

type GoldenRecord = [
  offset: number,
  timestampMs: number,
  key: string | null,
  value: string | null,
  headers: [key: string, value: string | null][],
];
interface GoldenPartition {
  start: number;
  end: number;
  records: GoldenRecord[];
}

const folder = new URL("../../testdata/log/", import.meta.url);
const gunzip = (name: string) =>
  gunzipSync(Deno.readFileSync(new URL(name, folder)));
const files = readTar(gunzip("kafka-data.tar.gz"));
const golden: Record<string, GoldenPartition> = JSON.parse(
  new TextDecoder().decode(gunzip("kafka-data.json.gz")),
);
const partitions = [
  ...new Set(files.map((file) => file.path.split("/")[1])),
].filter((name) => /-\d+$/.test(name));

/** A simulated machine with Kafka's directory on its disk. */
async function withKafkaData(
  run: (sim: SimHost) => Promise<void> | void,
): Promise<void> {
  const sim = simHost(1);
  const { disk } = sim.host;
  for (const { path, bytes } of files) {
    const target = `/data/${path}`;
    disk.makeDirectory(target.slice(0, target.lastIndexOf("/")));
    const file = disk.open(target, "create");
    file.writeAt(bytes, 0);
    file.close();
  }
  await sim.run(() => run(sim));
}

function openKafkaData(sim: SimHost): Promise<LogDirs> {
  return openTestLogs(sim.host, {
    directories: "/data/kafka-data",
    clusterId: "xmb-LnloSdqnwnMsDnTSkA",
    topicConfig: testTopicConfig({ "segment.index.bytes": 12_000 }),
  });
}

function asGolden(record: {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly {
    readonly key: string;
    readonly value: Uint8Array | null;
  }[];
}): GoldenRecord {
  const text = (bytes: Uint8Array | null) =>
    bytes === null ? null : encodeBase64(bytes);
  return [
    record.offset,
    record.timestampMs,
    text(record.key),
    text(record.value),
    record.headers.map(({ key, value }) => [key, text(value)]),
  ];
}

function dump(sim: SimHost, name: string): DumpRow[] {
  const { disk } = sim.host;
  return dumpableFiles(disk, `/data/kafka-data/${name}`).flatMap((path) => [
    ...dumpFile(disk, path, { withRecords: true }),
  ]);
}

Deno.test("dumpFile() gives every record that Kafka's consumer gave", () =>
  withKafkaData((sim) => {
    let comparedCount = 0;
    for (const name of partitions) {
      const rows = dump(sim, name);
      deepEqual(rows.filter((row) => row.kind === "fault"), [], name);
      const wanted = golden[name];
      if (wanted === undefined) continue;
      let isControl = false;
      const records: RecordRow[] = [];
      for (const row of rows) {
        if (row.kind === "batch") isControl = row.isControl;
        else if (row.kind === "record" && !isControl) records.push(row);
      }
      deepEqual(records.map(asGolden), wanted.records, name);
      comparedCount++;
    }
    strictEqual(comparedCount, 11);
  }));

Deno.test("dumpFile() reads what stands beside Kafka's logs", () =>
  withKafkaData((sim) => {
    const rows = dump(sim, "tx-0");
    const ofKind = (kind: DumpRow["kind"]) =>
      rows.filter((row) => row.kind === kind);
    deepEqual(
      ofKind("record").map((row) => (row as RecordRow).marker)
        .filter((marker) => marker !== null),
      [true, false, true, false].map((isCommit) => ({
        isCommit,
        coordinatorEpoch: 0,
      })),
    );
    deepEqual(ofKind("transactionIndex"), [
      {
        kind: "transactionIndex",
        producerId: 0,
        firstOffset: 4,
        lastOffset: 7,
        lastStableOffset: 8,
      },
      {
        kind: "transactionIndex",
        producerId: 0,
        firstOffset: 12,
        lastOffset: 15,
        lastStableOffset: 16,
      },
    ]);
    deepEqual(ofKind("producer"), [{
      kind: "producer",
      producerId: 0,
      producerEpoch: 0,
      lastSequence: 11,
      lastOffset: 14,
      offsetDelta: 2,
      timestampMs: 1795367391596,
      coordinatorEpoch: 0,
      currentTxnFirstOffset: -1,
    }]);
    deepEqual(ofKind("leaderEpoch"), [
      { kind: "leaderEpoch", epoch: 0, startOffset: 0 },
      { kind: "leaderEpoch", epoch: 2, startOffset: 16 },
    ]);
    deepEqual(ofKind("timeIndex"), [
      { kind: "timeIndex", timestampMs: 1795367391596, offset: 15 },
    ]);
    deepEqual(ofKind("partitionMetadata"), [
      { kind: "partitionMetadata", topicId: "36ggnvbQQoCBrn_DbywMUA" },
    ]);
    const rolled = dump(sim, "rolled-0");
    strictEqual(rolled.filter((row) => row.kind === "offsetIndex").length, 22);
    deepEqual(rolled.find((row) => row.kind === "offsetIndex"), {
      kind: "offsetIndex",
      offset: 14,
      position: 272,
    });
    const checkpoint = [...dumpFile(
      sim.host.disk,
      "/data/kafka-data/recovery-point-offset-checkpoint",
      { withRecords: false },
    )];
    strictEqual(checkpoint.length, 17);
    deepEqual(checkpoint[0], {
      kind: "checkpoint",
      topic: "codecs",
      partition: 4,
      offset: 200,
    });
  }));

Deno.test("verifyPartition() finds nothing wrong in what Kafka wrote", () =>
  withKafkaData((sim) => {
    for (const name of partitions) {
      const findings = verifyPartition(
        sim.host.disk,
        `/data/kafka-data/${name}`,
      );
      deepEqual(findings, [], name);
    }
  }));

/** The records that a reader of committed records is given, as clients filter them. */
function readCommitted(log: PartitionLog) {
  const read = log.read(log.logStartOffset, {
    maxBytes: 1 << 20,
    minOneBatch: true,
    upToOffset: log.lastStableOffset,
    withAborted: true,
  });
  const bytes = bytesOf(read);
  const aborted = [...read.abortedTransactions!];
  const skipping = new Set<number>();
  const records = [];
  for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
    const batch = decodeBatch(bytes, at);
    const producerId = Number(
      new DataView(bytes.buffer, bytes.byteOffset + at).getBigInt64(43),
    );
    while (aborted.length > 0 && aborted[0].firstOffset <= batch[0].offset) {
      skipping.add(aborted.shift()!.producerId);
    }
    if (batchIsControl(bytes, at)) skipping.delete(producerId);
    else if (!skipping.has(producerId)) records.push(...batch);
  }
  return records;
}

Deno.test("LogDirs opens what Kafka closed cleanly, and reads both views of transactions", () =>
  withKafkaData(async (sim) => {
    const reports: string[] = [];
    const dirs = await openKafkaData(sim);
    strictEqual(dirs.wasClean, true);
    strictEqual(dirs.directories[0].previousBrokerEpoch, 185);
    for (const name of partitions) {
      const dash = name.lastIndexOf("-");
      const log = dirs.log(name.slice(0, dash), Number(name.slice(dash + 1)))!;
      const wanted = golden[name];
      if (wanted === undefined) continue;
      strictEqual(log.logStartOffset, wanted.start);
      strictEqual(log.logEndOffset, wanted.end);
      strictEqual(log.highWatermark, wanted.end);
      strictEqual(log.lastStableOffset, wanted.end);
      equal(log.topicId?.length, 22);
      if (name.startsWith("tx-")) {
        const committed = golden[`${name} committed`];
        deepEqual(readCommitted(log).map(asGolden), committed.records, name);
      } else {
        deepEqual(readAll(log).map(asGolden), wanted.records, name);
      }
    }
    deepEqual(reports, []);
    strictEqual(await dirs.close(), true);
    for (const name of partitions) {
      deepEqual(
        verifyPartition(sim.host.disk, `/data/kafka-data/${name}`),
        [],
        name,
      );
    }
  }));

Deno.test("offsetForTimestamp() finds each of Kafka's records by its time", () =>
  withKafkaData(async (sim) => {
    const dirs = await openKafkaData(sim);
    for (
      const name of ["rolled-0", "codecs-3", "compacted-0", "appendtime-0"]
    ) {
      const [topic, partition] = name.split("-");
      const log = dirs.log(topic, Number(partition))!;
      const { records } = golden[name];
      for (const [, timestampMs] of records) {
        for (const target of [timestampMs - 1, timestampMs, timestampMs + 1]) {
          const first = records.find((record) => record[1] >= target);
          const found = log.offsetForTimestamp(target);
          strictEqual(found?.offset, first?.[0], `${name} at ${target}`);
          strictEqual(found?.timestampMs, first?.[1]);
        }
      }
      const largest = Math.max(...records.map((record) => record[1]));
      const latest = records.find((record) => record[1] === largest)!;
      strictEqual(log.offsetOfMaxTimestamp()?.offset, latest[0], name);
    }
    dirs.abandon();
  }));

Deno.test("recovery makes the same files of Kafka's data as Kafka", () =>
  withKafkaData(async (sim) => {
    const { disk } = sim.host;
    disk.remove("/data/kafka-data/.kafka_cleanshutdown");
    disk.remove("/data/kafka-data/recovery-point-offset-checkpoint");
    const dirs = await openTestLogs(sim.host, {
      directories: "/data/kafka-data",
      clusterId: "xmb-LnloSdqnwnMsDnTSkA",
      topicConfig: (topic) =>
        testTopicConfig({
          "index.interval.bytes": topic === "rolled" ? 200 : 4096,
          "segment.index.bytes": 12_000,
        }),
    });
    strictEqual(dirs.wasClean, false);
    strictEqual(await dirs.close(), true);
    for (const { path, bytes } of files) {
      if (!/rolled-0\/|tx-\d\//.test(path)) continue;
      if (!/\.(log|index|timeindex|txnindex|snapshot)$/.test(path)) continue;
      const now = sim.disk.readFile(`/data/${path}`);
      ok(
        now.toHex() === bytes.toHex(),
        `${path}: ${now.toHex()} instead of ${bytes.toHex()}`,
      );
    }
  }));
