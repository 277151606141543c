// What a stopped broker has written about the transactions of transaction_tools.ts to
// its own topics, read by Kafka's own DumpLogSegments.

import { featuresInto, same } from "./group_run.ts";
import { UnavailableError } from "./client.ts";
import { JavaTools, javaTools } from "./java_client.ts";
import type { Cell } from "./suite.ts";
import { PREFIX } from "./transactions_command.ts";

const DUMP_LOG_SEGMENTS = "kafka.tools.DumpLogSegments";
const OFFSETS = "__consumer_offsets-N";
const [TOPIC, OTHER] = [`${PREFIX}topic-0`, `${PREFIX}other-0`];

/** What was written of each transactional id, in turn: a state and its partitions. */
const HISTORIES: Readonly<Record<string, readonly string[]>> = {
  [`${PREFIX}empty`]: ["Empty []"],
  [`${PREFIX}commit`]: [
    "Empty []",
    `Ongoing [${TOPIC}]`,
    `Ongoing [${OFFSETS},${TOPIC}]`,
    `PrepareCommit [${OFFSETS},${TOPIC}]`,
    "CompleteCommit []",
  ],
  [`${PREFIX}abort`]: [
    "Empty []",
    `Ongoing [${TOPIC}]`,
    `PrepareAbort [${TOPIC}]`,
    "CompleteAbort []",
  ],
  [`${PREFIX}open`]: [
    "Empty []",
    `Ongoing [${TOPIC}]`,
    `Ongoing [${OTHER},${TOPIC}]`,
    `PrepareAbort [${OTHER},${TOPIC}]`,
    "CompleteAbort []",
  ],
};

/** Segments of an internal topic that have something in them. */
function segmentsOf(directory: string, topic: string): string[] {
  return [...Deno.readDirSync(directory)]
    .filter(({ name }) => name.startsWith(`${topic}-`))
    .flatMap(({ name }) => {
      const folder = `${directory}/${name}`;
      return [...Deno.readDirSync(folder)]
        .map((file) => `${folder}/${file.name}`);
    })
    .filter((path) => path.endsWith(".log") && Deno.statSync(path).size > 0)
    .toSorted();
}

/** What the tool says of a transactional id, in the order of its log. */
export function historyOf(dump: string, transactionalId: string): string[] {
  const wanted =
    `key: transaction_metadata::transactionalId=${transactionalId} `;
  return dump.split("\n").filter((line) => line.includes(wanted)).map(
    (line) => {
      const [, state, partitions] =
        /state=(\w+),partitions=\[([^\]]*)\]/.exec(line) ?? ["", line, ""];
      const names = partitions.split(/, ?/)
        .map((name) => name.replace(/^(__consumer_offsets)-\d+$/, "$1-N"));
      return `${state} [${names.toSorted().join()}]`;
    },
  );
}

async function dump(
  tools: JavaTools,
  decoder: string,
  files: readonly string[],
): Promise<string> {
  if (files.length === 0) throw new Error("there are no segments");
  const out = await tools.run(DUMP_LOG_SEGMENTS, [
    ...[decoder, "--files", files.join(",")],
  ]);
  const trouble = out.split("\n").find((line) =>
    /isvalid: false|mismatch|corrupt/i.test(line)
  );
  if (trouble !== undefined) throw new Error(trouble);
  return out;
}

/** The cells of a data directory; the broker must have stopped. */
export async function checkTransactionLogs(directory: string): Promise<Cell[]> {
  const cells: Cell[] = [];
  let tools: JavaTools;
  try {
    tools = await JavaTools.open();
  } catch (error) {
    if (error instanceof UnavailableError) return cells;
    throw error;
  }
  const feature = featuresInto(cells, () => {});
  const files = (topic: string) => segmentsOf(directory, topic);
  await feature(
    javaTools.name,
    "transactions: read the transaction log (DumpLogSegments)",
    async () => {
      const decoder = "--transaction-log-decoder";
      const out = await dump(tools, decoder, files("__transaction_state"));
      for (const [id, wanted] of Object.entries(HISTORIES)) {
        same(historyOf(out, id), wanted, id);
      }
    },
  );
  await feature(
    javaTools.name,
    "transactions: read the committed offsets (DumpLogSegments)",
    async () => {
      const decoder = "--offsets-decoder";
      const out = await dump(tools, decoder, files("__consumer_offsets"));
      const lines = out.split("\n");
      const key = `"group":"${PREFIX}commit","topic":"${PREFIX}topic"`;
      const at = lines.findIndex((line) => line.includes(key));
      const around = lines.slice(at - 1, at + 3).map((line) =>
        /isTransactional: true isControl: \w+|"offset":\d+|endTxnMarker: \w+/
          .exec(line)?.[0] ?? line
      );
      same(around, [
        "isTransactional: true isControl: false",
        `"offset":7`,
        "isTransactional: true isControl: true",
        "endTxnMarker: COMMIT",
      ], "the batches of the offset");
    },
  );
  await tools.close();
  return cells;
}
