// kq offset reset

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { parseOffset } from "../core/cli/offset_expression.ts";
import { parseDuration, parseTime } from "../core/cli/time_expression.ts";
import { parseTopicSpec } from "../core/cli/topic_spec.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { Admin } from "../core/client/admin.ts";
import { withAdmin } from "./_admin.ts";
import { chosenGroups, groupFlags } from "./_groups.ts";
import { changeFlags, changeOffsets } from "./_offset_changes.ts";
import { planGiven, readOffsetFile } from "./_offset_file.ts";
import {
  type OffsetScope,
  type OffsetTarget,
  planOffsets,
} from "./_offset_plan.ts";
import { partitionsOf } from "./_topic_partitions.ts";

/** Where to; one has to be given. */
const SCENARIOS = {
  "to-earliest": { kind: "switch", doc: "To the first record" },
  "to-latest": { kind: "switch", doc: "After the last record" },
  "to-current": {
    kind: "switch",
    doc: "Where it is; to the end where nothing is committed",
  },
  "to-offset": {
    kind: "text",
    value: "OFFSET",
    doc: "To an offset: N, -N (before the end), +N (after the start), @TIME",
  },
  "to-datetime": {
    kind: "text",
    value: "TIME",
    doc: "To the first record at or after a time, as 2024-05-01T12:00:00",
  },
  "by-duration": {
    kind: "text",
    value: "TIME",
    doc: "To the first record of the last hour (1h, PT1H), day (1d, P1D)",
  },
  "shift-by": {
    kind: "whole",
    value: "N",
    doc: "By N records: on, or back where N is negative",
  },
  "from-file": {
    kind: "text",
    value: "FILE",
    doc: "To what a CSV says: [GROUP,]TOPIC,PARTITION,OFFSET; - is stdin",
  },
} as const;

const SCENARIO_NAMES = Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[];

export default command({
  details:
    "Moves groups that have no members. Shows old, new and difference, and changes\n" +
    "nothing without --execute. What a partition does not have is taken to its\n" +
    "nearest end, and said so.",
  args: [{
    name: "GROUP",
    doc: "A group; with --regex, a pattern",
    optional: true,
    many: true,
  }],
  flags: {
    ...groupFlags,
    topic: {
      kind: "text",
      many: true,
      doc: "This topic, or partitions of it as in orders:0,2",
    },
    "all-topics": {
      kind: "switch",
      doc: "All partitions that the group has offsets of",
    },
    ...SCENARIOS,
    export: { kind: "switch", doc: "Print the new offsets as CSV" },
    ...changeFlags,
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq offset reset billing --topic orders --to-earliest",
    "kq offset reset billing --all-topics --by-duration 1h --execute",
    "kq offset reset -r 'test-.*' --all-topics --to-latest --execute",
  ],
  run: async (context, { flags, args }) => {
    const given = SCENARIO_NAMES.filter((name) =>
      flags[name] !== undefined && flags[name] !== false
    );
    if (given.length !== 1) {
      const all = SCENARIO_NAMES.map((name) => `--${name}`).join(", ");
      throw new UsageError(`say where to, by one of ${all}`);
    }
    const nowMs = context.host.clock.wallMs();
    if (flags["from-file"] !== undefined) {
      if (flags.topic.length > 0) {
        throw new UsageError(
          "--from-file names the partitions: without --topic",
        );
      }
      const offsets = await readOffsetFile(context, flags["from-file"], [
        ...args,
        ...flags.group,
      ]);
      return await withAdmin(
        context,
        flags,
        async (admin) =>
          await changeOffsets(
            context,
            admin,
            await planGiven(admin, offsets),
            flags,
          ),
      );
    }
    const target = targetOf(flags, nowMs);
    if ((flags.topic.length > 0) === flags["all-topics"]) {
      throw new UsageError("say which topics: --topic TOPIC, or --all-topics");
    }
    return await withAdmin(context, flags, async (admin) => {
      const names = await chosenGroups(admin, args, flags);
      const scopes = await scopesOf(admin, names, flags.topic);
      const changes = scopes.length === 0
        ? []
        : await planOffsets(admin, scopes, target);
      return await changeOffsets(context, admin, changes, flags);
    });
  },
});

async function scopesOf(
  admin: Admin,
  groups: readonly string[],
  topics: readonly string[],
): Promise<OffsetScope[]> {
  const specs = topics.map((text) => parseTopicSpec(text));
  const partitions = specs.length === 0
    ? null
    : await partitionsOf(admin, specs);
  return groups.map((group) => ({ group, partitions }));
}

function targetOf(
  flags: {
    readonly "to-earliest": boolean;
    readonly "to-latest": boolean;
    readonly "to-current": boolean;
    readonly "to-offset": string | undefined;
    readonly "to-datetime": string | undefined;
    readonly "by-duration": string | undefined;
    readonly "shift-by": number | undefined;
  },
  nowMs: number,
): OffsetTarget {
  const atTime = (timestampMs: number): OffsetTarget => ({
    kind: "expression",
    expression: { kind: "time", timestampMs },
  });
  if (flags["to-current"]) return { kind: "current" };
  if (flags["shift-by"] !== undefined) {
    return { kind: "shift", count: flags["shift-by"] };
  }
  if (flags["to-datetime"] !== undefined) {
    const timestampMs = parseTime(flags["to-datetime"], nowMs);
    if (timestampMs !== null) return atTime(timestampMs);
    throw new UsageError(
      "--to-datetime: expected a time such as 2024-05-01T12:00:00, got " +
        JSON.stringify(flags["to-datetime"]),
    );
  }
  if (flags["by-duration"] !== undefined) {
    const durationMs = parseDuration(flags["by-duration"]);
    if (durationMs !== null) return atTime(nowMs - durationMs);
    throw new UsageError(
      "--by-duration: expected a duration such as 1h30m or PT1H30M, got " +
        JSON.stringify(flags["by-duration"]),
    );
  }
  const text = flags["to-earliest"]
    ? "earliest"
    : flags["to-latest"]
    ? "latest"
    : flags["to-offset"]!;
  const expression = parseOffset(text, nowMs);
  return { kind: "expression", expression };
}
