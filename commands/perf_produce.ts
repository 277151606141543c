// kq perf produce

import { command, type CommandContext } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { connectionFlags } from "../core/cli/flags.ts";
import { ProducerStats } from "../core/cli/perf_stats.ts";
import { ExitError } from "../core/cli/usage_error.ts";
import { createProducer, type Producer } from "../core/client/producer.ts";
import { sleep } from "../core/host/host.ts";
import { perfConfig, perfTopic, REPORT_INTERVAL_MS } from "./_perf_flags.ts";

export default command({
  details: "Prints the lines of Kafka's kafka-producer-perf-test.",
  args: [{
    name: "TOPIC",
    doc: "Where the records go; words with = are client configuration",
    optional: true,
    many: true,
  }],
  flags: {
    topic: { kind: "text", value: "TOPIC", doc: "The same" },
    "num-records": {
      kind: "whole",
      short: "n",
      min: 1,
      default: 1_000_000,
      doc: "Records to send",
    },
    "record-size": {
      kind: "whole",
      short: "s",
      min: 0,
      max: 2 ** 30,
      default: 100,
      doc: "Bytes of a value",
    },
    throughput: {
      kind: "number",
      min: -1,
      default: -1,
      doc: "Most records in a second; -1 for as many as go",
    },
    "producer-props": {
      kind: "text",
      many: true,
      value: "KEY=VALUE",
      doc: "Producer configuration, as -X",
    },
    ...connectionFlags,
  },
  examples: [
    "kq perf produce orders -n 1000000 -s 100",
    "kq perf produce orders --record-size 1000 -X batch.size=131072 -X linger.ms=5",
  ],
  finishesItself: true,
  run: async (context, { flags, args }) => {
    const topic = perfTopic(args, flags.topic);
    const words = [...args, ...flags["producer-props"]];
    const config = await perfConfig(context, flags, words);
    const producer = createProducer(context.host, config);
    const { clock } = context.host;
    try {
      await producer.partitionsFor(topic);
      const stats = new ProducerStats(
        flags["num-records"],
        clock.monotonicMs(),
      );
      const error = await send(context, producer, {
        topic,
        stats,
        recordCount: flags["num-records"],
        values: randomValues(context, flags["record-size"]),
        throughput: flags.throughput,
      });
      await producer.flush();
      await context.out.line(stats.totalLine(clock.monotonicMs()));
      if (error() !== null) {
        throw new ExitError(ExitCode.FAILED, error()!.message);
      }
    } finally {
      await producer.close();
    }
    return context.interrupted.aborted ? ExitCode.INTERRUPTED : ExitCode.DONE;
  },
});

interface Load {
  readonly topic: string;
  readonly stats: ProducerStats;
  readonly recordCount: number;
  readonly values: () => Uint8Array;
  readonly throughput: number;
}

/** Letters to cut values from: enough that neighbours differ. */
const LETTER_COUNT = 1 << 16;

function randomValues(
  { host }: CommandContext,
  sizeBytes: number,
): () => Uint8Array {
  const letters = new Uint8Array(LETTER_COUNT + sizeBytes);
  for (let i = 0; i < letters.length; i++) {
    letters[i] = 65 + Math.floor(host.random() * 26);
  }
  return () => {
    const start = Math.floor(host.random() * LETTER_COUNT);
    return letters.subarray(start, start + sizeBytes);
  };
}

/** @returns The first error so far, whenever it is asked. */
async function send(
  { host, out, interrupted }: CommandContext,
  producer: Producer,
  { topic, stats, recordCount, values, throughput }: Load,
): Promise<() => Error | null> {
  const { clock } = host;
  const startMs = clock.monotonicMs();
  let firstError: Error | null = null;
  let reportMs = startMs + REPORT_INTERVAL_MS;
  for (let index = 0; index < recordCount; index++) {
    if (interrupted.aborted || firstError !== null) break;
    const value = values();
    const sentMs = clock.monotonicMs();
    const wait = producer.sendNoWait({ topic, value }, (error) => {
      if (error !== null) firstError ??= error;
      else stats.add(clock.monotonicMs() - sentMs, value.length);
    });
    if (wait !== undefined) await wait;
    if (sentMs >= reportMs) {
      await out.line(stats.windowLine(sentMs));
      await out.flush();
      reportMs = sentMs + REPORT_INTERVAL_MS;
    }
    if (throughput <= 0) continue;
    const aheadMs = startMs + 1000 * (index + 1) / throughput -
      clock.monotonicMs();
    if (aheadMs > 0) await sleep(clock, aheadMs);
  }
  return () => firstError;
}
