// kq topic purge

import { command } from "../core/cli/command.ts";
import { readConfigFile } from "../core/cli/connection.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { parseOffset } from "../core/cli/offset_expression.ts";
import { printRows } from "../core/cli/rows.ts";
import { parseTopicSpec } from "../core/cli/topic_spec.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { RecordsToDelete } from "../core/client/admin_partitions.ts";
import { errorField, isConfirmed, reportItems, withAdmin } from "./_admin.ts";
import { resolveOffsets } from "./_offsets.ts";
import { partitionsOf } from "./_topic_partitions.ts";

export default command({
  details:
    "Deletes the records before an offset; the topic itself stays. Asks first on\n" +
    "a terminal, and needs --yes elsewhere.",
  args: [{
    name: "TOPIC",
    doc: "A topic, or some of its partitions as in orders:0,2",
    optional: true,
    many: true,
  }],
  flags: {
    before: {
      kind: "text",
      short: "e",
      also: ["to-offset"],
      value: "OFFSET",
      doc: "The first record to stay: N, -N, +N, latest, @TIME",
    },
    all: { kind: "switch", doc: "Delete all records: --before latest" },
    "offset-json-file": {
      kind: "text",
      value: "FILE",
      doc: "Partitions and offsets in the JSON of kafka-delete-records",
    },
    yes: { kind: "switch", short: "y", doc: "Do not ask" },
    "dry-run": { kind: "switch", doc: "Show what would be deleted" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq topic purge orders --before @-7d --yes",
    "kq topic purge orders:0,2 --all --dry-run",
  ],
  run: (context, { flags, args }) =>
    withAdmin(context, flags, async (admin) => {
      const file = flags["offset-json-file"];
      if ((file === undefined) === (args.length === 0)) {
        throw new UsageError("name topics, or give --offset-json-file");
      }
      const before = flags.all ? "latest" : flags.before;
      if (file === undefined && before === undefined) {
        throw new UsageError("say which records: --before OFFSET, or --all");
      }
      if (flags.all && flags.before !== undefined) {
        throw new UsageError("--all and --before exclude each other");
      }
      let targets: RecordsToDelete[];
      if (file !== undefined) {
        targets = parseOffsetFile(readConfigFile(context, file), file);
      } else {
        const now = context.host.clock.wallMs();
        const expression = parseOffset(before!, now);
        const specs = args.map((text) => parseTopicSpec(text));
        const partitions = await partitionsOf(admin, specs);
        const offsets = await resolveOffsets(admin, partitions, expression, {
          isolationLevel: "read_uncommitted",
        });
        targets = partitions.map((partition, index) => ({
          ...partition,
          beforeOffset: offsets[index],
        }));
      }
      const question = `Delete the records of ${targets.length} partitions?`;
      if (
        !flags["dry-run"] && !await isConfirmed(context, flags.yes, question)
      ) return 0;
      const results = flags["dry-run"]
        ? targets.map((target) => ({ ...target, error: null, value: null }))
        : await admin.deleteRecords(targets);
      await printRows(context.out, flags.output, {
        columns: [
          { field: "topic" },
          { field: "partition" },
          { field: "beforeOffset" },
          { field: "earliestOffset" },
        ],
        nameField: "topic",
        rows: results.map(({ topic, partition, error, value }, index) => ({
          topic,
          partition,
          beforeOffset: targets[index].beforeOffset,
          earliestOffset: value,
          ...errorField(error),
        })),
      });
      return reportItems(
        context,
        results.map(({ topic, partition, error }) => ({
          name: `${topic}:${partition}`,
          error,
        })),
      );
    }),
});

// {"version":1,"partitions":[{"topic":"orders","partition":0,"offset":100}]}
function parseOffsetFile(bytes: Uint8Array, path: string): RecordsToDelete[] {
  let document: { version?: unknown; partitions?: unknown };
  try {
    document = JSON.parse(new TextDecoder("utf-8").decode(bytes)) ?? {};
  } catch (error) {
    throw new UsageError(`${path}: is no JSON: ${(error as Error).message}`);
  }
  if (document.version !== undefined && document.version !== 1) {
    throw new UsageError(
      `${path}: version: expected 1, got ${JSON.stringify(document.version)}`,
    );
  }
  const { partitions } = document;
  if (!Array.isArray(partitions) || partitions.length === 0) {
    throw new UsageError(`${path}: partitions: expected a list of some`);
  }
  return partitions.map((item, index) => {
    const { topic, partition, offset } = item ?? {};
    const isRight = typeof topic === "string" &&
      Number.isSafeInteger(partition) && partition >= 0 &&
      Number.isSafeInteger(offset) && offset >= -1;
    if (isRight) return { topic, partition, beforeOffset: offset };
    throw new UsageError(
      `${path}: partitions[${index}]: expected topic, partition and offset, ` +
        `got ${JSON.stringify(item)}`,
    );
  });
}
