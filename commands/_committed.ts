// What groups have committed, for the commands that show or copy it.

import type { OutputFormat } from "../core/cli/flags.ts";
import type { Row } from "../core/cli/rows.ts";
import { parseTopicSpec } from "../core/cli/topic_spec.ts";
import type { Admin } from "../core/client/admin.ts";
import { inOrder } from "../core/client/consumer_protocol.ts";
import type { CommittedOffset } from "../core/client/group_offsets.ts";
import type { TopicPartition } from "../core/client/metadata.ts";
import { KafkaError } from "../core/wire/kafka/errors.ts";

import { errorField } from "./_admin.ts";

export type GroupCommitted = CommittedOffset & { readonly group: string };

/**
 * All offsets of groups, in order; a group that has none, and does not exist, is
 * an error of its item.
 */
export async function committedOf(
  admin: Admin,
  groups: readonly string[],
): Promise<{
  readonly offsets: GroupCommitted[];
  readonly items: readonly { readonly name: string; error: Error | null }[];
}> {
  if (groups.length === 0) return { offsets: [], items: [] };
  const found = await admin.listGroupOffsets(
    groups.map((group) => ({ group, partitions: null })),
  );
  const empty = found.filter(({ value }) => value?.length === 0);
  const missing = new Set<string>();
  if (empty.length > 0) {
    const described = await admin.describeGroups(
      empty.map(({ group }) => group),
    );
    for (const { group, error } of described) {
      const isMissing = error instanceof KafkaError &&
        error.errorName === "GROUP_ID_NOT_FOUND";
      if (isMissing) missing.add(group);
    }
  }
  return {
    offsets: found.flatMap(({ group, value }) =>
      inOrder(value ?? []).filter(({ offset }) => offset >= 0)
        .map((offset) => ({ ...offset, group }))
    ),
    items: found.map(({ group, error }) => ({
      name: group,
      error: error ??
        (missing.has(group)
          ? new KafkaError(
            "GROUP_ID_NOT_FOUND",
            "there is no such group (kq group list)",
          )
          : null),
    })),
  };
}

/**
 * Which partitions some `TOPIC[:PARTITIONS]` mean; all where there are none.
 *
 * @throws {UsageError} Where one is no such thing.
 */
export function topicFilter(
  texts: readonly string[],
): (place: TopicPartition) => boolean {
  if (texts.length === 0) return () => true;
  const specs = texts.map((text) => parseTopicSpec(text));
  return ({ topic, partition }) =>
    specs.some((spec) =>
      spec.topic === topic &&
      (spec.partitions === null || spec.partitions.includes(partition))
    );
}

/** Groups that failed, as rows of the outputs that have a place for errors. */
export function failedRows(
  items: readonly { readonly name: string; readonly error: Error | null }[],
  format: OutputFormat,
): Row[] {
  if (!["json", "ndjson", "yaml"].includes(format)) return [];
  return items.filter(({ error }) => error !== null).map(({ name, error }) => ({
    group: name,
    ...errorField(error),
  }));
}
