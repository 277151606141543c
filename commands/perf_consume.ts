// kq perf consume

import { command, type CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { connectionFlags } from "../core/cli/flags.ts";
import {
  type ConsumedUpTo,
  consumerHeader,
  consumerIntervalLine,
  consumerTotalLine,
} from "../core/cli/perf_stats.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import { type Consumer, createConsumer } from "../core/client/consumer.ts";
import { perfConfig, perfTopic, REPORT_INTERVAL_MS } from "./_perf_flags.ts";

export default command({
  details:
    "Reads all partitions without a group, and prints the lines of Kafka's\n" +
    "kafka-consumer-perf-test.",
  args: [{
    name: "TOPIC",
    doc: "What is read; words with = are client configuration",
    optional: true,
    many: true,
  }],
  flags: {
    topic: { kind: "text", value: "TOPIC", doc: "The same" },
    messages: {
      kind: "whole",
      short: "n",
      also: ["num-records"],
      min: 1,
      default: 1_000_000,
      doc: "Records to read",
    },
    "idle-timeout": {
      kind: "duration",
      doc: "Give up when no record comes for this long (default 10s)",
    },
    "from-latest": { kind: "switch", doc: "Begin at the end" },
    "show-detailed-stats": { kind: "switch", doc: "A line for each interval" },
    "reporting-interval": {
      kind: "whole",
      min: 1,
      default: REPORT_INTERVAL_MS,
      doc: "Milliseconds of an interval",
    },
    "hide-header": { kind: "switch", doc: "Leave out the first line" },
    ...connectionFlags,
  },
  examples: ["kq perf consume orders -n 1000000"],
  finishesItself: true,
  run: async (context, { flags, args }) => {
    const topic = perfTopic(args, flags.topic);
    const config = await perfConfig(context, flags, args);
    if (!config.has("check.crcs")) config.set("check.crcs", "true");
    const consumer = createConsumer(context.host, config);
    const isDetailed = flags["show-detailed-stats"];
    try {
      const partitions = await consumer.partitionsFor(topic);
      if (!flags["hide-header"]) {
        await context.out.line(consumerHeader(isDetailed));
      }
      consumer.assign(partitions);
      if (flags["from-latest"]) consumer.seekToEnd();
      else consumer.seekToBeginning();
      const { start, end } = await read(context, consumer, {
        countMax: flags.messages,
        idleMs: flags["idle-timeout"] ?? 10_000,
        intervalMs: isDetailed ? flags["reporting-interval"] : Infinity,
      });
      if (!isDetailed) await context.out.line(consumerTotalLine(start, end));
      if (context.interrupted.aborted) return ExitCode.INTERRUPTED;
      if (end.recordCount < flags.messages) {
        throw new ExitError(
          ExitCode.TIMED_OUT,
          `${end.recordCount} of ${flags.messages} records came`,
        );
      }
    } finally {
      consumer.close();
    }
  },
});

interface Load {
  readonly countMax: number;
  readonly idleMs: number;
  readonly intervalMs: number;
}

const POLL_MS = 100;

async function read(
  { host, out, interrupted }: CommandContext,
  consumer: Consumer,
  { countMax, idleMs, intervalMs }: Load,
): Promise<{ start: ConsumedUpTo; end: ConsumedUpTo }> {
  const { clock } = host;
  const start = { wallMs: clock.wallMs(), sizeBytes: 0, recordCount: 0 };
  let sizeBytes = 0;
  let recordCount = 0;
  let last: ConsumedUpTo = start;
  let seenMs = clock.monotonicMs();
  interrupted.addEventListener("abort", () => consumer.wakeup());
  while (recordCount < countMax && !interrupted.aborted) {
    const chunks = await consumer.poll(POLL_MS);
    const nowMs = clock.monotonicMs();
    if (chunks.length > 0) seenMs = nowMs;
    else if (nowMs - seenMs > idleMs) break;
    for (const { records } of chunks) {
      for (const { key, value } of records) {
        sizeBytes += (key?.length ?? 0) + (value?.length ?? 0);
      }
      recordCount += records.length;
    }
    const now = { wallMs: clock.wallMs(), sizeBytes, recordCount };
    if (now.wallMs - last.wallMs < intervalMs) continue;
    await out.line(consumerIntervalLine(last, now));
    await out.flush();
    last = now;
  }
  return { start, end: { wallMs: clock.wallMs(), sizeBytes, recordCount } };
}
