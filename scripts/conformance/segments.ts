// What a stopped broker left on disk, read by Kafka's own DumpLogSegments.

import { type ClientKind, UnavailableError } from "./client.ts";
import { plainRecords } from "./dataset.ts";
import { JavaTools, javaTools } from "./java_client.ts";
import type { Cell } from "./suite.ts";

const DUMP_LOG_SEGMENTS = "kafka.tools.DumpLogSegments";
const CLIENT: ClientKind["name"] = javaTools.name;
/** How the tool reports what does not fit. */
const TROUBLE = /mismatch|isvalid: false|invalid|corrupt|error|exception/i;

interface Files {
  readonly logs: string[];
  readonly indexes: string[];
}

function partitionFiles(directory: string): Files {
  const logs: string[] = [];
  const indexes: string[] = [];
  for (const entry of Deno.readDirSync(directory)) {
    // The topics of the suite only: what the broker keeps for itself has other values.
    if (!entry.isDirectory || !/-\d+$/.test(entry.name)) continue;
    if (entry.name.startsWith("__")) continue;
    for (const { name } of Deno.readDirSync(`${directory}/${entry.name}`)) {
      const path = `${directory}/${entry.name}/${name}`;
      if (name.endsWith(".log")) logs.push(path);
      if (/\.(time)?index$/.test(name)) indexes.push(path);
    }
  }
  return { logs: logs.toSorted(), indexes: indexes.toSorted() };
}

function trouble(out: string): string | null {
  // Records are printed in full; only what the tool says itself counts.
  const lines = out.split("\n").filter((line) => !line.startsWith("| offset:"));
  return lines.find((line) => TROUBLE.test(line))?.trim() ?? null;
}

async function readLogs(tools: JavaTools, { logs }: Files): Promise<void> {
  const out = await tools.run(DUMP_LOG_SEGMENTS, [
    ...["--deep-iteration", "--print-data-log", "--files", logs.join(",")],
  ]);
  const found = trouble(out);
  if (found !== null) throw new Error(found);
  const perFile = out.split(/^Dumping /m).slice(1);
  if (perFile.length !== logs.length) throw new Error("not all files are read");
  for (const part of perFile) {
    const [path] = part.split("\n", 1);
    if (!/-(none|gzip|snappy|lz4|zstd)-0\//.test(path)) continue;
    const count = part.match(/^\| offset:/gm)?.length ?? 0;
    if (count !== plainRecords.length) {
      throw new Error(`${count} records in ${path}`);
    }
  }
}

async function verifyIndexes(tools: JavaTools, files: Files): Promise<void> {
  const out = await tools.run(DUMP_LOG_SEGMENTS, [
    ...["--verify-index-only", "--files", files.indexes.join(",")],
  ]);
  const found = trouble(out);
  if (found !== null) throw new Error(found);
}

/**
 * The cells of a data directory; the broker must have stopped.
 *
 * @param client Whose cells they are.
 */
export async function checkSegments(
  directory: string,
  client: string = CLIENT,
): Promise<Cell[]> {
  let tools: JavaTools;
  try {
    tools = await JavaTools.open();
  } catch (error) {
    if (error instanceof UnavailableError) return [];
    throw error;
  }
  const files = partitionFiles(directory);
  const cells: Cell[] = [];
  const checks = [
    ["read the segments (DumpLogSegments)", readLogs],
    ["verify the indexes (DumpLogSegments)", verifyIndexes],
  ] as const;
  for (const [feature, check] of checks) {
    try {
      if (files.logs.length === 0) throw new Error("there are no segments");
      await check(tools, files);
      cells.push({ client, feature, outcome: "pass", reason: "" });
    } catch (error) {
      const reason = (error as Error).message;
      cells.push({ client, feature, outcome: "fail", reason });
    }
  }
  await tools.close();
  return cells;
}
