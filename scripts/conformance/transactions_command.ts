// TransactionsCommand (kafka-transactions.sh), run. What it says on a broker, apart
// from ids and times, is compared with what it said on Apache Kafka.

import type { Transcripts } from "./consumer_group_command.ts";
import { type GroupRun, same } from "./group_run.ts";
import { javaTools } from "./java_client.ts";

const COMMAND = "org.apache.kafka.tools.TransactionsCommand";
/** Names of what the scenarios make begin so; other rows are of other features. */
export const PREFIX = "tx-";
/** Columns with values that differ from run to run, and what stands for them. */
const VARYING: Readonly<Record<string, string>> = {
  Coordinator: "BROKER",
  CoordinatorId: "BROKER",
  ProducerId: "ID",
  CurrentTransactionStartTimeMs: "TIME",
  TransactionDurationMs: "TIME",
  LastTimestamp: "TIME",
  "Duration(min)": "TIME",
};

/**
 * A table of the tool: its header, then its rows in order, without what varies;
 * partitions of a row in order, too.
 */
export function tableLines(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first !== "" && first !== "at");
  const header = lines.findIndex(([first]) =>
    /^(TransactionalId|CoordinatorId|ProducerId|Topic)$/.test(first)
  );
  if (header < 0) return lines.map((words) => withoutNames(words.join(" ")));
  const names = lines[header];
  const rows = lines.slice(header + 1).map((words) =>
    words.map((word, i) => {
      const isNumber = /^-?\d+$/.test(word);
      if (isNumber) return VARYING[names[i]] ?? word;
      return word.split(",").toSorted().join();
    }).join(" ")
  );
  return [
    ...lines.slice(0, header).map((words) => withoutNames(words.join(" "))),
    names.join(" "),
    ...rows.toSorted(),
  ];
}

function withoutNames(line: string): string {
  return line
    .replaceAll(/127\.0\.0\.1:\d+( \(id: \d+[^)]*\))?/g, "BROKER")
    .replaceAll(/(producerId=|producer id )\d+/gi, "$1ID");
}

/** The features of one run, in order: some need what others have left. */
export class TransactionsCommand {
  readonly #run: GroupRun;
  readonly #expected: Transcripts | null;
  readonly #transcripts: Transcripts;
  #feature = "";

  constructor(
    run: GroupRun,
    expected: Transcripts | null,
    transcripts: Transcripts,
  ) {
    this.#run = run;
    this.#expected = expected;
    this.#transcripts = transcripts;
  }

  /** One feature: fails where its check does, or where a run says other things than on Apache Kafka. */
  async feature(name: string, check: () => Promise<void>): Promise<void> {
    const feature = `transactions command: ${name} (TransactionsCommand)`;
    await this.#run.feature(javaTools.name, feature, async () => {
      this.#feature = feature;
      this.#transcripts[feature] = [];
      await check();
      const wanted = this.#expected?.[feature];
      if (wanted === undefined) return;
      same(this.#transcripts[feature], wanted, "what the tool says");
    });
  }

  /**
   * Runs the tool and keeps what it says.
   *
   * @param wanted What must be in it, on any broker.
   */
  async says(
    args: readonly string[],
    ...wanted: readonly RegExp[]
  ): Promise<void> {
    const { code, lines } = await this.call(args);
    const call = args.join(" ");
    const isList = args[0] === "list";
    const rows = lines.filter((line, i) =>
      !isList || i === 0 || line.startsWith(PREFIX)
    );
    this.#transcripts[this.#feature].push([`${call}: ${code}`, ...rows]);
    const missing = wanted.find((each) => !rows.some((row) => each.test(row)));
    if (missing === undefined) return;
    throw new Error(`${call}: no ${missing} in ${rows.join(" | ")}`);
  }

  /** Runs the tool; keeps nothing. */
  async call(args: readonly string[]) {
    const command = ["--bootstrap-server", this.#run.bootstrap, ...args];
    const { code, out, err } = await this.#run.tools.answer(COMMAND, command);
    return { code, lines: tableLines(`${out}\n${err}`) };
  }
}
