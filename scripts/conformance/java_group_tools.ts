// The features of groups for kcat and for Apache Kafka's own tools: members that
// share a topic, the tool that shows and moves offsets, members that are killed.

import { type ClientKind, UnavailableError } from "./client.ts";
import { consoleConsumerFeatures } from "./console_consumer_groups.ts";
import type { Transcripts } from "./consumer_group_command.ts";
import { commandFeatures } from "./consumer_group_scenarios.ts";
import { featuresInto, type GroupRun } from "./group_run.ts";
import { debianTool } from "./install.ts";
import { JavaTools, javaTools } from "./java_client.ts";
import { kcat } from "./kcat_client.ts";
import { kcatFeatures } from "./kcat_groups.ts";
import type { Cell } from "./suite.ts";
import { verifiableFeatures } from "./verifiable_consumer.ts";

export interface JavaGroupOptions {
  readonly kinds: readonly ClientKind[];
  readonly bootstrap: string;
  readonly progress: (text: string) => void;
  /** Whether this is Apache Kafka: what its tool says there is kept, to compare with. */
  readonly isReference: boolean;
}

const TRANSCRIPTS_FILE = new URL(
  "../../testdata/conformance/consumer_group_command.json",
  import.meta.url,
);

/** What ConsumerGroupCommand said on Apache Kafka when that last ran. */
async function keptTranscripts(): Promise<Transcripts> {
  return JSON.parse(await Deno.readTextFile(TRANSCRIPTS_FILE));
}

async function keepTranscripts(transcripts: Transcripts): Promise<void> {
  const text = JSON.stringify(transcripts, null, 1) + "\n";
  await Deno.writeTextFile(TRANSCRIPTS_FILE, text);
}

/**
 * Runs the features on one broker. Comes last: some reset and delete all groups.
 */
export async function runJavaGroupFeatures(
  { kinds, bootstrap, progress, isReference }: JavaGroupOptions,
): Promise<Cell[]> {
  const cells: Cell[] = [];
  const asked = kinds.filter((kind) => kind === kcat || kind === javaTools);
  if (asked.length === 0) return cells;
  let tools: JavaTools;
  try {
    tools = await JavaTools.open();
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    // The suite has said already what cannot be had.
    return cells;
  }
  progress(`groups of ${asked.map(({ name }) => name).join(" and ")}`);
  const feature = featuresInto(cells, progress);
  const run: GroupRun = { bootstrap, tools, feature };
  try {
    const hasJava = asked.includes(javaTools);
    await Promise.all([
      ...(asked.includes(kcat)
        ? [debianTool("kcat").then((command) => kcatFeatures(run, command))]
        : []),
      ...(hasJava
        ? [consoleConsumerFeatures(run), verifiableFeatures(run)]
        : []),
    ]);
    if (hasJava) {
      const transcripts: Transcripts = {};
      const expected = isReference ? null : await keptTranscripts();
      await commandFeatures(run, expected, transcripts);
      if (isReference) await keepTranscripts(transcripts);
    }
    return cells;
  } finally {
    await tools.close();
  }
}
