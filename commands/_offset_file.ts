// Offsets out of a file, as a plan.

import type { CommandContext } from "../core/cli/command.ts";
import { readConfigFile } from "../core/cli/connection.ts";
import { concatBytes } from "../core/base/bytes.ts";
import type { Admin } from "../core/client/admin.ts";
import { partitionKey } from "../core/client/metadata.ts";
import { type GroupOffset, parseOffsetCsv } from "./_offset_csv.ts";
import { type OffsetChange, planOffsets } from "./_offset_plan.ts";

/** Reads a file, or standard input for `-`. */
export async function readOffsetFile(
  context: CommandContext,
  path: string,
  groups: readonly string[],
): Promise<GroupOffset[]> {
  const bytes = path === "-"
    ? await readStdin(context)
    : readConfigFile(context, path);
  return parseOffsetCsv(bytes, path, groups);
}

async function readStdin(context: CommandContext): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = new Uint8Array(65_536);
    const size = await context.process.readStdin(chunk);
    if (size === null) return concatBytes(chunks);
    chunks.push(chunk.subarray(0, size));
  }
}

/** Plans to set offsets that are given one by one. */
export function planGiven(
  admin: Admin,
  offsets: readonly GroupOffset[],
): Promise<OffsetChange[]> {
  const byGroup = Map.groupBy(offsets, ({ group }) => group);
  const scopes = [...byGroup].map(([group, partitions]) => ({
    group,
    partitions,
  }));
  if (scopes.length === 0) return Promise.resolve([]);
  return planOffsets(admin, scopes, {
    kind: "given",
    offsets: new Map([...byGroup].map(([group, list]) => [
      group,
      new Map(list.map((place) => [partitionKey(place), place.offset])),
    ])),
  });
}
