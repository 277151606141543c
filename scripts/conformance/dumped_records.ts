// How many records Kafka's own DumpLogSegments finds in each topic of a broker's
// data: it inflates and checks every batch with Java's decompressors.

import { JavaTools } from "./java_client.ts";

/**
 * Reads every partition 0 in a data directory.
 *
 * @returns Records by topic.
 */
export async function countDumped(
  directory: string,
): Promise<ReadonlyMap<string, number>> {
  const logs = [...Deno.readDirSync(directory)]
    .filter(({ name }) => name.endsWith("-0") && !name.startsWith("__"))
    .map(({ name }) => `${directory}/${name}/${"0".repeat(20)}.log`);
  const tools = await JavaTools.open();
  const out = await tools.run("kafka.tools.DumpLogSegments", [
    ...["--deep-iteration", "--files", logs.join(",")],
  ]).finally(() => tools.close());
  const counts = new Map<string, number>();
  for (const part of out.split(/^Dumping /m).slice(1)) {
    const topic = part.match(/\/([^/]+)-0\/0+\.log/)?.[1];
    if (topic === undefined) continue;
    counts.set(topic, part.match(/^\| offset:/gm)?.length ?? 0);
  }
  return counts;
}
