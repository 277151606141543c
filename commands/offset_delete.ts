// kq offset delete

import { command } from "../core/cli/command.ts";
import { connectionFlags, outputFlags } from "../core/cli/flags.ts";
import { printRows } from "../core/cli/rows.ts";
import { parseTopicSpec } from "../core/cli/topic_spec.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { Admin } from "../core/client/admin.ts";
import { partitionKey } from "../core/client/metadata.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";
import { errorField, isConfirmed, reportItems, withAdmin } from "./_admin.ts";
import { committedOf, failedRows, topicFilter } from "./_committed.ts";
import { chosenGroups, groupFlags } from "./_groups.ts";
import type { GroupOffset } from "./_offset_csv.ts";

interface Deletion extends GroupOffset {
  readonly error: Error | null;
}

export default command({
  details:
    "Has groups forget where they stand in topics that no member reads; a group that\n" +
    "comes back begins there where auto.offset.reset says. Asks first on a terminal,\n" +
    "and needs --yes elsewhere.",
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
    yes: { kind: "switch", short: "y", doc: "Do not ask" },
    "dry-run": { kind: "switch", doc: "Show what would be deleted" },
    ...outputFlags,
    ...connectionFlags,
  },
  examples: [
    "kq offset delete billing --topic orders --yes",
    "kq offset delete -r 'test-.*' --all-topics --dry-run",
  ],
  run: (context, { flags, args }) => {
    if ((flags.topic.length > 0) === flags["all-topics"]) {
      throw new UsageError("say which topics: --topic TOPIC, or --all-topics");
    }
    const isAsked = topicFilter(flags.topic);
    return withAdmin(context, flags, async (admin) => {
      const names = await chosenGroups(admin, args, flags);
      const { offsets, items } = await committedOf(admin, names);
      const chosen = offsets.filter(isAsked);
      const missing = missingTopics(flags.topic, chosen);
      if (chosen.length > 0 && !flags["dry-run"]) {
        const groups = [...new Set(chosen.map(({ group }) => group))];
        const question = `Delete ${chosen.length} offsets of ${
          groups.length > 5 ? `${groups.length} groups` : groups.join(", ")
        }?`;
        if (!await isConfirmed(context, flags.yes, question)) return 0;
      }
      const results = flags["dry-run"]
        ? chosen.map((offset) => ({ ...offset, error: null }))
        : await deleteAll(admin, chosen);
      await printRows(context.out, flags.output, {
        columns: [
          { field: "group" },
          { field: "topic" },
          { field: "partition" },
          { field: "offset" },
          { field: "deleted" },
        ],
        nameField: "group",
        rows: [
          ...results.map(({ group, topic, partition, offset, error }) => ({
            group,
            topic,
            partition,
            offset,
            deleted: error === null && !flags["dry-run"],
            ...errorField(error),
          })),
          ...failedRows(items, flags.output),
        ],
      });
      return reportItems(context, [
        ...items.filter(({ error }) => error !== null),
        ...(items.every(({ error }) => error === null) ? missing : []),
        ...results.map(({ group, topic, partition, error }) => ({
          name: `${group} ${topic}:${partition}`,
          error: readable(error),
        })),
      ]);
    });
  },
});

/** What was asked for by name, and no group has an offset of. */
function missingTopics(
  texts: readonly string[],
  chosen: readonly GroupOffset[],
) {
  return texts
    .filter((text) => {
      const { topic, partitions } = parseTopicSpec(text);
      return !chosen.some((offset) =>
        offset.topic === topic &&
        (partitions === null || partitions.includes(offset.partition))
      );
    })
    .map((name) => ({
      name,
      error: new KafkaError("RESOURCE_NOT_FOUND", "no offset is committed"),
    }));
}

async function deleteAll(
  admin: Admin,
  offsets: readonly GroupOffset[],
): Promise<Deletion[]> {
  const byGroup = Map.groupBy(offsets, ({ group }) => group);
  const all = await Promise.all([...byGroup].map(async ([group, list]) => {
    let errors: Map<string, Error | null>;
    try {
      const results = await admin.deleteGroupOffsets(group, list);
      errors = new Map(
        results.map((result) => [partitionKey(result), result.error]),
      );
    } catch (error) {
      return list.map((offset) => ({ ...offset, error: error as Error }));
    }
    return list.map((offset) => ({
      ...offset,
      error: errors.get(partitionKey(offset)) ?? null,
    }));
  }));
  return all.flat();
}

/** Says what to do where members read the topic. */
function readable(error: Error | null): Error | null {
  const isRead = error instanceof KafkaError &&
    error.errorName === "GROUP_SUBSCRIBED_TO_TOPIC";
  return isRead
    ? new KafkaError(
      "GROUP_SUBSCRIBED_TO_TOPIC",
      "members of the group read the topic; stop them first",
    )
    : error;
}
