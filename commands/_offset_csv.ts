// Offsets of groups as CSV, in the two forms of Kafka's own tool:
//
//   topic,partition,offset             of one group
//   group,topic,partition,offset       of several
//
// A line with these words is passed over, as are empty ones.

import type { Output } from "../core/cli/output.ts";
import { csvLine } from "../core/cli/rows.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import { partitionKey, type TopicPartition } from "../core/client/metadata.ts";
import { decodeUtf8 } from "../core/base/bytes.ts";

export interface GroupOffset extends TopicPartition {
  readonly group: string;
  readonly offset: number;
}

/** Prints offsets; the group is named where there are several, or where asked for. */
export async function offsetCsv(
  out: Output,
  offsets: readonly GroupOffset[],
  options: { readonly namesGroup?: boolean } = {},
): Promise<void> {
  const groups = new Set(offsets.map(({ group }) => group));
  const namesGroup = options.namesGroup ?? groups.size > 1;
  const columns = [
    ...(namesGroup ? [{ field: "group" }] : []),
    { field: "topic" },
    { field: "partition" },
    { field: "offset" },
  ];
  for (const { group, topic, partition, offset } of offsets) {
    await out.line(csvLine({ group, topic, partition, offset }, columns));
  }
}

/**
 * Reads offsets in either form.
 *
 * @param groups Who is meant where the lines do not say.
 * @throws {UsageError} With the line that is wrong.
 */
export function parseOffsetCsv(
  bytes: Uint8Array,
  path: string,
  groups: readonly string[],
): GroupOffset[] {
  const offsets = new Map<string, GroupOffset>();
  const lines = decodeUtf8(bytes).split(/\r?\n/);
  lines.forEach((line, index) => {
    const fields = parseCsvLine(line);
    if (fields.length === 1 && fields[0] === "") return;
    if (index === 0 && fields.at(-1)?.toLowerCase() === "offset") return;
    const wrong = (why: string) =>
      new UsageError(
        `${path}:${index + 1} ${why}, got ${JSON.stringify(line)}`,
      );
    if (fields.length !== 3 && fields.length !== 4) {
      throw wrong("expected [GROUP,]TOPIC,PARTITION,OFFSET");
    }
    const [topic, partition, offset] = fields.slice(-3);
    if (!/^\d{1,9}$/.test(partition) || !/^\d{1,16}$/.test(offset)) {
      throw wrong("expected whole numbers for partition and offset");
    }
    const named = fields.length === 4 ? fields[0] : null;
    if (named === null && groups.length !== 1) {
      throw wrong(
        groups.length === 0
          ? "names no group: give one"
          : "names no group, and there are several",
      );
    }
    const group = named ?? groups[0];
    if (groups.length > 0 && !groups.includes(group)) return;
    const place = { topic, partition: Number(partition) };
    offsets.set(`${group} ${partitionKey(place)}`, {
      group,
      ...place,
      offset: Number(offset),
    });
  });
  return [...offsets.values()];
}

/** The fields of one line; quotes around a field are doubled inside of it. */
function parseCsvLine(line: string): string[] {
  const fields: string[] = [];
  for (
    const match of line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)
  ) {
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2].trim());
  }
  return fields;
}
