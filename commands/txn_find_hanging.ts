// kq txn find-hanging

import { command } from "../core/cli/command.ts";
import { ExitCode } from "../core/cli/exit_code.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { parseDuration } from "../core/cli/time_expression.ts";
import { parseTopicSpec, type TopicSpec } from "../core/cli/topic_spec.ts";
import { ExitError, UsageError } from "../core/cli/usage_error.ts";
import type { Admin } from "../core/client/admin.ts";
import { partitionKey, type TopicPartition } from "../core/client/metadata.ts";
import { reportItems, withAdmin } from "./_admin.ts";
import { partitionsOf } from "./_topic_partitions.ts";
import { findOwners, openTransactions, producersOf } from "./_transactions.ts";

const MINUTE_MS = 60_000;

export default command({
  details:
    "Finds transactions that are open in a partition, have been written to for\n" +
    "the last time longer ago than any transaction may take, and that no\n" +
    "coordinator is going to end: read_committed consumers wait behind them for\n" +
    "ever, until `kq txn abort` ends them.",
  args: [],
  flags: {
    broker: {
      kind: "whole",
      also: ["broker-id"],
      min: 0,
      value: "ID",
      doc: "Only partitions with a replica on this broker, which is asked",
    },
    topic: {
      kind: "text",
      doc: "Only this topic, or partitions of it as in orders:0,2",
    },
    partition: {
      kind: "whole",
      short: "p",
      min: 0,
      doc: "Only this partition of --topic",
    },
    "max-transaction-timeout": {
      kind: "text",
      value: "TIME",
      default: "15m",
      doc:
        "What transaction.max.timeout.ms of the brokers allows, as 15m; a bare number is minutes",
    },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq txn find-hanging",
    "kq txn find-hanging --topic orders --max-transaction-timeout 1h -o json",
  ],
  run: (context, { flags }) => {
    const { broker, topic, partition } = flags;
    if (partition !== undefined && topic === undefined) {
      throw new UsageError("--partition needs --topic");
    }
    const maxMs = durationOf(flags["max-transaction-timeout"]);
    return withAdmin(context, flags, async (admin) => {
      const partitions = await searched(admin, { broker, topic, partition });
      const results = await producersOf(admin, partitions, broker);
      const nowMs = context.host.clock.wallMs();
      const candidates = openTransactions(results).filter(({ producer }) =>
        nowMs - producer.lastTimestampMs > maxMs
      );
      const owned = await findOwners(admin, candidates);
      const hanging = owned.filter(({ owner }) => owner === null)
        .map(({ transaction }) => transaction);
      await printRows(context.out, flags.output, {
        columns: [
          { field: "topic" },
          { field: "partition" },
          { field: "producerId" },
          { field: "producerEpoch" },
          { field: "coordinatorEpoch" },
          { field: "startOffset" },
          { field: "lastTimestampMs", wide: true },
          { field: "durationMs" },
        ],
        nameField: "name",
        rows: hanging.map(({ topic, partition, producer }) => ({
          name: `${topic}:${partition}`,
          topic,
          partition,
          producerId: producer.producerId,
          producerEpoch: producer.producerEpoch,
          coordinatorEpoch: producer.coordinatorEpoch,
          startOffset: producer.currentTransactionStartOffset,
          lastTimestampMs: producer.lastTimestampMs,
          durationMs: nowMs - producer.lastTimestampMs,
        })),
      });
      for (const { topic, partition, producer } of hanging) {
        context.note(
          `kq txn abort ${topic}:${partition} --start-offset ` +
            `${producer.currentTransactionStartOffset} ends it`,
        );
      }
      return reportItems(
        context,
        results.map(({ topic, partition, error }) => ({
          name: `${topic}:${partition}`,
          error,
        })),
      );
    });
  },
});

/** Where it is looked: partitions, those with a replica on a broker only. */
async function searched(
  admin: Admin,
  asked: {
    readonly broker: number | undefined;
    readonly topic: string | undefined;
    readonly partition: number | undefined;
  },
): Promise<TopicPartition[]> {
  const { broker, topic, partition } = asked;
  const partitions = topic === undefined
    ? null
    : await partitionsOf(admin, [specOf(topic, partition)]);
  if (partitions !== null && broker === undefined) return partitions;
  const names = topic === undefined
    ? (await admin.listTopics({ includeInternal: true })).map(({ name }) =>
      name
    )
    : [partitions![0].topic];
  // A topic that has been deleted since then has no partitions.
  const described = (await admin.describeTopics(names)).flatMap((topic) =>
    topic.partitions
  );
  if (broker === undefined) return described;
  const { nodes } = await admin.describeCluster();
  if (!nodes.some(({ id }) => id === broker)) {
    throw new ExitError(ExitCode.NOT_FOUND, `there is no broker ${broker}`);
  }
  const wanted = partitions === null
    ? null
    : new Set(partitions.map(partitionKey));
  return described.filter((place) =>
    place.replicas.includes(broker) &&
    (wanted === null || wanted.has(partitionKey(place)))
  );
}

function specOf(text: string, partition: number | undefined): TopicSpec {
  const spec = parseTopicSpec(text);
  if (partition === undefined) return spec;
  if (spec.partitions === null) return { ...spec, partitions: [partition] };
  throw new UsageError("--partition and TOPIC:N exclude each other");
}

function durationOf(text: string): number {
  const ms = /^\d{1,9}$/.test(text)
    ? Number(text) * MINUTE_MS
    : parseDuration(text);
  if (ms !== null) return ms;
  throw new UsageError(
    `--max-transaction-timeout: expected a time such as 15m, or minutes, got ${
      JSON.stringify(text)
    }`,
  );
}
