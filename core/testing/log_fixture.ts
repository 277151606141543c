// What tests of the log begin with: directories on any host, a topic's
// configuration with small limits, and batches with records in them.

import { brokerConfig } from "../config/broker_config.ts";
import { readConfig } from "../config/table.ts";
import type { TopicConfig } from "../config/topic_config.ts";
import { topicConfigFromBroker } from "../config/topic_defaults.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import type { Host } from "../host/host.ts";
import { LogDirs, type LogDirsOptions } from "../log/log_dirs.ts";
import type { LogRead, ReadOptions } from "../log/log_slice.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import {
  batchSize,
  decodeBatch,
  encodeBatch,
  type Record,
  type RecordInput,
} from "../record/record_batch.ts";

/** 22 characters of base64url. */
export const TOPIC_ID = "36ggnvbQQoCBrn_DbywMUA";

/**
 * A topic's configuration with some keys set, and indexes small enough for a
 * simulated disk. Records are kept for ever unless told otherwise: those of
 * `testBatch` are of 1970.
 */
export function testTopicConfig(
  overrides: { readonly [key: string]: string | number } = {},
): TopicConfig {
  const texts = Object.entries({
    "segment.index.bytes": 1200,
    "retention.ms": -1,
    ...overrides,
  })
    .map(([key, value]) => [key, String(value)] as const);
  const broker = readConfig(brokerConfig, new Map());
  return topicConfigFromBroker(broker, new Map(texts));
}

/** Opens log directories, by default one at `/data/logs`. */
export function openTestLogs(
  host: Host,
  options: {
    readonly directories?: string;
    /** Of all topics, or by topic. */
    readonly topicConfig?: TopicConfig | ((topic: string) => TopicConfig);
    readonly brokerId?: number;
    readonly clusterId?: string;
    readonly broker?: { readonly [key: string]: string };
    readonly report?: (text: string) => void;
    readonly openFilesMax?: number;
  } = {},
): Promise<LogDirs> {
  const config = options.topicConfig ?? testTopicConfig();
  const logDirsOptions: LogDirsOptions = {
    host,
    config: readConfig(
      brokerConfig,
      new Map(Object.entries({
        "log.dirs": options.directories ?? "/data/logs",
        // Tests compact when they mean to.
        "log.cleaner.enable": "false",
        ...options.broker,
      })),
    ),
    brokerId: options.brokerId ?? 1,
    clusterId: options.clusterId ?? "MutPdyIqQC2vH8EukKTZzQ",
    topicConfig: typeof config === "function" ? config : () => config,
    report: options.report,
    openFilesMax: options.openFilesMax,
  };
  return LogDirs.open(logDirsOptions);
}

/** A batch of records with these values, 100 ms apart from `timestampMs` on. */
export function testBatch(
  values: readonly string[],
  options: {
    readonly timestampMs?: number;
    readonly producerId?: number;
    readonly producerEpoch?: number;
    readonly baseSequence?: number;
    readonly baseOffset?: number;
    readonly partitionLeaderEpoch?: number;
    readonly isTransactional?: boolean;
    readonly compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  } = {},
): Uint8Array {
  const { timestampMs = 1_000_000, ...rest } = options;
  const records: RecordInput[] = values.map((value, i) => ({
    timestampMs: timestampMs + i * 100,
    key: null,
    value: encodeUtf8(value),
  }));
  return encodeBatch({ records, ...rest });
}

/** Appends records as a client does. */
export function appendTest(
  log: PartitionLog,
  values: readonly string[],
  options: Parameters<typeof testBatch>[1] & {
    readonly leaderEpoch?: number;
    readonly nowMs?: number;
  } = {},
) {
  const { leaderEpoch = 0, nowMs = 2_000_000, ...batch } = options;
  const result = log.append(testBatch(values, batch), {
    leaderEpoch,
    nowMs,
    origin: "client",
  });
  log.highWatermark = log.logEndOffset;
  return result;
}

/** The bytes of a read. */
export function bytesOf(read: LogRead): Uint8Array {
  const bytes = new Uint8Array(read.source.sizeBytes);
  read.source.readInto(bytes);
  return bytes;
}

/** All records from an offset to the end of the log, read piece by piece as a consumer does. */
export function readAll(
  log: PartitionLog,
  from = log.logStartOffset,
  options: Partial<ReadOptions> = {},
): Record[] {
  const records: Record[] = [];
  let offset = from;
  for (;;) {
    const read = log.read(offset, {
      maxBytes: 4096,
      minOneBatch: true,
      upToOffset: log.logEndOffset,
      ...options,
    });
    const bytes = bytesOf(read);
    if (bytes.length === 0) return records;
    for (let at = 0; bytes.length - at >= 61;) {
      const size = batchSize(bytes, at);
      if (size > bytes.length - at) break;
      const batch = decodeBatch(bytes, at);
      for (const record of batch) {
        if (record.offset >= offset) records.push(record);
      }
      at += size;
    }
    const last = records.at(-1);
    if (last === undefined || last.offset < offset) return records;
    offset = last.offset + 1;
  }
}

/** The values of records, as text. */
export function valuesOf(records: readonly Record[]): string[] {
  return records.map((record) =>
    record.value === null ? "null" : new TextDecoder().decode(record.value)
  );
}
