import { equal } from "node:assert/strict";
import {
  consumerHeader,
  consumerIntervalLine,
  consumerTotalLine,
  ProducerStats,
} from "./perf_stats.ts";

Deno.test("ProducerStats prints the lines of Kafka's tool", () => {
  const stats = new ProducerStats(1000, 0);
  for (let ms = 0; ms < 1000; ms++) stats.add(ms + 0.7, 1024);
  equal(
    stats.windowLine(4000),
    "1000 records sent, 250.0 records/sec (0.24 MB/sec), " +
      "499.5 ms avg latency, 999.0 ms max latency.",
  );
  equal(
    stats.windowLine(4000),
    "0 records sent, NaN records/sec (NaN MB/sec), NaN ms avg latency, " +
      "0.0 ms max latency.",
  );
  equal(
    stats.totalLine(4000),
    "1000 records sent, 250.000000 records/sec (0.24 MB/sec), " +
      "499.50 ms avg latency, 999.00 ms max latency, 500 ms 50th, " +
      "950 ms 95th, 990 ms 99th, 999 ms 99.9th.",
  );
});

Deno.test("ProducerStats samples latencies of many records evenly", () => {
  const stats = new ProducerStats(2_000_000, 0);
  for (let i = 0; i < 2_000_000; i++) stats.add(i < 1_000_000 ? 1 : 3, 1);
  equal(/, 3 ms 50th, 3 ms 95th, /.test(stats.totalLine(1)), true);
  equal(/ 2\.00 ms avg latency/.test(stats.totalLine(1)), true);
});

Deno.test("a consumer's lines are those of Kafka's tool", () => {
  const wallMs = Date.UTC(2024, 4, 1, 15, 4, 5, 60);
  const start = { wallMs, sizeBytes: 0, recordCount: 0 };
  const end = { wallMs: wallMs + 500, sizeBytes: 1_048_576, recordCount: 100 };
  equal(
    consumerTotalLine(start, end),
    "2024-05-01 15:04:05:060, 2024-05-01 15:04:05:560, 1.0000, 2.0000, 100, " +
      "200.0000, 0, 500, 2.0000, 200.0000",
  );
  equal(
    consumerIntervalLine(start, end),
    "2024-05-01 15:04:05:560, 0, 1.0000, 2.0000, 100, 200.0000, 0, 500, " +
      "2.0000, 200.0000",
  );
  equal(
    consumerHeader(true),
    "time, threadId, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, " +
      "nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec",
  );
});
