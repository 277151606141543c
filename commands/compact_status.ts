// kq compact status

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows, type Row } from "../core/cli/rows.ts";
import { parseTopicSpec, type TopicSpec } from "../core/cli/topic_spec.ts";
import type { Admin } from "../core/client/admin.ts";
import type { CompactionDescription } from "../core/client/admin_compaction.ts";
import type { PartitionResult } from "../core/client/leader_calls.ts";
import { errorField, reportItems, withAdmin } from "./_admin.ts";
import { runFields, servedByKq } from "./_compaction.ts";
import { partitionsOf } from "./_topic_partitions.ts";

export default command({
  details:
    "Shows of each partition how much of it is dirty, what the last run since the\n" +
    "start of its broker did, and why the cleaner leaves it alone, if it does. For\n" +
    "brokers of kq only.",
  args: [{
    name: "TOPIC",
    doc: "Only these topics, or partitions as in orders:0,2",
    optional: true,
    many: true,
  }],
  flags: {
    uncleanable: { kind: "switch", doc: "Only partitions that were set aside" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq compact status",
    "kq compact status customers -o json",
    "kq compact status --uncleanable",
  ],
  run: (context, { flags, args }) =>
    withAdmin(context, flags, async (admin) => {
      const specs = args.map((text) => parseTopicSpec(text));
      const partitions = await partitionsOf(
        admin,
        specs.length > 0 ? specs : await allTopics(admin),
      );
      const all = servedByKq(await admin.describeCompaction(partitions));
      // Of topics that nobody named, only those that it is about.
      const shown = all.filter(({ value, error }) =>
        flags.uncleanable
          ? value !== null && value.uncleanableReason !== null
          : specs.length > 0 || error !== null || value!.isCompacted
      );
      await printRows(context.out, flags.output, {
        columns: [
          { field: "topic" },
          { field: "partition" },
          { field: "state" },
          { field: "dirtyRatio" },
          { field: "cleanBytes", wide: true },
          { field: "dirtyBytes", wide: true },
          { field: "lastRun" },
          { field: "bytesBefore" },
          { field: "bytesAfter" },
          { field: "recordsBefore" },
          { field: "recordsAfter" },
          { field: "elapsedMs", wide: true },
          { field: "reason" },
        ],
        nameField: "topic",
        rows: shown.map((result) => rowOf(result)),
      });
      return reportItems(
        context,
        shown.map(({ topic, partition, error }) => ({
          name: `${topic}:${partition}`,
          error,
        })),
      );
    }),
});

async function allTopics(admin: Admin): Promise<TopicSpec[]> {
  const topics = await admin.listTopics({ includeInternal: true });
  return topics.map(({ name }) => ({ topic: name, partitions: null }));
}

function rowOf(
  { topic, partition, error, value }: PartitionResult<CompactionDescription>,
): Row {
  if (value === null) {
    return { topic, partition, state: "unknown", ...errorField(error) };
  }
  const { lastRun } = value;
  return {
    topic,
    partition,
    state: stateOf(value),
    dirtyRatio: Number(value.dirtyRatio.toFixed(4)),
    cleanBytes: value.cleanBytes,
    dirtyBytes: value.dirtyBytes,
    lastRun: lastRun === null ? null : new Date(lastRun.endedMs).toISOString(),
    ...runFields(lastRun),
    reason: value.uncleanableReason,
  };
}

function stateOf(value: CompactionDescription): string {
  if (!value.isCompacted) return "not compacted";
  if (value.isRunning) return "running";
  if (value.uncleanableReason !== null) return "uncleanable";
  return value.openRequestId === 0 ? "idle" : "queued";
}
